"""Commands on bad days: a real git, the real command line, a real server behind a proxy that is told to fail.

Each pair of driver and bad day ends in success after a retry, or in exit ≠ 0 with one error that says what, why and
what next; git refuses the push; nothing wrong stands in the worktree; and once the fault is gone, the same command succeeds.
A part of all pairs in `make test`, all of them with `make faults` (MLVC_FAULTS).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import pytest
from support.bad_days import BadDay, Outcome, chosen
from support.content import is_pointer, noise
from support.fault_proxy import FaultProxy
from support.faulty_place import through, upstream_of
from support.repo import Repo, Result
from support.two_people import REMOTE, machine_for, start

HANG_S = 90.0
SHARE = 6 if int(os.environ.get("MLVC_FAULTS", "12")) <= 12 else 1
# driver -> the fixture of its server
DRIVERS = {"s3": "moto_server"}


@dataclass
class Traffic:
    """Ann and Ben at work through a proxy, for as many cases as there are on one server."""

    proxy: FaultProxy
    ann: Repo
    ben: Repo
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def commit(self) -> tuple[str, dict[str, bytes]]:
        """Let Ann commit what nobody has, on a branch of its own; return its name and the files."""
        number = next(self.numbers)
        branch = f"day-{number}"
        files = {
            f"{branch}/large.bin": noise(300_000, number),
            f"{branch}/small.bin": noise(2_000, 1000 + number),
        }
        self.ann.git("switch", "-q", "-c", branch, "main")
        self.ann.write(files).add().commit(branch)
        return branch, files


@pytest.fixture(scope="module")
def traffic(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Traffic]:
    place = request.getfixturevalue(DRIVERS[request.param]).place()
    root = tmp_path_factory.mktemp(request.param)
    with FaultProxy(upstream_of(place)) as proxy:
        seen = through(place, proxy)
        project = start(seen, root)
        project.ann.machine.config("mlvc.timeout", "2")
        project.ann.git("push", "-q", "-u", "origin", "main")
        ben = project.clone_for(machine_for(seen, root / "ben"))
        ben.machine.config("mlvc.timeout", "2")
        ben.machine.extra_env["MLVC_SKIP_SMUDGE"] = "1"
        yield Traffic(proxy, project.ann, ben)


def blocks(result: Result) -> list[str]:
    """Return our errors, without git's own word on the refused push."""
    lines = result.err.splitlines()
    starts = [n for n, line in enumerate(lines) if line.startswith("error: ")]
    found = ["\n".join(lines[a:b]) for a, b in zip(starts, [*starts[1:], len(lines)], strict=True)]
    return [text for text in found if not text.startswith("error: failed to push some refs")]


def judge(result: Result, outcome: Outcome) -> bool:
    """Check what a command said of itself; return whether it succeeded."""
    if outcome is Outcome.DONE:
        assert result.ok, result
    if outcome is Outcome.REFUSED:
        assert not result.ok, result
    if not result.ok:
        assert len(blocks(result)) == 1, result
        assert "\n  why: " in blocks(result)[0], result
    return result.ok


@pytest.mark.parametrize(
    ("traffic", "day"),
    [
        pytest.param(driver, day, id=f"{driver}-{day.name.replace(' ', '-')}")
        for driver, day in chosen(DRIVERS, SHARE)
    ],
    indirect=["traffic"],
)
def test_a_bad_day(traffic: Traffic, day: BadDay) -> None:
    ann, ben, proxy = traffic.ann, traffic.ben, traffic.proxy
    branch, files = traffic.commit()
    with FaultProxy(None) as elsewhere:
        away = f"http://localhost:{elsewhere.port}/x"
        day.rules(proxy.rules, away)
        pushed = ann.git("push", "-q", "origin", branch, check=False, timeout_s=HANG_S)
        proxy.rules.clear()
        if not judge(pushed, day.push):
            assert ann.text("ls-remote", "origin", branch) == ""  # git refused as well
            ann.git("push", "-q", "origin", branch)

        ben.git("fetch", "-q", "origin")
        ben.git("switch", "-q", branch)
        assert sorted(ben.stubs()) == sorted(files)
        day.rules(proxy.rules, away)
        pulled = ben.mlvc("pull", check=False, timeout_s=HANG_S, env={"MLVC_SKIP_SMUDGE": None})
        proxy.rules.clear()
        is_pulled = judge(pulled, day.pull)
        for name, data in files.items():
            assert ben.read(name) == data or (not is_pulled and is_pointer(ben.read(name))), pulled
        assert not any(one.sent_authorization for one in elsewhere.requests)

    if not is_pulled:
        ben.mlvc("pull", env={"MLVC_SKIP_SMUDGE": None})
        assert {name: ben.read(name) for name in files} == files
    assert ben.is_clean()
    ben.mlvc("fsck", "--remote", REMOTE)
