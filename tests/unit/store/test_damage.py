"""What is damaged, lies or has been lost is named, and never comes out as content."""

from __future__ import annotations

from pathlib import Path

import pytest
from blake3 import blake3
from support.content import noise

from git_mlvc.errors import CorruptChunk, MissingChunk, StoreError
from git_mlvc.formats import recipe as recipe_format
from git_mlvc.formats.chunk_codec import Codec
from git_mlvc.formats.pack import Kind
from git_mlvc.formats.pointer import Pointer
from git_mlvc.formats.recipe import Recipe
from git_mlvc.oid import Oid
from git_mlvc.store import fsck
from git_mlvc.store.quarantine import look
from git_mlvc.store.store import Store

MIB = 1 << 20


def ingest(store: Store, *contents: bytes) -> list[Pointer]:
    with store.session() as session:
        found = [session.ingest([data]) for data in contents]
    return [pointer for pointer in found if pointer is not None]


def restored(store: Store, pointer: Pointer) -> bytes:
    out = bytearray()
    store.restore(pointer, out.extend)
    return bytes(out)


def add_recipe(store: Store, oid: bytes, recipe: Recipe) -> None:
    encoded = recipe_format.encode(recipe)
    with store.session() as session:
        session.add_stored(oid, Kind.RECIPE, Codec.RAW, len(encoded), encoded)


