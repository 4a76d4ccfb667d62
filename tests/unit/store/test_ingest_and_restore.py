"""Contents go in, pointers come out, and the same contents come back."""

from __future__ import annotations

import itertools
import os
import random
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st
from support.content import EDGE_SIZES, noise, table
from support.extent import examples

from git_mlvc.formats.pack import ALIGN_FROM_BYTES, Kind, iter_rows
from git_mlvc.formats.pointer import Pointer
from git_mlvc.oid import Oid
from git_mlvc.store import fsck
from git_mlvc.store.pack_reading import read_table
from git_mlvc.store.session import INLINE_BYTES
from git_mlvc.store.store import Store

MIB = 1 << 20


def restored(store: Store, pointer: Pointer) -> bytes:
    out = bytearray()
    store.restore(pointer, out.extend)
    return bytes(out)


def restored_file(store: Store, pointer: Pointer) -> bytes:
    with tempfile.TemporaryFile() as file:
        store.restore_file(pointer, file.fileno())
        file.seek(0)
        return file.read()


def ingest(store: Store, data: bytes) -> Pointer:
    with store.session() as session:
        pointer = session.ingest([data])
    assert pointer is not None
    return pointer


@pytest.mark.parametrize("size", [s for s in EDGE_SIZES if s] + [MIB - 1, MIB, MIB + 1, 9 * MIB])
def test_every_size_comes_back_by_every_way(tmp_path: Path, size: int) -> None:
    data = noise(size, seed=size)
    store = Store.open(tmp_path / "mlvc")
    with store.session() as session:
        pointer = session.ingest([data[: size // 3], b"", memoryview(data)[size // 3 :]])
        assert pointer == Pointer(Oid.of(data), size)
        assert restored(store, pointer) == data  # from the open pack
        source = tmp_path / "source"
        source.write_bytes(data)
        fd = os.open(source, os.O_RDONLY)
        assert session.ingest_file(fd) == session.ingest_bytes(data) == pointer
        os.close(fd)
    assert restored(store, pointer) == data  # from the sealed one
    again = Store.open(tmp_path / "mlvc", create=False)
    assert restored_file(again, pointer) == data
    assert again.is_complete(pointer)
    assert again.recipe(pointer).size_bytes == size


def test_empty_content_has_no_pointer(tmp_path: Path) -> None:
    with Store.open(tmp_path / "mlvc").session() as session:
        assert session.ingest([]) is None
        assert session.ingest([b"", b""]) is None
        assert session.ingest_bytes(b"") is None
    assert not (tmp_path / "mlvc").exists()


@settings(max_examples=examples(30), deadline=None)
@given(
    st.integers(0, 3 * INLINE_BYTES), st.integers(), st.lists(st.integers(1, 400000)), st.booleans()
)
def test_any_content_in_any_blocks_comes_back(
    size: int, seed: int, cuts: list[int], compressible: bool
) -> None:
    rng = random.Random(seed)
    data = rng.randbytes(size // 8) * 8 if compressible else rng.randbytes(size)
    blocks, rest = [], data
    for cut in cuts:
        blocks.append(rest[:cut])
        rest = rest[cut:]
    with tempfile.TemporaryDirectory() as top:
        store = Store.open(Path(top) / "mlvc")
        with store.session() as session:
            pointer = session.ingest([*blocks, rest])
        if not data:
            assert pointer is None
            return
        assert pointer == Pointer(Oid.of(data), len(data))
        assert restored(store, pointer) == restored_file(store, pointer) == data


def test_the_same_content_is_stored_once(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "mlvc")
    data = noise(5 * MIB)
    first = ingest(store, data)
    before = store.packs()
    with store.session() as session:
        assert session.ingest([data]) == first
        assert session.ingest([data[:100], data[100:]]) == first
        assert session.stats.new_chunks == 0
        assert session.stats.dedup_bytes == 2 * len(data)
    assert [p.id for p in store.packs()] == [p.id for p in before]


def test_repeats_inside_one_content_are_stored_once(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "mlvc")
    data = noise(4 * MIB, seed=1) * 5
    pointer = ingest(store, data)
    assert sum(p.size_bytes for p in store.packs()) < 5.5 * MIB
    assert restored(store, pointer) == restored_file(store, pointer) == data


def test_ten_versions_with_one_percent_edits_store_little_more_than_one(tmp_path: Path) -> None:
    rng = random.Random(7)
    data = bytearray(rng.randbytes(16 * MIB))
    store = Store.open(tmp_path / "mlvc")
    versions = []
    for _ in range(10):
        versions.append((ingest(store, bytes(data)), blake3(data).digest()))
        at = rng.randrange(len(data))
        data[at : at + len(data) // 100] = rng.randbytes(len(data) // 100 + rng.randrange(-9, 9))
    assert sum(p.size_bytes for p in store.packs()) <= 1.3 * 16 * MIB
    for pointer, digest in versions:
        assert blake3(restored(store, pointer)).digest() == digest


def test_a_table_is_stored_compressed(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "mlvc")
    data = table(120000)
    pointer = ingest(store, data)
    assert sum(p.size_bytes for p in store.packs()) < 0.6 * len(data)
    assert restored(store, pointer) == restored_file(store, pointer) == data


def test_a_raw_run_is_one_extent_on_a_block_boundary(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "mlvc")
    with store.session() as session:
        session.ingest([b"something small that shifts the offsets"])
        session.ingest([noise(10 * MIB)])
    (pack,) = store.packs()
    rows = read_table(str(store.pack_path(pack.id)), pack.id).rows
    records = [r for r in iter_rows(rows) if r.kind == Kind.CHUNK]
    records = records[1:]
    assert records[0].offset % 4096 == 0
    assert sum(r.raw_len for r in records) == 10 * MIB > ALIGN_FROM_BYTES
    for before, after in itertools.pairwise(records):
        assert after.offset == before.offset + before.stored_len


def test_a_content_of_several_packs_comes_back(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "mlvc")
    data = noise(MIB) + b"".join(
        blake3(i.to_bytes(4, "big")).digest(length=MIB) for i in range(140)
    )
    pointer = ingest(store, data)
    assert len(store.packs()) == 3
    assert all(p.size_bytes <= 65 * MIB for p in store.packs())
    assert restored_file(Store.open(tmp_path / "mlvc"), pointer) == data


def test_a_long_recipe_is_cut_and_its_parts_are_shared(tmp_path: Path) -> None:
    # 9000 chunks of at least 16 KiB; made of few different ones so that the content costs nothing.
    store = Store.open(tmp_path / "mlvc")
    block = noise(1 * MIB, seed=3)
    data = b"".join([block] * 600)
    pointer = ingest(store, data)
    recipe = store.recipe(pointer)
    assert recipe.depth == 0
    assert store.missing_of(pointer) == []
    assert len(set(store.live_digests(pointer))) >= len(set(recipe.digests())) + 1
    digest = blake3()
    store.restore(pointer, digest.update)
    assert digest.digest() == pointer.oid.digest


def test_restoring_into_a_longer_file_cuts_it(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "mlvc")
    pointer = ingest(store, noise(3000))
    with tempfile.TemporaryFile() as file:
        file.write(bytes(9000))
        file.flush()
        store.restore_file(pointer, file.fileno())
        file.seek(0)
        assert file.read() == noise(3000)


def test_stored_records_travel_to_another_store(tmp_path: Path) -> None:
    here, there = Store.open(tmp_path / "here"), Store.open(tmp_path / "there")
    data = table(30000) + noise(200000)
    pointer = ingest(here, data)
    with there.session() as session:
        for digest in dict.fromkeys(here.live_digests(pointer)):
            assert not there.is_complete(pointer)
            record, payload = here.read_stored(digest)
            session.add_stored(digest, record.kind, record.codec, record.raw_len, payload)
        session.commit()
        assert there.missing_of(pointer) == []
    assert restored(there, pointer) == data


def test_opening_makes_nothing_and_reading_from_nothing_finds_nothing(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "mlvc")
    assert store.find(bytes(32)) is None
    assert store.missing_of(Pointer(Oid(bytes(32)), 1)) == [bytes(32)]
    assert store.packs() == store.segments() == []
    assert not (tmp_path / "mlvc").exists()


def test_one_session_serves_many_threads(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "mlvc")
    contents = [noise(size, seed) for seed, size in enumerate([100, 5000, 70000, MIB + 9] * 20)]
    contents += [table(3000, seed) for seed in range(10)] * 3
    with store.session() as session, ThreadPoolExecutor(6) as pool:
        pointers = list(pool.map(lambda data: session.ingest([data]), contents))
        assert session.stats.files == len(contents)
        assert session.stats.raw_bytes == sum(map(len, contents))
    reader = Store.open(tmp_path / "mlvc")
    for pointer, data in zip(pointers, contents, strict=True):
        assert pointer is not None
        assert restored(reader, pointer) == data
    assert fsck.check(reader).is_sound


def test_many_are_asked_at_once_whether_they_are_here_in_full(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "mlvc")
    datas = [noise(n * 7000 + 1, n) for n in range(30)]
    with store.session() as session:
        here = [session.ingest_bytes(data) for data in datas]
    pointers = [pointer for pointer in here if pointer is not None]
    lies = [Pointer(pointer.oid, pointer.size_bytes + 1) for pointer in pointers]
    nowhere = [Pointer(Oid.of(b"%d" % n), 1) for n in range(3)]
    assert store.incomplete(pointers) == []
    mixed = [p for three in zip(pointers, lies, nowhere * 10, strict=True) for p in three]
    expected = [pointer for pointer in mixed if not store.is_complete(pointer)]
    assert store.incomplete(mixed) == expected
    assert set(expected) == {*lies, *nowhere}
