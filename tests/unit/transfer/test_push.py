"""Pushing: only what is lacking, whole or not at all, seen to have arrived."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.faulty_backend import FaultyBackend
from support.remotes import Place, content, ingest, restored, uses

from git_mlvc.backend.base import Capability
from git_mlvc.backend.file import FileBackend
from git_mlvc.backend.memory import MemoryBackend
from git_mlvc.backend.wrap.read_only import ReadOnly
from git_mlvc.errors import CorruptChunk, MlvcError, RemoteRefused, RemoteUnavailable
from git_mlvc.formats.pointer import Pointer
from git_mlvc.oid import Oid
from git_mlvc.transfer import plan, remote_layout
from git_mlvc.transfer.fetch import fetch
from git_mlvc.transfer.plan import MissingData
from git_mlvc.transfer.push import push
from git_mlvc.transfer.verify import copies_on


@pytest.fixture
def ann(tmp_path: Path) -> Place:
    return Place(tmp_path / "ann")


@pytest.fixture
def bob(tmp_path: Path) -> Place:
    return Place(tmp_path / "bob")


def packs_on(remote: MemoryBackend) -> list[str]:
    return sorted(key for key in remote.objects if key.startswith("packs/"))


def segments_on(remote: MemoryBackend) -> list[str]:
    return sorted(key for key in remote.objects if key.startswith("segments/"))


def test_what_was_pushed_can_be_fetched_elsewhere(ann: Place, bob: Place) -> None:
    remote = MemoryBackend()
    datas = [b"x", content(1, 5000), content(2, 300_000), content(3, 5_000_000)]
    pointers = ingest(ann.store, *datas)
    report = push(ann.store, ann.view(remote), uses(*pointers))
    assert report.files == 4
    assert report.logical_bytes == report.raw_sent_bytes == sum(map(len, datas))
    fetched = fetch(bob.store, [bob.view(remote)], pointers)
    assert not fetched.failed
    assert [restored(bob.store, pointer) for pointer in pointers] == datas


def test_a_second_push_sends_nothing_and_asks_three_times(ann: Place) -> None:
    remote = FaultyBackend(MemoryBackend())
    pointers = ingest(ann.store, content(1, 3_000_000), b"small")
    push(ann.store, ann.view(remote), uses(*pointers))
    before = sum(remote.calls.values())
    report = push(ann.store, ann.view(remote), uses(*pointers))
    assert report.sent_bytes == report.packs == 0
    assert sum(remote.calls.values()) - before <= 3


def test_an_edit_sends_only_what_changed(ann: Place, bob: Place) -> None:
    remote = MemoryBackend()
    data = content(1, 20_000_000)
    edited = data[:7_000_000] + b"an edit" + data[7_000_000:]
    pointers = ingest(ann.store, data)
    push(ann.store, ann.view(remote), uses(*pointers))
    pointers += ingest(ann.store, edited)
    report = push(ann.store, ann.view(remote), uses(*pointers))
    assert report.sent_bytes < 600_000
    assert "saved by deduplication" in report.summary()
    assert not fetch(bob.store, [bob.view(remote)], pointers).failed
    assert restored(bob.store, pointers[1]) == edited


def test_a_pack_that_is_wholly_wanted_travels_as_it_is(ann: Place) -> None:
    remote = MemoryBackend()
    pointers = ingest(ann.store, content(1, 3_000_000))
    push(ann.store, ann.view(remote), uses(*pointers))
    (local,) = ann.store.packs()
    assert packs_on(remote) == [remote_layout.pack_key(local.id)]


def test_many_small_packs_become_one_on_the_remote(ann: Place, bob: Place) -> None:
    remote = MemoryBackend()
    datas = [content(n, 3000 + n) for n in range(60)]
    pointers = [ingest(ann.store, data)[0] for data in datas]
    assert len(ann.store.packs()) == 60
    report = push(ann.store, ann.view(remote), uses(*pointers))
    assert report.packs == 1
    assert len([key for key in remote.objects if key.startswith("packs/")]) == 1
    assert push(ann.store, ann.view(remote), uses(*pointers)).packs == 0
    assert not fetch(bob.store, [bob.view(remote)], pointers).failed
    assert [restored(bob.store, pointer) for pointer in pointers] == datas


def test_what_was_not_pushed_does_not_travel(ann: Place) -> None:
    remote = MemoryBackend()
    secret = b"a secret that was added by mistake and never committed"
    wanted, _ = ingest(ann.store, content(1, 100_000), secret)
    push(ann.store, ann.view(remote), uses(wanted))
    assert not any(secret in data for data in remote.objects.values())


def test_a_copy_on_a_directory_remote_is_a_second_copy(ann: Place, tmp_path: Path) -> None:
    pointers = ingest(ann.store, content(1, 100_000))
    push(ann.store, ann.view(FileBackend(tmp_path / "remote")), uses(*pointers))
    (local,) = ann.store.packs()
    there = tmp_path / "remote" / remote_layout.pack_key(local.id)
    assert there.stat().st_ino != ann.store.pack_path(local.id).stat().st_ino
    assert there.stat().st_nlink == 1


def test_data_in_a_pack_that_is_still_open_is_pushed_too(ann: Place, bob: Place) -> None:
    remote = MemoryBackend()
    data = content(1, 300_000)
    with ann.store.session() as session:
        pointer = session.ingest_bytes(data)
        assert pointer is not None
        other_process = Place(ann.path)
        push(other_process.store, other_process.view(remote), uses(pointer))
    assert not fetch(bob.store, [bob.view(remote)], [pointer]).failed
    assert restored(bob.store, pointer) == data


def test_temporary_packs_are_removed(ann: Place) -> None:
    keep, _ = ingest(ann.store, content(1, 300_000), content(2, 300_000))
    push(ann.store, ann.view(MemoryBackend()), uses(keep))
    assert [name for name in os.listdir(ann.path / "store/tmp") if "parcel" in name] == []
    faulty = FaultyBackend(MemoryBackend(), only={"put_if_absent"}, then="R")
    with pytest.raises(RemoteRefused):
        push(ann.store, ann.view(faulty, "faulty"), uses(keep))
    assert [name for name in os.listdir(ann.path / "store/tmp") if "parcel" in name] == []


def test_a_large_push_goes_in_waves_that_each_count(ann: Place, bob: Place) -> None:
    remote = FaultyBackend(MemoryBackend())
    datas = [content(n, 400_000) for n in range(6)]
    pointers = ingest(ann.store, *datas)
    push(ann.store, ann.view(remote), uses(*pointers), wave_records=4)
    put = [key for verb, key in remote.log if verb == "put_if_absent"]
    assert len([key for key in put if key.startswith("segments/")]) > 4
    assert not fetch(bob.store, [bob.view(remote)], pointers).failed
    assert [restored(bob.store, p) for p in pointers] == datas


def test_data_that_is_nowhere_stops_the_push_and_names_the_files(ann: Place) -> None:
    remote = MemoryBackend()
    (here,) = ingest(ann.store, b"here")
    nowhere = Pointer(Oid.of(b"nowhere"), 7)
    with pytest.raises(MissingData) as caught:
        push(ann.store, ann.view(remote), [*uses(here), *uses(here, nowhere, nowhere)[1:]])
    assert caught.value.paths == ("data/1.bin", "data/2.bin")
    assert remote.objects == {}


def test_a_chunk_that_is_nowhere_stops_the_push(ann: Place, bob: Place) -> None:
    remote = MemoryBackend()
    (pointer,) = ingest(ann.store, content(1, 1_000_000))
    recipe = ann.store.recipe(pointer)
    with bob.store.session() as session:  # all but the last chunk
        for digest in [pointer.oid.digest, *list(recipe.digests())[:-1]]:
            where, payload = ann.store.read_stored(digest)
            session.add_stored(digest, where.kind, where.codec, where.raw_len, payload)
        session.commit()
    with pytest.raises(MissingData, match=r"data/0\.bin"):
        push(bob.store, bob.view(remote), uses(pointer))
    assert remote.objects == {}


def test_data_missing_here_and_present_there_is_fine(ann: Place, bob: Place) -> None:
    remote = MemoryBackend()
    pointers = ingest(ann.store, content(1, 1_000_000), b"tiny")
    push(ann.store, ann.view(remote), uses(*pointers))
    own = ingest(bob.store, b"bob's own")
    report = push(bob.store, bob.view(remote), uses(*pointers, *own))
    assert report.files == 3
    assert report.raw_sent_bytes == 9


def test_a_pointer_that_lies_about_its_size_is_not_accepted_from_the_remote(
    ann: Place, bob: Place
) -> None:
    remote = MemoryBackend()
    for data in (b"tiny", content(1, 1_000_000)):
        (pointer,) = ingest(ann.store, data)
        push(ann.store, ann.view(remote), uses(pointer))
        lie = Pointer(pointer.oid, pointer.size_bytes + 1)
        with pytest.raises(MissingData):
            push(bob.store, bob.view(remote), uses(lie))


# -- interruption


@pytest.mark.parametrize("puts", range(7))
def test_law_10_an_interrupted_push_is_taken_up_where_it_was(
    ann: Place, bob: Place, puts: int
) -> None:
    remote = MemoryBackend()
    faulty = FaultyBackend(remote)
    faulty.fail_after(puts=puts)
    datas = [content(n, 200_000) for n in range(4)]
    pointers = [ingest(ann.store, data)[0] for data in datas]  # four packs
    with pytest.raises(RemoteUnavailable):
        push(ann.store, ann.view(faulty), uses(*pointers), wave_records=100)
        faulty.fail_after(puts=0)
        push(ann.store, ann.view(faulty), uses(*ingest(ann.store, b"more")))
    # A reader sees whole files or none.
    there = copies_on(bob.view(remote), pointers)
    assert not fetch(bob.store, [bob.view(remote)], there).failed
    sent_before = set(packs_on(remote))
    report = push(ann.store, ann.view(remote), uses(*pointers))
    assert report.packs == len(packs_on(remote)) - len(sent_before)
    assert sent_before <= set(packs_on(remote))
    assert copies_on(bob.view(remote), pointers) == set(pointers)


@pytest.mark.parametrize("script", ["T", ".T", "..T", "...T", "....T"])
def test_law_10_a_lost_reply_leaves_nothing_that_the_next_push_does_not_mend(
    ann: Place, bob: Place, script: str
) -> None:
    remote = MemoryBackend()
    faulty = FaultyBackend(remote, script, only={"put", "put_if_absent"})
    (pointer,) = ingest(ann.store, content(1, 200_000))
    try:
        push(ann.store, ann.view(faulty), uses(pointer))
    except RemoteUnavailable:
        push(ann.store, ann.view(faulty), uses(pointer))
    assert len(packs_on(remote)) == len(segments_on(remote)) == 1
    assert copies_on(bob.view(remote), [pointer], deep=True) == {pointer}


def test_a_segment_is_never_there_before_its_packs(
    ann: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "COMBINE_BELOW_BYTES", 0)
    faulty = FaultyBackend(MemoryBackend())
    pointers = [ingest(ann.store, content(n, 100_000))[0] for n in range(5)]
    push(ann.store, ann.view(faulty), uses(*pointers))
    written = [key.split("/")[0] for verb, key in faulty.log if verb.startswith("put")]
    assert written == ["format", *["packs"] * 5, "segments", "index"]


class LosesPacks(MemoryBackend):
    """Says yes and keeps nothing, or only half."""

    kept = 0.0

    def put_if_absent(self, key: str, source: bytes | Path) -> bool:
        if key.startswith("packs/"):
            assert isinstance(source, Path)
            data = source.read_bytes()
            if self.kept:
                self.objects[key] = data[: int(len(data) * self.kept)]
            return True
        return super().put_if_absent(key, source)


@pytest.mark.parametrize("kept", [0.0, 0.5])
def test_a_server_that_says_yes_and_keeps_nothing_is_found_out(ann: Place, kept: float) -> None:
    remote = LosesPacks()
    remote.kept = kept
    (pointer,) = ingest(ann.store, content(1, 100_000))
    with pytest.raises(RemoteRefused if kept else RemoteUnavailable):
        push(ann.store, ann.view(remote), uses(pointer))
    assert segments_on(remote) == []


def test_a_truncated_pack_under_the_right_name_is_sent_again(ann: Place, bob: Place) -> None:
    remote = MemoryBackend()
    (pointer,) = ingest(ann.store, content(1, 100_000))
    key = remote_layout.pack_key(ann.store.packs()[0].id)
    remote.put(key, b"half")
    push(ann.store, ann.view(remote), uses(pointer))
    assert copies_on(bob.view(remote), [pointer], deep=True) == {pointer}


# -- what vanishes, who else is there


@pytest.mark.parametrize("damage", ["gone", "shorter"])
def test_what_vanished_from_the_remote_is_noticed_and_sent_again(
    ann: Place, bob: Place, damage: str
) -> None:
    remote = MemoryBackend()
    pointers = [ingest(ann.store, content(n, 200_000))[0] for n in range(3)]
    for pointer in pointers:
        push(ann.store, ann.view(remote), uses(pointer))
    victim = packs_on(remote)[1]
    if damage == "gone":
        del remote.objects[victim]
    else:
        remote.objects[victim] = remote.objects[victim][:-1]
    report = push(ann.store, ann.view(remote), uses(*pointers))
    assert report.packs == 1
    assert copies_on(bob.view(remote), pointers, deep=True) == set(pointers)


def test_a_remote_that_was_emptied_is_filled_again(ann: Place, bob: Place) -> None:
    remote = MemoryBackend()
    pointers = ingest(ann.store, content(1, 200_000))
    push(ann.store, ann.view(remote), uses(*pointers))
    remote.objects.clear()
    report = push(ann.store, ann.view(remote), uses(*pointers))
    assert "all that was there before is gone" in report.summary()
    assert "gone" not in push(ann.store, ann.view(remote), uses(*pointers)).summary()
    assert copies_on(bob.view(remote), pointers) == set(pointers)


def test_a_reader_finds_what_was_sent_again_behind_the_row_of_a_pack_that_has_gone(
    ann: Place, bob: Place
) -> None:
    remote = MemoryBackend()
    first, second = ingest(ann.store, content(1, 200_000), content(2, 200_000))
    push(ann.store, ann.view(remote), uses(first))
    push(ann.store, ann.view(remote), uses(first, second))
    del remote.objects[min(packs_on(remote), key=lambda key: len(remote.objects[key]))]
    push(ann.store, ann.view(remote), uses(first, second))
    assert not fetch(bob.store, [bob.view(remote)], [first, second]).failed


def test_two_clients_that_push_at_once_both_succeed(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    remote = tmp_path / "remote"
    shared = content(0, 500_000)
    people = [Place(tmp_path / f"person{n}") for n in range(4)]
    pointers = [ingest(p.store, shared, content(n + 1, 300_000)) for n, p in enumerate(people)]

    def one(number: int) -> None:
        person = people[number]
        push(person.store, person.view(FileBackend(remote)), uses(*pointers[number]))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(4)))
    wanted = {pointer for own in pointers for pointer in own}
    reader = Place(tmp_path / "reader")
    assert copies_on(reader.view(FileBackend(remote)), wanted, deep=True) == wanted


# -- refusals


def test_a_read_only_remote_is_refused_before_anything_is_sent(ann: Place) -> None:
    (pointer,) = ingest(ann.store, b"x")
    with pytest.raises(RemoteRefused, match="push"):
        push(ann.store, ann.view(ReadOnly(MemoryBackend())), uses(pointer))


def test_a_remote_written_by_a_future_version_is_refused(ann: Place) -> None:
    remote = MemoryBackend()
    remote.put("format", b"git-mlvc store 2\nsomething else\n")
    (pointer,) = ingest(ann.store, b"x")
    with pytest.raises(RemoteRefused, match="newer") as caught:
        push(ann.store, ann.view(remote), uses(pointer))
    assert "upgrade" in caught.value.hint
    assert set(remote.objects) == {"format"}


def test_a_damaged_pack_is_not_spread(ann: Place) -> None:
    remote = MemoryBackend()
    (pointer,) = ingest(ann.store, content(1, 200_000))
    path = ann.store.pack_path(ann.store.packs()[0].id)
    data = bytearray(path.read_bytes())
    data[1000] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    with pytest.raises(CorruptChunk, match="damaged"):
        push(ann.store, ann.view(remote), uses(pointer))
    assert packs_on(remote) == segments_on(remote) == []


def test_a_remote_that_cannot_list_gets_an_index_that_grows(ann: Place, bob: Place) -> None:
    remote = MemoryBackend(capabilities=frozenset({Capability.WRITE, Capability.RANGES}))
    pointers = []
    for n in range(3):
        pointers += ingest(ann.store, content(n, 100_000))
        report = push(ann.store, ann.view(remote), uses(*pointers))
        assert report.packs == 1
    assert len(remote_layout.decode_index(remote.get("index")).summaries) == 3
    assert not fetch(bob.store, [bob.view(remote)], pointers).failed


def test_failing_to_leave_the_hint_fails_a_push_only_where_it_is_needed(ann: Place) -> None:
    pointers = ingest(ann.store, b"x")
    listing = FaultyBackend(MemoryBackend(), only={"put"}, then="R")
    push(ann.store, ann.view(listing, "one"), uses(*pointers))
    blind = FaultyBackend(
        MemoryBackend(capabilities=frozenset({Capability.WRITE})), only={"put"}, then="R"
    )
    with pytest.raises(MlvcError):
        push(ann.store, ann.view(blind, "two"), uses(*pointers))
