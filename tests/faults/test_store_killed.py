"""SIGKILL at any step and at any moment (law 10): nothing promised is lost, the store stays sound.

MLVC_FAULTS=N asks for about N kills instead of a few.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from support.content import noise
from support.disks import CountingDisk, KillingDisk
from support.extent import FAULTS
from support.packs import pack_of, true_records

from git_mlvc.formats import pointer as pointer_format
from git_mlvc.formats.pointer import Pointer
from git_mlvc.oid import Oid
from git_mlvc.store import fsck
from git_mlvc.store.disk import Disk
from git_mlvc.store.layout import Layout
from git_mlvc.store.recover import recover, survey
from git_mlvc.store.store import Store

KILLS = FAULTS
SIZES = (5000, 90000, 1 << 21, 40)


def some(steps: range) -> list[int]:
    """Return as many of the steps as kills are asked for, all over them."""
    return sorted(random.Random(KILLS).sample(steps, min(KILLS, len(steps))))


def content(number: int) -> bytes:
    return noise(SIZES[number % len(SIZES)], number)


def restored(store: Store, pointer: Pointer) -> bytes:
    out = bytearray()
    store.restore(pointer, out.extend)
    return bytes(out)


def in_child(work, promised: Path) -> int:  # type: ignore[no-untyped-def]
    """Run `work(promise)` in a forked child; return its exit code (-9: killed)."""
    pid = os.fork()
    if pid == 0:
        code = 1
        with contextlib.suppress(BaseException):
            fd = os.open(promised, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            work(
                lambda number, pointer: os.write(
                    fd, b"%d %s\n" % (number, pointer_format.encode(pointer).replace(b"\n", b"|"))
                )
            )
            code = 0
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def promises(path: Path) -> list[tuple[int, Pointer]]:
    found = []
    for line in path.read_bytes().splitlines() if path.exists() else []:
        number, _, text = line.partition(b" ")
        found.append((int(number), pointer_format.decode(text.replace(b"|", b"\n"))))
    return found


def check(top: Path, promised: Path) -> None:
    for number, pointer in promises(promised):
        assert restored(Store.open(top), pointer) == content(number)  # before anybody recovers
    store = Store.open(top)
    store.recover()
    if any(left.owner is None for left in survey(store.layout)):
        # Killed inside the journal's first write: whoever it was gets ten minutes to finish it.
        recover(store.layout, store.disk, now_s=time.time() + 3600)
    assert not list(top.glob("tmp/*.journal"))
    fsck.rebuild(store)
    report = fsck.check(store)
    assert report.is_sound
    assert not report.unindexed_packs
    for number, pointer in promises(promised):
        assert restored(store, pointer) == content(number)
    with store.session() as session:
        for number in range(len(SIZES)):
            pointer = session.ingest([content(number)])
            assert pointer is not None
    assert restored(Store.open(top), pointer) == content(len(SIZES) - 1)
    assert fsck.check(Store.open(top)).is_sound


def leave_open(top: Path, promise) -> None:  # type: ignore[no-untyped-def]
    session = Store.open(top).session()
    for number in range(len(SIZES)):
        promise(number, session.ingest([content(number)]))
    os.kill(os.getpid(), signal.SIGKILL)


def recover_on(top: Path, disk: Disk, promise) -> None:  # type: ignore[no-untyped-def]
    recover(Layout(top), disk)


def ingest_all(top: Path, disk: Disk, promise) -> None:  # type: ignore[no-untyped-def]
    session = Store.open(top, disk=disk).session()
    for number in range(len(SIZES)):
        promise(number, session.ingest([content(number)]))
    session.close()


def test_law_10_killed_at_every_step_of_a_session(tmp_path: Path) -> None:
    counting = CountingDisk()
    ingest_all(tmp_path / "count", counting, lambda number, pointer: None)
    for kill_at in some(range(1, counting.steps + 1)):
        top, promised = tmp_path / f"s{kill_at}", tmp_path / f"p{kill_at}"
        ended = in_child(partial(ingest_all, top, KillingDisk(kill_at)), promised)
        assert ended == -signal.SIGKILL
        check(top, promised)


def test_law_10_killed_at_every_step_of_recovering(tmp_path: Path) -> None:
    counted = tmp_path / "count"
    in_child(partial(leave_open, counted), tmp_path / "pc")
    counting = CountingDisk()
    assert recover(Layout(counted), counting) == 1
    steps = range(1, counting.steps + 1)
    assert len(steps) > 8
    for kill_at in some(steps):
        top, promised = tmp_path / f"s{kill_at}", tmp_path / f"p{kill_at}"
        in_child(partial(leave_open, top), promised)
        assert len(promises(promised)) == len(SIZES)
        ended = in_child(partial(recover_on, top, KillingDisk(kill_at)), tmp_path / "none")
        assert ended == -signal.SIGKILL
        check(top, promised)


def adopt_two(top: Path, disk: Disk, promise) -> None:  # type: ignore[no-untyped-def]
    adoption = Store.open(top, disk=disk).adoption()
    for first in (0, 3):
        numbers = [n for n in range(first, first + 2) if len(content(n)) < 100_000]
        data, table = pack_of(true_records(content(n) for n in numbers))
        adoption.keep(adoption.fetch(table.id, lambda fd, data=data: os.pwrite(fd, data, 0)))
        adoption.publish()
        for number in numbers:
            promise(number, Pointer(Oid.of(content(number)), len(content(number))))
    adoption.close()


def test_law_10_killed_at_every_step_of_an_adoption(tmp_path: Path) -> None:
    counting = CountingDisk()
    adopt_two(tmp_path / "count", counting, lambda number, pointer: None)
    for kill_at in some(range(1, counting.steps + 1)):
        top, promised = tmp_path / f"s{kill_at}", tmp_path / f"p{kill_at}"
        ended = in_child(partial(adopt_two, top, KillingDisk(kill_at)), promised)
        assert ended == -signal.SIGKILL
        check(top, promised)


def test_two_recover_at_once_and_both_are_right(tmp_path: Path) -> None:
    top = tmp_path / "mlvc"
    for round_ in range(max(3, KILLS // 8)):
        promised = tmp_path / f"p{round_}"

        if top.exists():
            with Store.open(top).session() as session:
                session.ingest([noise(1000, 5000 + round_)])
        in_child(partial(leave_open, top), promised)
        pids = []
        for _ in range(3):
            pid = os.fork()
            if pid == 0:
                code = 1
                with contextlib.suppress(BaseException):
                    Store.open(top).recover()
                    store = Store.open(top)
                    code = (
                        0
                        if all(restored(store, p) == content(n) for n, p in promises(promised))
                        else 2
                    )
                os._exit(code)
            pids.append(pid)
        assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids] == [0, 0, 0]
        check(top, promised)


CHILD = """
import random, sys
from pathlib import Path
from git_mlvc.formats import pointer
from git_mlvc.store.store import Store
seed = int(sys.argv[2])
print("ready", flush=True)
session = Store.open(Path(sys.argv[1])).session()
for number in range(10_000):
    size = random.Random(number + seed).choice([100, 5000, 70000, 2_000_000])
    data = random.Random(number + seed).randbytes(size)
    p = session.ingest([data])
    print(number, p.oid, p.size_bytes, flush=True)
    if number % 20 == 19:
        session.close()
        session = Store.open(Path(sys.argv[1])).session()
