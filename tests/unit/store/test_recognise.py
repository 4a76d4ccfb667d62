"""Content that is asked about again: the pointer is the true one whatever it is compared with, and no cut
is looked for where nothing changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from blake3 import blake3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.content import noise
from support.extent import examples

from git_mlvc import chunking
from git_mlvc.errors import MissingChunk
from git_mlvc.formats.pointer import Pointer
from git_mlvc.formats.recipe import Recipe
from git_mlvc.oid import Oid
from git_mlvc.store.recognise import WINDOW_BYTES, Recognised, recognise
from git_mlvc.store.store import Store

MIB = 1 << 20
BASE = noise(3 * WINDOW_BYTES + 123_456, 7)


def filler(data: bytes, step: int = 1 << 30) -> Callable[[memoryview], int]:
    at = 0

    def fill(target: memoryview) -> int:
        nonlocal at
        count = min(len(target), len(data) - at, step)
        target[:count] = data[at : at + count]
        at += count
        return count

    return fill


def take_in(store: Store, data: bytes, like: Pointer | None = None) -> Pointer:
    with store.session() as session:
        pointer = session.ingest_from(filler(data), None if like is None else lambda: like)
    assert pointer is not None
    return pointer


def recipe_of(store: Store, pointer: Pointer) -> Recipe:
    return store.recipe(pointer)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of what is searched for cuts."""
    sizes: list[int] = []
    find = chunking.cut_points

    def cut_points(data: bytes, *, final: bool) -> list[int]:
        sizes.append(len(data))
        return find(data, final=final)

    monkeypatch.setattr(chunking, "cut_points", cut_points)
    return sizes


def test_a_hundred_mebibytes_that_were_only_touched_are_not_cut_again(
    tmp_path: Path, counted: list[int]
) -> None:
    data = noise(100 * MIB, 1)
    with Store.open(tmp_path / "store") as store:
        pointer = take_in(store, data)
        assert sum(counted) >= len(data)
        counted.clear()
        with store.session() as session:
            assert session.ingest_from(filler(data), lambda: pointer) == pointer
            assert session.stats.new_chunks == 0
        assert counted == []
        # One byte of the same size: noticed, and searched for cuts from there only.
        place = 90 * MIB
        edited = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        assert take_in(store, edited, like=pointer) == Pointer(Oid.of(edited), len(edited))
        assert sum(counted) < 20 * MIB


@settings(
    max_examples=examples(25),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    start=st.integers(0, len(BASE)),
    removed=st.integers(0, 2 * WINDOW_BYTES),
    inserted=st.sampled_from([b"", b"x", noise(70_000, 5), noise(5 * MIB, 6)]),
    step=st.sampled_from([1 << 30, 999_999, 65_516]),
)
def test_whatever_it_is_compared_with_pointer_and_cuts_are_those_of_the_content(
    tmp_path_factory: pytest.TempPathFactory, start: int, removed: int, inserted: bytes, step: int
) -> None:
    edited = BASE[:start] + inserted + BASE[start + removed :]
    if not edited:
        return
    top = tmp_path_factory.mktemp("stores")
    with Store.open(top / "a") as store, Store.open(top / "b") as other:
        base = take_in(store, BASE)
        with store.session() as session:
            pointer = session.ingest_from(filler(edited, step), lambda: base)
        assert pointer == Pointer(Oid.of(edited), len(edited))
        pieces = bytearray()
        store.restore(pointer, pieces.extend)
        assert pieces == edited
        assert recipe_of(store, pointer) == recipe_of(other, take_in(other, edited))


@pytest.mark.parametrize(
    "size", [WINDOW_BYTES - 1, WINDOW_BYTES, WINDOW_BYTES + 1, 2 * WINDOW_BYTES]
)
def test_around_whole_windows(tmp_path: Path, size: int, counted: list[int]) -> None:
    data = noise(size, 3)
    with Store.open(tmp_path / "store") as store:
        pointer = take_in(store, data)
        counted.clear()
        assert take_in(store, data, like=pointer) == pointer
        assert (counted == []) == (size >= WINDOW_BYTES)
        longer = data + noise(300_000, 4)
        assert take_in(store, longer, like=pointer).oid == Oid.of(longer)


def test_what_the_store_has_lost_is_taken_in_anew(tmp_path: Path) -> None:
    with Store.open(tmp_path / "store") as store:
        pointer = take_in(store, BASE)
        recipe = recipe_of(store, pointer)
    with Store.open(tmp_path / "other") as store, store.session() as session:
        # The recipe is here, the chunks are not: as after `prune`, or a fetch that was cut off.
        session.add_recipe(pointer.oid.digest, recipe)
        session.commit()
    with Store.open(tmp_path / "other") as store:
        assert not store.is_complete(pointer)
        assert take_in(store, BASE, like=pointer) == pointer
        assert store.is_complete(pointer)


def test_a_recipe_that_breaks_off_or_lies_costs_nothing(tmp_path: Path) -> None:
    with Store.open(tmp_path / "store") as store:
        rows = list(recipe_of(store, take_in(store, BASE)))

    def broken() -> Iterator[tuple[bytes, int]]:
        yield from rows[:3]
        raise MissingChunk("a part of the recipe is gone")

    lies = [
        broken(),
        iter([]),
        iter([(rows[0][0], 0)]),
        iter([(rows[0][0], 1 << 31)]),
        iter([(rows[1][0], rows[0][1])]),
        iter([*rows, rows[0]]),
        iter(rows[:-1]),
    ]
    for entries in lies:
        recognised = Recognised(lambda digest: True)
        rest = recognise(filler(BASE), recognised, entries)
        got = bytearray()
        target = memoryview(bytearray(MIB))
        while rest is not None and (count := rest(target)):
            got += target[:count]
        assert len(got) + recognised.size_bytes == len(BASE)
        assert BASE.endswith(got)
        assert recognised.hasher.digest() == blake3(BASE[: recognised.size_bytes]).digest()


def test_what_reading_raises_is_raised(tmp_path: Path) -> None:
    with Store.open(tmp_path / "store") as store:
        pointer = take_in(store, BASE)
        fill = filler(BASE)
        calls = 0

        def failing(target: memoryview) -> int:
            nonlocal calls
            calls += 1
            if calls > 2:
                raise ConnectionError
            return fill(target)

        with store.session() as session, pytest.raises(ConnectionError):
            session.ingest_from(failing, lambda: pointer)
