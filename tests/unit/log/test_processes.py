"""Several processes, forks and threads at one directory; processes that are killed; what an import costs."""

from __future__ import annotations

import copy
import json
import os
import pickle
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from git_mlvc import log
from git_mlvc.errors import InputError

# What each of several processes does once it is told to go on.
MANY = """
import sys
from git_mlvc import log
me = int(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for step in range(50):
    log.metric("shared", me + step / 100, step=step * int(sys.argv[2]) + me)
    log.metric(f"own/{me}", step)
    log.metric("numbered", me)
log.params({f"process{me}": me})
"""

KILLED = """
from git_mlvc import log
log.metric("loss", 0.5, step=0)
log.flush()
print("ready", flush=True)
for step in range(1, 10**9):
    log.metric("loss", 1 / step, step=step)
"""


def python(code: str, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-S", "-c", f"import sys; sys.path.insert(0, {root()!r})\n{code}", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def done(code: str) -> int:
    process = python(code)
    process.communicate()
    return process.returncode


def root() -> str:
    return str(Path(log.__file__ or "").parents[2])


def steps(path: Path) -> list[int]:
    lines = path.read_text().splitlines()
    assert lines[0].startswith("step,")
    return [int(line.split(",")[0]) for line in lines[1:]]


@pytest.mark.parametrize(("key", "number"), [("", 8), ("job 7", 3)])
def test_several_processes_lose_nothing_and_leave_what_one_would(
    here: Path, key: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Together by the session they are in while one of them is there, or by a key that they were given."""
    if key:
        monkeypatch.setenv("MLVC_LOG_RUN", key)
    else:
        log.params({"parent": True})
    processes = [python(MANY, str(me), str(number)) for me in range(number)]
    for process in processes:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in processes:
        process.communicate("go\n")
        assert process.returncode == 0
    if not key:
        with log.run() as run:
            run.flush()
        log.runs.end_all()
    assert steps(here / "plots/shared.csv") == list(range(50 * number))
    assert steps(here / "plots/numbered.csv") == list(range(50 * number))
    found = json.loads((here / "metrics.json").read_bytes())
    assert found["shared"] == number - 1 + 49 / 100
    assert found["own"] == dict.fromkeys(map(str, range(number)), 49)
    params = json.loads((here / "logged_params.json").read_bytes())
    expected = {f"process{me}": me for me in range(number)}
    assert params == expected | ({} if key else {"parent": True})


def test_a_process_that_is_killed_leaves_files_that_can_be_read_and_gone_on_with(
    here: Path,
) -> None:
    process = python(KILLED)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    path = here / "plots/loss.csv"
    while path.stat().st_size < 20_000:
        pass
    process.send_signal(signal.SIGKILL)
    process.communicate()
    json.loads((here / "metrics.json").read_bytes())
    rows = steps(path)
    assert rows == list(range(len(rows)))
    with log.run(resume=True) as run:
        run.metric("loss", 7)
    assert steps(path) == [*rows, len(rows)]
    assert json.loads((here / "metrics.json").read_bytes()) == {"loss": 7}


def test_readers_never_see_half_of_a_file(here: Path) -> None:
    is_over = threading.Event()
    broken: list[bytes] = []

    def read() -> None:
        while not is_over.is_set():
            for path in (here / "metrics.json", here / "plots/loss.csv"):
                data = path.read_bytes() if path.exists() else b"\n"
                if data and not data.endswith(b"\n"):
                    broken.append(data)

    reader = threading.Thread(target=read)
    with log.run() as run:
        reader.start()
        for step in range(25):
            run.metric("loss", step, step=step)
            run.flush()
        is_over.set()
        reader.join()
    assert broken == []


def test_what_the_writing_thread_meets_is_told_by_the_next_call(here: Path) -> None:
    with log.run() as run:
        run.metric("loss", 1)
        run.flush()
        (here / "metrics.json").write_text("[]")
        run.metric("loss", 2)
        with pytest.raises(InputError, match="holds a list"):
            while True:  # until the thread has tried
                run.metric("loss", 3)
        (here / "metrics.json").unlink()
    assert json.loads((here / "metrics.json").read_bytes()) == {"loss": 3}


def test_threads_share_a_run(here: Path) -> None:
    with log.run() as run:
        threads = [
            threading.Thread(target=lambda: [run.metric("n", 1) for _ in range(100)])
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert steps(here / "plots/n.csv") == list(range(400))


def test_a_fork_joins_its_parent_s_run(here: Path) -> None:
    code = """
import multiprocessing, os
from git_mlvc import log

def work(me):
    log.metric(f"child/{me}", me)

with log.run() as run:
    run.metric("parent", 1)
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=work, args=(me,)) for me in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join()
        assert child.exitcode == 0
    quiet = os.fork()
    if not quiet:
        raise SystemExit
    os.waitpid(quiet, 0)
    equal = os.fork()
    if not equal:  # as accelerate's launchers for notebooks do it
        os.environ["RANK"] = "1"
        run.metric("parent", 7)
        log.metric("of the second", 7)
        raise SystemExit
    os.waitpid(equal, 0)
    run.metric("parent", 2)
"""
    assert done(code) == 0
    found = json.loads((here / "metrics.json").read_bytes())
    assert found == {"parent": 2, "child": {"0": 0, "1": 1}}
    assert (here / "plots/parent.csv").read_bytes() == b"step,parent\n0,1\n1,2\n"


def test_a_run_that_is_handed_to_another_process_is_joined_there_by_the_first_of_equal_ones(
    here: Path,
) -> None:
    """As pytorch's `spawn` hands it on; which of them a process is, it is told later."""
    code = "import os, pickle; run = pickle.loads(bytes.fromhex({!r})); os.environ['RANK'] = '{}'; os.chdir('/')\n"
    code += "from git_mlvc import log; run.metric('loss', 1); log.metric('too', 2)"
    with log.run("results") as run:
        run.metric("before", 1)
        handed = pickle.dumps(run).hex()
        assert [done(code.format(handed, rank)) for rank in (1, 0)] == [0, 0]
        assert copy.deepcopy(run) is run
    assert (here / "results/plots/loss.csv").read_bytes() == b"step,loss\n0,1\n"
    found = json.loads((here / "results/metrics.json").read_bytes())
    assert found == {"before": 1, "loss": 1, "too": 2}


def test_a_stage_s_second_command_goes_on_with_the_run_of_the_first(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLVC_LOG_RUN", "attempt")
    for name in ("train", "test"):
        assert done(f"from git_mlvc import log; log.metric({name!r}, 1)") == 0
    assert set(json.loads((here / "metrics.json").read_bytes())) == {"train", "test"}
    monkeypatch.setenv("MLVC_LOG_RUN", "the next attempt")
    with log.run() as run:
        run.metric("other", 1)
    assert set(json.loads((here / "metrics.json").read_bytes())) == {"other"}
    assert sorted(os.listdir(here / "plots")) == ["other.csv"]


def test_ten_thousand_calls_replace_metrics_json_a_few_times(here: Path) -> None:
    seen = set()
    with log.run() as run:
        for step in range(10_000):
            run.metric("loss", step, step=step)
            if step % 100 == 0 and (here / "metrics.json").exists():
                seen.add((here / "metrics.json").stat().st_mtime_ns)
    assert len(seen) < 20


def test_many_metrics_do_not_use_up_the_files_that_a_process_may_have_open(here: Path) -> None:
    before = len(os.listdir("/dev/fd"))
    with log.run() as run:
        for _ in range(2):
            for number in range(150):
                run.metric(f"m{number}", number)
        assert len(os.listdir("/dev/fd")) < before + 100
    assert len(os.listdir("/dev/fd")) == before
    assert all(steps(path) == [0, 1] for path in (here / "plots").iterdir())


def test_the_import_brings_nothing_but_a_little_of_python_s_own() -> None:
    code = """
before = set(sys.modules)
from git_mlvc import log
for name in ("keras", "lightgbm", "lightning", "sklearn", "transformers", "xgboost"):
    getattr(log, name)
print(" ".join(sorted({name.partition(".")[0] for name in set(sys.modules) - before})))
print(" ".join(sorted(name for name in sys.modules if name.startswith("git_mlvc"))))
"""
    said, _ = python(code).communicate()
    others, ours = (set(line.split()) for line in said.splitlines())
    assert others <= set(sys.stdlib_module_names) | {"git_mlvc"}
    assert not others & {"asyncio", "dataclasses", "inspect", "logging", "shutil", "subprocess", "tempfile", "hashlib", "multiprocessing"}  # fmt: skip
    assert {name.split(".")[1] for name in ours if "." in name} == {"log"}
