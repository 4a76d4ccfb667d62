"""`git mlvc repro` killed or interrupted at any moment: the next one ends as if nothing had happened."""

from __future__ import annotations

import os
import random
import signal
import subprocess

import pytest
from support.extent import FAULTS
from support.repo import Machine, Repo, launcher

ROUNDS = FAULTS // 6
STAGES = """\
[stage.cut]
cmd  = ["echo begins", "mkdir -p parts; for n in 1 2 3; do cat in > parts/$n; echo cut $n; done"]
deps = ["in"]
outs = ["parts/"]

[stage.work]
matrix = {n = ["1", "2", "3"]}
cmd  = ["echo half > made/${item.n}", "echo at work", "cat parts/${item.n} >> made/${item.n}; echo made"]
deps = ["parts/${item.n}"]
outs = ["made/${item.n}"]

[stage.join]
cmd  = "echo joins; cat made/* > all; echo joined"
deps = ["made"]
outs = ["all"]
"""


def content(repo: Repo) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in repo.files() if name != "mlvc.lock"}


def interrupt(repo: Repo, after_lines: int, number: signal.Signals) -> int:
    """Run a repro until it has written so many lines; return its exit code."""
    process = subprocess.Popen(
        [launcher(), "repro", "-j", "2"],
        cwd=repo.path,
        env=repo.machine.env(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stderr is not None
    for _ in range(after_lines):
        if not process.stderr.readline():
            break
    process.send_signal(number)
    said = process.stderr.read()
    process.stderr.close()
    assert b"Traceback" not in said, said
    return process.wait()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_law_10_ended_at_any_moment_the_next_repro_goes_on(
    machine: Machine, number: signal.Signals
) -> None:
    seed = int(os.environ.get("MLVC_SEED") or random.randrange(1 << 32))
    chance = random.Random(seed)
    repo = machine.init().write({"mlvc.toml": STAGES.encode(), "in": b"0\n"})
    repo.mlvc("repro")
    for round_ in range(1, ROUNDS + 1):
        before = content(repo)
        repo.write({"in": b"%d\n" % round_})
        code = interrupt(repo, chance.randrange(1, 20), number)
        if number is signal.SIGINT:
            assert code in (130, 0), f"seed {seed}"
        if code == 130:  # each out is whole: the one from before, or the new one
            for name, data in content(repo).items():
                new = before[name].replace(b"%d\n" % (round_ - 1), b"%d\n" % round_)
                assert name == ".gitattributes" or data in (before[name], new), f"seed {seed}"
        repo.mlvc("repro", "-j", "2", "--wait")
        assert repo.mlvc("repro", "--plan").returncode == 0
        line = b"%d\n" % round_
        assert repo.read("all") == (b"half\n" + line) * 3, f"seed {seed}"
        assert [repo.read(f"parts/{n}") for n in "123"] == [line] * 3, f"seed {seed}"
    assert not list((repo.git_dir / "mlvc" / "aside").glob("*-*"))
    repo.mlvc("fsck")
