"""A run that was remembered stays so, and all it made with it: through SIGKILL, and beside other processes."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from support import runs
from support.content import noise
from support.disks import CountingDisk, KillingDisk
from support.extent import FAULTS

from git_mlvc.formats import run_record
from git_mlvc.store import fsck, run_contents
from git_mlvc.store.disk import Disk
from git_mlvc.store.store import Store

STAGES = 3


def repro(top: Path, disk: Disk, promise: Callable[[bytes], object]) -> None:
    """What running stages does: outs, then the run, and only then may a lock name it."""
    with Store.open(top, disk=disk).session() as session:
        for number in range(STAGES):
            made = runs.made_file(session, noise(3000, number))
            tree = runs.made_tree(session, one=noise(90_000, 100 + number), two=b"same")
            one = runs.record(f"make {number}", ("file", made), ("tree", tree))
            promise(runs.add(session, one))


def killed(top: Path, kill_at: int) -> list[bytes]:
    """Run `repro` in a child that is killed at a step; return the runs that it was promised."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            repro(top, KillingDisk(kill_at), lambda run_id: os.write(writing, run_id))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        promised = pipe.read()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    return [promised[at : at + 32] for at in range(0, len(promised), 32)]


def check(store: Store, promised: list[bytes]) -> None:
    listed = {run_id: key for key, run_id in store.all_runs()}
    assert set(promised) <= set(listed)
    for run_id in promised:
        one = run_record.decode(store.read_run(run_id))
        assert store.runs_of(one.key) == [run_id]
        assert listed[run_id] == one.key
        assert run_contents.is_complete(store, one)


def test_law_10_killed_at_any_step_a_remembered_run_can_be_restored(tmp_path: Path) -> None:
    counting = CountingDisk()
    repro(tmp_path / "count", counting, lambda run_id: None)
    steps = sorted(random.Random(FAULTS).sample(range(1, counting.steps + 1), min(FAULTS, 20)))
    for kill_at in steps:
        top = tmp_path / f"at{kill_at}"
        promised = killed(top, kill_at)
        check(Store.open(top), promised)  # before anybody recovers
        store = Store.open(top)
        store.recover()
        check(store, promised)
        repro(top, Disk(), lambda run_id: None)
        assert len(runs.listed(Store.open(top))) == STAGES
        assert fsck.check(Store.open(top)).is_sound


WORKER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from support import runs
from git_mlvc.store.store import Store
store = Store.open(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for round_ in range(4):
    with store.session() as session:
        for number in range(5):
            whose = sys.argv[2] if number % 2 else "both"
            data = f"{whose} {round_} {number}".encode() * 500
            one = runs.record(f"{whose} {round_} {number}", ("out", runs.made_file(session, data)))
            run_id = runs.add(session, one)
            assert store.runs_of(one.key) == [run_id]
            print(run_id.hex())
"""


def test_law_10_two_processes_remember_runs_at_once(tmp_path: Path) -> None:
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, tmp_path / "mlvc", name, Path(runs.__file__).parents[1]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two")
    ]
    for worker in workers:
        assert worker.stdout is not None and worker.stdout.readline() == "ready\n"
    answers = [worker.communicate("go\n", timeout=120)[0].split() for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0]
    store = Store.open(tmp_path / "mlvc")
    promised = {bytes.fromhex(text) for answer in answers for text in answer}
    assert len(promised) == 4 * (3 + 2 * 2)
    assert {run_id for _, run_id in store.all_runs()} == promised
    check(store, sorted(promised))
    assert fsck.check(store).is_sound
