"""Long stretches of zeros come back as holes, and as zeros."""

from __future__ import annotations

import os
import tempfile

import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st
from support.content import noise
from support.extent import examples

from git_mlvc import chunking
from git_mlvc.store.holes import ZEROS, is_hole
from git_mlvc.store.store import Store

MIB = 1 << 20


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store.open(tmp_path_factory.mktemp("holes"))


def restored(store: Store, data: bytes) -> tuple[bytes, bytes, int]:
    """Return the content from a stream, from a file, and the bytes that the file takes."""
    with store.session() as session:
        pointer = session.ingest([data])
    assert pointer is not None
    stream = bytearray()
    store.restore(pointer, stream.extend)
    with tempfile.TemporaryFile(dir=store.path) as file:
        store.restore_file(pointer, file.fileno())
        taken = os.fstat(file.fileno()).st_blocks * 512
        return bytes(stream), file.read(), taken


@pytest.mark.parametrize("head", [0, 1, 100, 16_384, 70_001])
def test_zeros_that_go_on_are_cut_at_the_longest_chunk(head: int) -> None:
    data = noise(head, head) + bytes(8 * chunking.MAX)
    cuts = chunking.cut_points(data, final=True)
    pieces = [data[a:b] for a, b in zip([0, *cuts], cuts, strict=False)]
    assert pieces.count(ZEROS) >= 7


def test_a_file_of_zeros_takes_no_room_and_no_chunk_is_read(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bytes(64 * MIB)
    with store.session() as session:
        pointer = session.ingest([data])
    assert pointer is not None
    monkeypatch.setattr("git_mlvc.store.reader.Reader.read_window", None)
    with tempfile.TemporaryFile(dir=store.path) as file:
        store.restore_file(pointer, file.fileno())
        info = os.fstat(file.fileno())
        assert info.st_size == len(data)
        assert info.st_blocks * 512 <= 64 << 10
        assert file.read() == data


def test_what_stands_between_holes_is_written(store: Store) -> None:
    data = bytes(8 * MIB) + noise(3 * MIB, 1) + bytes(9 * MIB + 5) + b"end"
    stream, file, taken = restored(store, data)
    assert stream == file == data
    assert taken <= 3 * MIB + 3 * chunking.MAX


parts = st.lists(
    st.tuples(st.sampled_from(["zeros", "noise", "lines"]), st.integers(0, 9)), max_size=6
)


@settings(max_examples=examples(25), deadline=None)
@given(parts=parts, odd=st.integers(1, 5000))
def test_any_mixture_comes_back(store: Store, parts: list[tuple[str, int]], odd: int) -> None:
    data = b"x" * odd
    for kind, size in parts:
        length = size * chunking.MAX + odd
        data += {
            "zeros": bytes(length),
            "noise": noise(length, size),
            "lines": (b"0,0,0\n" * (length // 6)),
        }[kind]
    stream, file, _ = restored(store, data)
    assert stream == data
    assert file == data


def test_nothing_else_is_a_hole() -> None:
    assert is_hole(blake3(bytes(chunking.MAX)).digest(), chunking.MAX)
    assert not is_hole(blake3(bytes(100)).digest(), 100)
    assert not is_hole(blake3(b"x" + bytes(chunking.MAX - 1)).digest(), chunking.MAX)
