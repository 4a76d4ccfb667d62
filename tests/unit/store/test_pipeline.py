"""Large contents of every kind, one after the other in one content, through all stages."""

from __future__ import annotations

import array
import itertools
import random
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from support.content import noise, table
from support.extent import cases

from git_mlvc.errors import StoreError
from git_mlvc.formats.chunk_codec import Codec
from git_mlvc.formats.pack import iter_rows
from git_mlvc.formats.pointer import Pointer
from git_mlvc.oid import Oid
from git_mlvc.store import fsck
from git_mlvc.store.pack_reading import read_table
from git_mlvc.store.store import Store

MIB = 1 << 20


@cache
def kinds() -> dict[str, bytes]:
    bell = random.Random(5)
    weights = array.array("f", [bell.gauss(0, 0.02) for _ in range(200_000)]).tobytes()
    return {
        "noise": noise(700_000, 1),
        "table": table(30_000),
        "weights": weights,
        "zeros": bytes(600_000),
    }


def mixture(seed: int, size_bytes: int) -> bytes:
    """Return spans of every kind, some of them twice, from 1 byte to 600 KiB each."""
    rng = random.Random(seed)
    spans: list[bytes] = []
    while sum(map(len, spans)) < size_bytes:
        if spans and rng.random() < 0.2:
            spans.append(rng.choice(spans))
        else:
            kind = rng.choice(list(kinds().values()))
            start = rng.randrange(len(kind))
            spans.append(kind[start : start + rng.choice((1, 5000, 80_000, 600_000))])
    return b"".join(spans)


def restored(store: Store, pointer: Pointer) -> bytes:
    out = bytearray()
    store.restore(pointer, out.extend)
    return bytes(out)


@pytest.mark.parametrize("seed", cases(range(4), [0]))
def test_a_mixture_comes_back_and_so_does_its_next_version(tmp_path: Path, seed: int) -> None:
    first = mixture(seed, 11 * MIB)
    cut = random.Random(seed).randrange(len(first))
    second = first[:cut] + mixture(seed + 99, MIB) + first[cut + 1000 :]
    store = Store.open(tmp_path / "mlvc")
    for data in (first, second):
        with store.session() as session:
            pointer = session.ingest([data])
        assert pointer == Pointer(Oid.of(data), len(data))
        assert restored(Store.open(tmp_path / "mlvc"), pointer) == data
    report = fsck.check(store)
    assert report.is_sound
    rows = [row for pack in store.packs() for row in rows_of(store, pack.id)]
    assert {row.codec for row in rows} >= {Codec.RAW, Codec.ZSTD, Codec.BG4_ZSTD}
    assert len({row.id for row in rows}) == len(rows)  # nothing is stored twice
    # Payloads stand back to back: what one chunk saves is no hole before the next.
    gaps = [b.offset - a.offset - a.stored_len for a, b in itertools.pairwise(rows)]
    assert all(gap < 4096 for gap in gaps if gap > 0)


def rows_of(store: Store, pack_id: bytes) -> list:  # type: ignore[type-arg]
    return list(iter_rows(read_table(str(store.pack_path(pack_id)), pack_id).rows))


def test_an_end_of_the_input_in_the_middle_leaves_the_session_usable(tmp_path: Path) -> None:
    data = mixture(7, 12 * MIB)

    def breaking() -> object:
        yield data[: 9 * MIB]
        raise StoreError("git has gone")

    store = Store.open(tmp_path / "mlvc")
    with store.session() as session:
        with pytest.raises(StoreError, match="gone"):
            session.ingest(breaking())  # type: ignore[arg-type]
        pointer = session.ingest([data])
    assert pointer is not None
    assert restored(store, pointer) == data


@pytest.mark.parametrize(
    "kind",
    cases(["noise", "table", "weights", "zeros", "mixture"], ["mixture"]),  # of all kinds
)
def test_memory_does_not_grow_with_the_content(tmp_path: Path, kind: str) -> None:
    sample = tmp_path / "sample"
    sample.write_bytes(kinds().get(kind) or mixture(3, 4 * MIB))
    code = f"""
import random
from git_mlvc.store.store import Store
data = bytearray(open({str(sample)!r}, "rb").read())
def blocks():
    for number in range(160 * {MIB} // len(data)):
        for at in range(0, len(data), 50000):  # so that no chunk is met twice
            data[at : at + 4] = random.Random(number * 1000 + at).randbytes(4)
        yield memoryview(data)
with Store.open({str(tmp_path / "mlvc")!r}).session() as session:
    session.ingest(blocks())
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert int(done.stdout) < 80 << 10  # KiB
