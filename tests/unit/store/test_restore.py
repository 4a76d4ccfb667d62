"""A file is restored by sharing the blocks of packs where the file system can, and right in any case."""

from __future__ import annotations

import errno
import os
import struct
import sys
import tempfile
from pathlib import Path

import pytest
from support.content import noise

from git_mlvc.errors import CorruptChunk, MissingChunk
from git_mlvc.formats.pointer import Pointer
from git_mlvc.store.store import Store

MIB = 1 << 20
BLOCK = 4096
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="FICLONERANGE is Linux's")


class Clones:
    """Does what FICLONERANGE does on a file system that can, and counts."""

    def __init__(self, *, refuse: bool = False) -> None:
        self.refuse = refuse
        self.lengths: list[int] = []

    def ioctl(self, dst_fd: int, request: int, argument: bytes) -> int:
        assert request == 0x4020940D
        src_fd, src_off, length, dst_off = struct.unpack("=qQQQ", argument)
        self.lengths.append(length)
        if self.refuse:
            raise OSError(errno.EOPNOTSUPP, "not here")
        assert src_off % BLOCK == dst_off % BLOCK == length % BLOCK == 0 < length
        data = os.pread(src_fd, length, src_off)
        assert len(data) == length
        os.pwrite(dst_fd, data, dst_off)
        return 0


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "mlvc")


def ingest(store: Store, data: bytes) -> Pointer:
    with store.session() as session:
        session.ingest([b"something small that shifts the offsets"])
        pointer = session.ingest([data])
    assert pointer is not None
    return pointer


def restored_file(store: Store, pointer: Pointer) -> bytes:
    with tempfile.TemporaryFile() as file:
        store.restore_file(pointer, file.fileno())
        file.seek(0)
        return file.read()


@pytest.mark.parametrize("size", [5 * MIB, 9 * MIB + 17])
def test_nearly_all_of_a_raw_content_is_shared(
    store: Store, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = noise(size)
    pointer = ingest(store, data)
    clones = Clones()
    monkeypatch.setattr("fcntl.ioctl", clones.ioctl)
    assert restored_file(store, pointer) == data
    packs = len(store.packs())
    assert sum(clones.lengths) > size - 4 * BLOCK * packs - MIB


def test_repeats_and_compressed_parts_are_written(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = noise(2 * MIB) + bytes(3 * MIB + 5) + noise(2 * MIB, seed=1) + noise(2 * MIB)
    pointer = ingest(store, data)
    monkeypatch.setattr("fcntl.ioctl", Clones().ioctl)
    assert restored_file(store, pointer) == data


def test_a_file_system_that_cannot_is_asked_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = noise(9 * MIB)
    pointer = ingest(store, data)
    clones = Clones(refuse=True)
    monkeypatch.setattr("fcntl.ioctl", clones.ioctl)
    assert restored_file(store, pointer) == data
    assert len(clones.lengths) == 1


def test_law_3_shared_blocks_are_hashed_like_any_others(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    pointer = ingest(store, noise(5 * MIB))
    (pack,) = store.packs()
    path = store.pack_path(pack.id)
    damaged = bytearray(path.read_bytes())
    damaged[3 * MIB] ^= 1
    path.write_bytes(damaged)
    monkeypatch.setattr("fcntl.ioctl", Clones().ioctl)
    with pytest.raises(CorruptChunk):
        restored_file(store, pointer)


def test_what_is_missing_is_counted(store: Store, tmp_path: Path) -> None:
    pointer = ingest(store, noise(5 * MIB))
    other = Store.open(tmp_path / "other")
    gone = list(store.recipe(pointer).digests())[3:5]
    with other.session() as session:
        for digest in dict.fromkeys(store.live_digests(pointer)):
            if digest not in gone:
                record, payload = store.read_stored(digest)
                session.add_stored(digest, record.kind, record.codec, record.raw_len, payload)
    with pytest.raises(MissingChunk, match="not complete") as caught:
        restored_file(other, pointer)
    assert caught.value.why.startswith("2 of its ")