def damage(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("size", [100, 3 * MIB])
def test_a_pointer_whose_size_lies_is_refused_before_a_byte_is_written(
    tmp_path: Path, size: int
) -> None:
    store = Store.open(tmp_path / "mlvc")
    (pointer,) = ingest(store, noise(size))
    for lie in (1, size - 1, size + 1, 2**62):
        liar = Pointer(pointer.oid, lie)
        out: list[object] = []
        with pytest.raises(CorruptChunk, match="size"):
            store.restore(liar, out.append)
        assert out == []
        assert not store.is_complete(liar)


def test_a_recipe_that_names_itself_ends(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "mlvc")
    oid = blake3(b"itself").digest()
    add_recipe(store, oid, Recipe(100, oid + (100).to_bytes(4, "little"), 1))
    with pytest.raises((CorruptChunk, MissingChunk)):
        store.recipe(Pointer(Oid(oid), 100))
    assert not store.is_complete(Pointer(Oid(oid), 100))
    list(store.live_digests(Pointer(Oid(oid), 100)))


def test_a_recipe_of_chunks_that_have_other_lengths_is_refused(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "mlvc")
    (one, two) = ingest(store, b"1" * 20000, b"2" * 30000)  # one chunk each
    oid = blake3(b"other").digest()
    add_recipe(store, oid, Recipe.of([(one.oid.digest, 20001), (two.oid.digest, 29999)]))
    out: list[object] = []
    with pytest.raises(CorruptChunk):
        store.restore(Pointer(Oid(oid), 50000), out.append)
    assert out == []


def test_a_recipe_for_other_bytes_than_its_name_ends_in_an_error(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "mlvc")
    (one, two) = ingest(store, b"1" * 20000, b"2" * 30000)  # one chunk each
    oid = blake3(b"other").digest()
    add_recipe(store, oid, Recipe.of([(one.oid.digest, 20000), (two.oid.digest, 30000)]))
    with pytest.raises(CorruptChunk, match="recipe is wrong"):
        store.restore(Pointer(Oid(oid), 50000), lambda piece: None)
    with (tmp_path / "out").open("w+b") as file, pytest.raises(CorruptChunk):
        store.restore_file(Pointer(Oid(oid), 50000), file.fileno())


def test_content_with_missing_chunks_writes_nothing_and_says_how_many(tmp_path: Path) -> None:
    here, there = Store.open(tmp_path / "here"), Store.open(tmp_path / "there")
    (pointer,) = ingest(here, noise(MIB))
    digests = list(dict.fromkeys(here.live_digests(pointer)))
    with there.session() as session:
        for digest in digests[:-2]:
            record, payload = here.read_stored(digest)
            session.add_stored(digest, record.kind, record.codec, record.raw_len, payload)
    assert there.has(pointer.oid)
    assert there.missing_of(pointer) == digests[-2:]
    out: list[object] = []
    with pytest.raises(MissingChunk, match="2 of its"):
        there.restore(pointer, out.append)
    assert out == []


def test_a_good_copy_is_used_where_another_is_damaged(tmp_path: Path) -> None:
    first, second = Store.open(tmp_path / "a"), Store.open(tmp_path / "b")
    data = noise(2 * MIB)
    (pointer,) = ingest(first, data)
    ingest(second, b"x", data)
    for folder in ("packs", "segments"):
        for path in (tmp_path / "b").glob(f"{folder}/**/*"):
            if path.is_file():
                target = tmp_path / "a" / path.relative_to(tmp_path / "b")
                target.parent.mkdir(exist_ok=True)
                target.write_bytes(path.read_bytes())
    store = Store.open(tmp_path / "a")
    assert len(store.packs()) == 2
    for pack in store.packs():
        original = store.pack_path(pack.id).read_bytes()
        damage(store.pack_path(pack.id), 100000)
        reader = Store.open(tmp_path / "a")
        assert restored(reader, pointer) == data
        with (tmp_path / "out").open("w+b") as file:
            reader.restore_file(pointer, file.fileno())
            file.seek(0)
            assert file.read() == data
        store.pack_path(pack.id).write_bytes(original)


def test_fsck_of_a_good_store_is_sound_and_counts(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "mlvc")
    ingest(store, noise(MIB), b"small")
    report = fsck.check(store)
    assert report.is_sound
    assert report.packs == 1
    assert report.records > 5
    assert not report.unindexed_packs


def test_fsck_names_the_damaged_records_and_quarantine_saves_the_rest(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "mlvc")
    big, small = ingest(store, noise(MIB), b"small" * 10)
    (pack,) = store.packs()
    location = store.find(big.oid.digest)
    assert location is not None
    chunk = next(iter(store.recipe(big).digests()))
    where = store.find(chunk)
    assert where is not None
    damage(store.pack_path(pack.id), where.offset + 7)

    report = fsck.check(store)
    assert not report.is_sound
    assert [(p.id, p.bad) for p in report.damaged_packs] == [(pack.id, (chunk,))]
    assert report.lost == {chunk}
    assert fsck.check(store, deep=False).is_sound  # a shallow check reads no payload

    assert fsck.quarantine(store, pack.id) == (chunk,)
    for reader in (store, Store.open(tmp_path / "mlvc")):
        assert restored(reader, small) == b"small" * 10
        assert reader.missing_of(big) == [chunk]
        assert fsck.check(reader).is_sound
    kept = sorted(p.name for p in (tmp_path / "mlvc" / "quarantine").iterdir())
    assert kept == [pack.id.hex(), f"{pack.id.hex()}.lost"]
    assert look(store).lost == {chunk}
    ingest(store, noise(MIB))
    assert look(store).lost == set(), "it is back, so it is not lost"
    # The same content again heals it.
    assert ingest(store, noise(MIB)) == [big]
    assert restored(store, big) == noise(MIB)


@pytest.mark.parametrize("where", ["head", "table", "footer", "cut", "gone"])
def test_a_pack_without_its_own_table_is_saved_by_the_segments(tmp_path: Path, where: str) -> None:
    store = Store.open(tmp_path / "mlvc")
    pointers = ingest(store, noise(MIB), b"small" * 10)
    (pack,) = store.packs()
    path = store.pack_path(pack.id)
    size = path.stat().st_size
    if where == "gone":
        path.unlink()
    elif where == "cut":
        path.write_bytes(path.read_bytes()[:-30])
    else:
        damage(path, {"head": 3, "table": size - 100, "footer": size - 3}[where])
    store = Store.open(tmp_path / "mlvc")
    report = fsck.check(store)
    assert not report.is_sound
    if where == "gone":
        assert report.missing_packs == (pack.id,)
        assert pointers[1].oid.digest in report.lost
        fsck.rebuild(store)
        assert store.missing_of(pointers[1]) == [pointers[1].oid.digest]
    else:
        assert report.lost == frozenset()
        assert fsck.quarantine(store, pack.id) == ()
        assert restored(store, pointers[0]) == noise(MIB)
    assert fsck.check(store).is_sound


@pytest.mark.parametrize("how", ["lost", "empty", "head", "row", "cut"])
def test_segments_are_made_again_from_the_packs(tmp_path: Path, how: str) -> None:
    store = Store.open(tmp_path / "mlvc")
    pointers = ingest(store, noise(MIB), b"small" * 10)
    (segment,) = store.segments()
    data = segment.read_bytes()
    segment.unlink()
    if how != "lost":
        changed = {"empty": b"", "head": b"?" + data[1:], "cut": data[:-1]}.get(how)
        if changed is None:
            # The last bytes before the checksum: a row's.
            changed = data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1])
            changed += data[len(data) // 2 + 1 :]
        segment.write_bytes(changed)
    store = Store.open(tmp_path / "mlvc")
    report = fsck.check(store)
    assert report.unindexed_packs == (store.packs()[0].id,)
    assert bool(report.damaged_segments) == (how != "lost")
    assert fsck.rebuild(store) == 1
    for reader in (store, Store.open(tmp_path / "mlvc")):
        assert restored(reader, pointers[0]) == noise(MIB)
        assert restored(reader, pointers[1]) == b"small" * 10
        report = fsck.check(reader)
        assert report.is_sound
        assert not report.unindexed_packs


def test_a_store_that_must_be_there_and_is_not(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no store"):
        Store.open(tmp_path / "nowhere", create=False)