"""


def test_law_10_killed_at_any_moment(tmp_path: Path) -> None:
    from git_mlvc.oid import Oid

    top = tmp_path / "mlvc"
    rng = random.Random(11)
    for round_ in range(max(3, KILLS // 8)):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(top), str(round_ * 10_000)], stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        child.stdout.readline()
        lines = [child.stdout.readline() for _ in range(rng.randrange(60))]
        child.kill()  # it has gone on meanwhile, nobody knows how far
        lines += child.stdout.read().splitlines(keepends=True)
        child.wait()
        child.stdout.close()
        store = Store.open(top)
        for line in lines:
            if line.endswith(b"\n") and line.strip():
                number, oid, size = line.split()
                pointer = Pointer(Oid.parse(oid.decode()), int(size))
                data = random.Random(int(number) + round_ * 10_000)
                size_ = data.choice([100, 5000, 70000, 2_000_000])
                assert pointer.size_bytes == size_
                assert store.is_complete(pointer)
                store.restore(pointer, lambda piece: None)
        store.recover()
        report = fsck.check(store)
        assert report.is_sound


@pytest.mark.parametrize("limit", [3000, 66000, 200000])
def test_law_10_a_limit_on_file_sizes_is_a_full_disk(tmp_path: Path, limit: int) -> None:
    import resource

    top, promised = tmp_path / "mlvc", tmp_path / "promised"

    def cramped(promise) -> None:  # type: ignore[no-untyped-def]
        from git_mlvc.errors import StoreError

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        session = Store.open(top).session()
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        refused = 0
        for number in range(len(SIZES)):
            try:
                promise(number, session.ingest([content(number)]))
            except StoreError as exc:
                assert "ulimit" in exc.hint
                refused += 1
        assert refused
        with contextlib.suppress(StoreError):
            session.close()

    assert in_child(cramped, promised) == 0
    check(top, promised)
