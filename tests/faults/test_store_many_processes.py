"""Many processes on one store at once."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

from support.extent import FAULTS

from git_mlvc.formats.pointer import Pointer
from git_mlvc.oid import Oid
from git_mlvc.store import fsck
from git_mlvc.store.store import Store

ROUNDS = max(2, FAULTS // 6)
WORKERS = 4

WORKER = """
import random, sys
from pathlib import Path
from git_mlvc.store.store import Store
top, me, rounds = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
for round_ in range(rounds):
    with Store.open(top).session() as session:
        for number in range(12):
            seed = number if number % 2 else 1000 * (me + 1) + 100 * round_ + number
            data = random.Random(seed).randbytes([200, 30000, 400000, 1500000][number % 4])
            pointer = session.ingest([data])
            out = bytearray()
            Store.open(top).restore(pointer, out.extend)
            assert out == data
            print(seed, pointer.oid, pointer.size_bytes)
"""


def test_law_10_several_processes_ingest_the_same_and_different_contents(tmp_path: Path) -> None:
    top = tmp_path / "mlvc"
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(top), str(me), str(ROUNDS)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for me in range(WORKERS)
    ]
    lines: list[str] = []
    for worker in workers:
        out, _ = worker.communicate(timeout=120)
        assert worker.returncode == 0
        lines += out.splitlines()
    assert len(lines) == WORKERS * ROUNDS * 12
    store = Store.open(top)
    for line in lines:
        seed, oid, size = line.split()
        out_ = bytearray()
        store.restore(Pointer(Oid.parse(oid), int(size)), out_.extend)
        assert out_ == random.Random(int(seed)).randbytes(int(size))
    assert not list(top.glob("tmp/*.journal"))
    report = fsck.check(store)
    assert report.is_sound
    assert not report.unindexed_packs
