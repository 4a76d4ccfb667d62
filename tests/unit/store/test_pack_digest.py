"""A pack is named by what stands in its file, though nobody reads it for that."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st
from support.content import noise, table
from support.disks import CountingDisk, FailingDisk
from support.extent import cases

from git_mlvc.errors import StoreError
from git_mlvc.formats.pointer import Pointer
from git_mlvc.store import fsck
from git_mlvc.store.pack_digest import RunningDigest
from git_mlvc.store.recover import recover
from git_mlvc.store.store import Store

MIB = 1 << 20
# Runs of raw chunks with gaps before them, compressed ones, small ones, and a recipe of each.
CONTENTS = [noise(5000), table(60000), noise(90000, 2), noise(2 * MIB + 777, 3), noise(40, 4)]


class FailingOnce(FailingDisk):
    """Refuses a single step, in the middle of it where it is a write."""

    def is_fatal(self, step: int, kind: str) -> bool:
        return step == self.fail_from and kind != "remove"


def bytes_read() -> int:
    with open("/proc/self/io") as stream:
        return int(stream.readline().split()[1])


def misnamed(top: Path) -> list[str]:
    packs = (top / "packs").glob("*/*")
    return [p.name for p in packs if blake3(p.read_bytes()).hexdigest() != p.stem]


@given(st.lists(st.integers(0, 300_000), max_size=12))
def test_pieces_of_any_size_give_the_digest_of_the_whole(sizes: list[int]) -> None:
    data = memoryview(noise(sum(sizes)))
    running = RunningDigest()
    start = 0
    for size in sizes:
        running.add(data[start : start + size])
        start += size
    assert running.digest(len(data)) == blake3(data).digest()


def test_a_digest_is_not_given_for_another_length() -> None:
    running = RunningDigest()
    running.add(b"abc")
    assert running.digest(4) is None
    assert running.digest(3) == blake3(b"abc").digest()


def test_what_was_cut_off_is_never_whole_again() -> None:
    running = RunningDigest()
    running.add(b"abc")
    with pytest.raises(BufferError):
        running.add(memoryview(bytes(100_000))[::2])  # not in one piece: the hasher refuses it
    assert running.digest(3) is None
    running.add(b"")
    assert running.digest(3) is None


def test_sealing_does_not_read_the_pack_again(tmp_path: Path) -> None:
    data = noise(80 * MIB)
    session = Store.open(tmp_path / "mlvc").session()
    before = bytes_read()
    session.ingest([data])
    session.close()
    assert bytes_read() - before < MIB
    assert not misnamed(tmp_path / "mlvc")
    assert len(list((tmp_path / "mlvc" / "packs").glob("*/*"))) == 2


@pytest.mark.parametrize("tries", cases([1, 2], [2]))
def test_law_10_a_write_that_fails_half_way_never_ends_in_a_wrong_name(
    tmp_path: Path, tries: int
) -> None:
    counting = CountingDisk()
    take_in(Store.open(tmp_path / "count", disk=counting), tries)
    assert not misnamed(tmp_path / "count")
    for step in range(1, counting.steps + 1):
        top = tmp_path / f"mlvc{step}"
        promised = take_in(Store.open(top, disk=FailingOnce(step, errno.ENOSPC)), tries)
        assert not misnamed(top)
        store = Store.open(top)
        recover(store.layout, store.disk)
        assert not misnamed(top)
        assert fsck.check(store).is_sound
        for data, pointer in promised:
            out = bytearray()
            Store.open(top).restore(pointer, out.extend)
            assert out == data


def take_in(store: Store, tries: int) -> list[tuple[bytes, Pointer]]:
    """Ingest all; what the disk refuses is tried again at once, or left out."""
    promised = []
    session = store.session()
    for data in CONTENTS:
        for _ in range(tries):
            try:
                pointer = session.ingest([data])
            except StoreError:
                continue
            assert pointer is not None
            promised.append((data, pointer))
            break
    try:
        session.close()
    except StoreError:
        session.close()
    return promised
