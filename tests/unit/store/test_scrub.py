"""A pack is read once, and whatever is wrong in it is told apart from what is good."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.content import noise
from support.extent import examples

from git_mlvc.formats.chunk_codec import Codec
from git_mlvc.formats.pack import Record, iter_rows
from git_mlvc.store import scrub as module
from git_mlvc.store.pack_files import PackFile
from git_mlvc.store.pack_reading import read_table
from git_mlvc.store.scrub import scrub
from git_mlvc.store.store import Store


class Pack:
    """A pack's bytes, id and records."""

    def __init__(self, data: bytes, pack_id: bytes, records: list[Record]) -> None:
        self.data, self.id, self.records = data, pack_id, records


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """A pack of small and large, compressed, raw and aligned records."""
    store = Store.open(tmp_path_factory.mktemp("store"))
    with store.session() as session:
        for size in (1, 700, 20_000):
            session.ingest([noise(size, size)])
        session.ingest([b"the same line again\n" * 200_000])
        session.ingest([noise(3 << 20, 5)])
    (info,) = store.packs()
    path = store.layout.pack(info.id)
    records = list(iter_rows(read_table(path, info.id).rows))
    return Pack(Path(path).read_bytes(), info.id, records)


class CountingFile(PackFile):
    """Notes which bytes were read."""

    def __init__(self, fd: int) -> None:
        super().__init__(fd)
        self.reads: list[tuple[int, int]] = []

    def read(self, offset: int, length: int) -> bytes:
        data = super().read(offset, length)
        self.reads.append((offset, len(data)))
        return data


def opened(path: Path, data: bytes) -> CountingFile:
    path.write_bytes(data)
    return CountingFile(os.open(path, os.O_RDONLY))


def test_every_byte_is_read_once_and_in_order(tmp_path: Path, pack: Pack) -> None:
    file = opened(tmp_path / "pack", pack.data)
    found = scrub(file, pack.records)
    assert (found.digest, found.bad) == (pack.id, ())
    reads = [(at, size) for at, size in file.reads if size]
    assert [at for at, _ in reads] == [
        sum(size for _, size in reads[:n]) for n in range(len(reads))
    ]
    assert sum(size for _, size in reads) == len(pack.data)
    longest = max(record.stored_len for record in pack.records)
    assert max(size for _, size in reads) <= module.SPAN_BYTES + longest + 4096


@settings(max_examples=examples(40), deadline=None)
@given(where=st.floats(0, 1), is_cut=st.booleans())
def test_the_records_that_damage_touches_are_named_and_no_others(
    tmp_path_factory: pytest.TempPathFactory, pack: Pack, where: float, is_cut: bool
) -> None:
    data = pack.data
    at = min(int(where * len(data)), len(data) - 1)
    changed = data[:at] if is_cut else data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
    found = scrub(opened(tmp_path_factory.getbasetemp() / "changed", changed), pack.records)
    touched = [
        record
        for record in pack.records
        if record.offset + record.stored_len > at and (is_cut or record.offset <= at)
    ]
    # A flipped bit that zstd has no use for leaves the content what it is.
    certain = {record.id for record in touched if is_cut or record.codec == Codec.RAW}
    assert certain <= set(found.bad) <= {record.id for record in touched}
    assert found.digest != pack.id
