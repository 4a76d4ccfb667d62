"""A content that lies in many packs comes back in as few pieces as one that lies in one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.content import noise
from support.extent import examples

from git_mlvc.store.reader import Reader
from git_mlvc.store.store import Store

MIB = 1 << 20


def aged(store: Store, kinds: list[bool]) -> tuple[bytes, object]:
    """Take in a content piece by piece, each in a pack of its own; noise or (False) lines of text."""
    data = b""
    pointer = None
    for number, is_noise in enumerate(kinds):
        data += noise(400_000, number) if is_noise else b"%09d same\n" % number * 28_000
        with store.session() as session:
            pointer = session.ingest([data])
    return data, pointer


def restored(store: Store, pointer: object) -> bytes:
    with tempfile.TemporaryFile(dir=store.path) as file:
        store.restore_file(pointer, file.fileno())  # type: ignore[arg-type]
        return os.pread(file.fileno(), 1 << 30, 0)


def test_raw_stretches_of_many_packs_are_hashed_and_written_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store.open(tmp_path / "mlvc")
    data, pointer = aged(store, [True] * 12)
    assert len(store.packs()) == 12
    counts: list[tuple[int, int]] = []
    read_window = Reader.read_window

    def noting(self: Reader, placed: list[object], *args: object, **more: object) -> list[object]:
        pieces = read_window(self, placed, *args, **more)  # type: ignore[arg-type]
        counts.append((len(placed), len(pieces)))
        return list(pieces)

    monkeypatch.setattr(Reader, "read_window", noting)
    assert restored(store, pointer) == data
    assert sum(chunks for chunks, _ in counts) > 40
    assert {pieces for _, pieces in counts} == {1}


@settings(max_examples=examples(15))
@given(st.lists(st.booleans(), min_size=3, max_size=9))
def test_raw_and_compressed_in_any_order(kinds: list[bool]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Path(folder) / "mlvc")
        data, pointer = aged(store, kinds)
        assert restored(store, pointer) == data
