"""Fetching: verified, in parts, from whoever has it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.faulty_backend import FaultyBackend
from support.packs import pack_of, true_records
from support.remotes import Place, content, ingest, restored, uses

from git_mlvc.backend.base import Capability, Offline
from git_mlvc.backend.file import FileBackend
from git_mlvc.backend.memory import MemoryBackend
from git_mlvc.backend.wrap.retry import Retry
from git_mlvc.errors import (
    CorruptChunk,
    MissingChunk,
    RemoteRefused,
    RemoteUnavailable,
    StoreError,
)
from git_mlvc.formats import pack as pack_format
from git_mlvc.formats import segment
from git_mlvc.formats.pack import Kind
from git_mlvc.formats.pointer import Pointer
from git_mlvc.formats.recipe import MIN_MEAN_LEN, Recipe
from git_mlvc.oid import Oid
from git_mlvc.store import fsck
from git_mlvc.store.store import Store
from git_mlvc.transfer import fetch as fetching
from git_mlvc.transfer import plan
from git_mlvc.transfer.fetch import fetch
from git_mlvc.transfer.push import push
from git_mlvc.transfer.queue import Lanes
from git_mlvc.transfer.remote_layout import pack_key
from git_mlvc.transfer.verify import chunks_on, copies_on


@pytest.fixture
def ann(tmp_path: Path) -> Place:
    return Place(tmp_path / "ann")


@pytest.fixture
def bob(tmp_path: Path) -> Place:
    return Place(tmp_path / "bob")


@pytest.fixture
def remote() -> MemoryBackend:
    return MemoryBackend()


def pushed(ann: Place, remote: MemoryBackend, *datas: bytes) -> list[Pointer]:
    """Push contents, each in a pack of its own."""
    pointers = [ingest(ann.store, data)[0] for data in datas]
    for pointer in pointers:  # together, small ones would be put into one pack
        push(ann.store, ann.view(remote), uses(pointer))
    return pointers


def packs_brought(remote: FaultyBackend) -> int:
    return len([key for verb, key in remote.log if verb == "get_file" and key.startswith("packs")])


def flip(remote: MemoryBackend, pack_number: int, offset: int = 1000) -> str:
    key = sorted(k for k in remote.objects if k.startswith("packs/"))[pack_number]
    data = bytearray(remote.objects[key])
    data[offset] ^= 1
    remote.objects[key] = bytes(data)
    return key


def test_a_fetch_of_everything_takes_few_requests(
    ann: Place, bob: Place, remote: MemoryBackend
) -> None:
    datas = [content(n, 50_000) for n in range(40)]
    pointers = ingest(ann.store, *datas)
    push(ann.store, ann.view(remote), uses(*pointers))
    counted = FaultyBackend(remote)
    report = fetch(bob.store, [bob.view(counted)], pointers)
    assert not report.failed
    assert report.files == 40
    assert report.logical_bytes == 2_000_000
    assert report.saved_bytes == 0
    assert sum(counted.calls.values()) <= 6


def test_a_second_fetch_asks_nobody(ann: Place, bob: Place, remote: MemoryBackend) -> None:
    pointers = pushed(ann, remote, content(1, 500_000))
    fetch(bob.store, [bob.view(remote)], pointers)
    counted = FaultyBackend(remote)
    report = fetch(bob.store, [bob.view(counted)], pointers)
    assert report.chunks == report.received_bytes == 0
    assert report.saved_bytes == 500_000
    assert not counted.calls


def test_only_new_chunks_of_an_edited_file_travel(
    ann: Place, bob: Place, remote: MemoryBackend
) -> None:
    data = content(1, 10_000_000)
    edited = data[:5_000_000] + b"edit" + data[5_000_000:]
    old, new = pushed(ann, remote, data, edited)
    fetch(bob.store, [bob.view(remote)], [old])
    report = fetch(bob.store, [bob.view(remote)], [new])
    assert report.received_bytes < 600_000
    assert report.saved_bytes > 9_000_000
    assert restored(bob.store, new) == edited


def test_a_recipe_that_is_itself_cut_is_brought_level_by_level(
    ann: Place, bob: Place, remote: MemoryBackend
) -> None:
    chunks = [
        b"%d" % n + bytes(MIN_MEAN_LEN) for n in range(8000)
    ]  # so many rows that the recipe is longer than a chunk
    whole = b"".join(chunks)
    recipe = Recipe.of((Oid.of(chunk).digest, len(chunk)) for chunk in chunks)
    pointer = Pointer(Oid.of(whole), len(whole))
    with ann.store.session() as session:
        for chunk in chunks:
            session.ingest_bytes(chunk)
        session.add_recipe(pointer.oid.digest, recipe)
        session.commit()
    push(ann.store, ann.view(remote), uses(pointer))
    assert copies_on(ann.view(remote), [pointer]) == {pointer}
    assert not fetch(bob.store, [bob.view(remote)], [pointer]).failed
    assert restored(bob.store, pointer) == whole
    third = MemoryBackend("third")
    push(bob.store, bob.view(third, "third"), uses(pointer))
    assert copies_on(bob.view(third, "third"), [pointer], deep=True) == {pointer}


def test_a_remote_that_is_likely_to_have_it_is_asked_first_and_alone(
    ann: Place, bob: Place, remote: MemoryBackend
) -> None:
    usual = FaultyBackend(MemoryBackend("usual"), then="E")
    pointers = pushed(ann, remote, content(1, 5000), content(2, 400_000))
    views = [bob.view(usual, "usual"), bob.view(remote, "archive")]
    report = fetch(bob.store, views, pointers, likely=dict.fromkeys(pointers, "archive"))
    assert not report.failed and not usual.calls
    (other,) = ingest(ann.store, content(3, 6000))
    usual.set("")
    push(ann.store, ann.view(usual, "usual"), uses(other))
    assert not fetch(bob.store, views, [other], likely={other: "archive"}).failed


# -- whole packs


def _asked(counted: FaultyBackend, verb: str) -> int:
    return len([key for called, key in counted.log if called == verb and key.startswith("packs/")])


def test_a_pack_of_which_most_is_wanted_comes_as_it_is(
    ann: Place, bob: Place, remote: MemoryBackend
) -> None:
    datas = [content(n, 500_000) for n in range(16)]
    pointers = ingest(ann.store, *datas)
    push(ann.store, ann.view(remote), uses(*pointers))
    counted = FaultyBackend(remote)
    report = fetch(bob.store, [bob.view(counted)], pointers[:14])
    assert not report.failed
    assert report.logical_bytes == 14 * 500_000
    assert report.saved_bytes == 0
    assert packs_brought(counted) == 1
    assert {p.id for p in bob.store.packs()} & {p.id for p in ann.store.packs()}
    for data, pointer in zip(datas[:14], pointers, strict=False):
        assert restored(bob.store, pointer) == data


def test_a_pack_of_which_little_is_wanted_is_not_brought(
    ann: Place, bob: Place, remote: MemoryBackend
) -> None:
    pointers = ingest(ann.store, *[content(n, 500_000) for n in range(16)])
    push(ann.store, ann.view(remote), uses(*pointers))
    counted = FaultyBackend(remote)
    assert not fetch(bob.store, [bob.view(counted)], pointers[:10]).failed
    assert packs_brought(counted) == 0


def test_a_large_content_comes_in_its_packs_although_windows_end_inside_them(
    ann: Place, bob: Place, remote: MemoryBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "WINDOW_BYTES", 15_000_000)
    monkeypatch.setattr(pack_format, "PACK_TARGET_BYTES", 6_000_000)
    monkeypatch.setattr(plan, "COMBINE_BELOW_BYTES", 0)
    data = content(1, 40_000_000)
    (pointer,) = ingest(ann.store, data)
    push(ann.store, ann.view(remote), uses(pointer))
    counted = FaultyBackend(remote)
    assert not fetch(bob.store, [bob.view(counted)], [pointer]).failed
    assert packs_brought(counted) >= 6
    assert restored(bob.store, pointer) == data


@pytest.mark.parametrize("letter", ["W", "C"])
def test_law_3_a_pack_that_changes_on_the_way_is_read_record_by_record(
    ann: Place, bob: Place, remote: MemoryBackend, letter: str
) -> None:
    datas = [content(n, 500_000) for n in range(10)]
    pointers = ingest(ann.store, *datas)
    push(ann.store, ann.view(remote), uses(*pointers))
    faulty = FaultyBackend(remote, only={"get_file"}, below="packs/", then=letter)
    assert not fetch(bob.store, [bob.view(faulty)], pointers).failed
    assert packs_brought(faulty) == 1
    assert [restored(bob.store, pointer) for pointer in pointers] == datas


def test_law_3_a_pack_whose_table_lies_gives_its_true_records_only(
    ann: Place, bob: Place, remote: MemoryBackend
) -> None:
    datas = [content(n, 100_000) for n in range(60)]
    records = true_records(datas)
    records[7] = (records[7][0], content(1007, 100_000))
    data, table = pack_of(records)
    ann.view(remote).write_format()
    remote.put(f"packs/{table.id.hex()[:2]}/{table.id.hex()}", data)
    named = segment.encode([table])
    remote.put(f"segments/{Oid.of(named).hex}", named)
    pointers = [Pointer(Oid.of(whole), len(whole)) for whole in datas]
    report = fetch(bob.store, [bob.view(remote)], pointers)
    assert set(report.failed) == {pointers[7]}
    assert isinstance(report.failed[pointers[7]], CorruptChunk)
    assert table.id not in [pack.id for pack in bob.store.packs()]
    assert ingest(bob.store, datas[7]) == [pointers[7]]
    assert [restored(bob.store, pointer) for pointer in pointers] == datas


def test_a_pack_that_has_gone_is_looked_for_elsewhere(
    ann: Place, bob: Place, remote: MemoryBackend
) -> None:
    pointers = ingest(ann.store, *[content(n, 500_000) for n in range(10)])
    push(ann.store, ann.view(remote), uses(*pointers))
    mirror = MemoryBackend("mirror")
    push(ann.store, ann.view(mirror, "mirror"), uses(*pointers))
    del remote.objects[next(key for key in remote.objects if key.startswith("packs/"))]
    views = [bob.view(remote), bob.view(mirror, "mirror")]
    assert not fetch(bob.store, views, pointers).failed


def test_law_10_whole_packs_that_came_before_the_silence_are_kept(
    ann: Place, bob: Place, remote: MemoryBackend
) -> None:
    pointers = pushed(ann, remote, *[content(n, 5_000_000) for n in range(4)])
    silent = FaultyBackend(remote, "..", only={"get_file"}, below="packs/", then="E")
    assert len(fetch(bob.store, [bob.view(silent)], pointers).failed) == 2
    assert len([p for p in pointers if bob.store.is_complete(p)]) == 2
    again = FaultyBackend(remote)
    assert not fetch(bob.store, [bob.view(again)], pointers).failed
    assert packs_brought(again) == 2
    assert fsck.check(bob.store).is_sound


# -- law 3


def test_law_3_wrong_bytes_fail_their_file_and_no_other(
    ann: Place, bob: Place, remote: MemoryBackend
) -> None:
    datas = [content(n, 200_000) for n in range(3)]
    pointers = pushed(ann, remote, *datas)
    key = flip(remote, 0)
    report = fetch(bob.store, [bob.view(remote)], pointers)
    ((pointer, failure),) = report.failed.items()
    assert isinstance(failure, CorruptChunk)
    assert "origin" in failure.what
    assert key.split("/")[-1] in failure.why
    assert not bob.store.is_complete(pointer)
    for data, good in zip(datas, pointers, strict=True):
        if good != pointer:
            assert restored(bob.store, good) == data


@pytest.mark.parametrize("letter", ["W", "C"])
def test_law_3_bytes_that_change_on_the_way_never_enter_the_store(
    ann: Place, bob: Place, remote: MemoryBackend, letter: str
) -> None:
    (pointer,) = pushed(ann, remote, content(1, 200_000))
    quiet = bob.view(remote)
    quiet.refresh()  # segments are cached: what is broken is the packs' bytes
    faulty = FaultyBackend(remote, ".", only={"get_range"}, then=letter)
    report = fetch(bob.store, [bob.view(faulty)], [pointer])
    assert isinstance(report.failed[pointer], CorruptChunk)
    assert not bob.store.is_complete(pointer)
    assert not fetch(bob.store, [bob.view(remote)], [pointer]).failed


def test_law_3_a_damaged_segment_is_not_believed(
    ann: Place, bob: Place, remote: MemoryBackend
) -> None:
    (pointer,) = pushed(ann, remote, content(1, 200_000))
    (key,) = [k for k in remote.objects if k.startswith("segments/")]
    remote.objects[key] = remote.objects[key][:-1] + b"\0"
    report = fetch(bob.store, [bob.view(remote)], [pointer])
    assert isinstance(report.failed[pointer], RemoteUnavailable)  # law 9: not "missing"
    assert "damaged" in report.failed[pointer].why


def test_wrong_bytes_on_one_remote_are_had_from_the_next(
    ann: Place, bob: Place, remote: MemoryBackend
) -> None:
    data = content(1, 200_000)
    (pointer,) = pushed(ann, remote, data)
    mirror = MemoryBackend("mirror")
    push(ann.store, ann.view(mirror, "mirror"), uses(pointer))
    flip(remote, 0)
    report = fetch(bob.store, [bob.view(remote), bob.view(mirror, "mirror")], [pointer])
    assert not report.failed
    assert restored(bob.store, pointer) == data


def test_a_recipe_that_lies_about_the_size_fails_its_file(
    ann: Place, bob: Place, remote: MemoryBackend
) -> None:
    (pointer,) = pushed(ann, remote, content(1, 200_000))
    lie = Pointer(pointer.oid, 10)
    report = fetch(bob.store, [bob.view(remote)], [lie])
    assert isinstance(report.failed[lie], CorruptChunk)


def test_names_that_climb_out_are_never_used(ann: Place, bob: Place, remote: MemoryBackend) -> None:
    (pointer,) = pushed(ann, remote, b"x")
    remote.objects["segments/../../../outside"] = b"evil"
    remote.objects["segments/" + "AB" * 32] = b"evil"
    remote.objects["packs/../../x"] = b"evil"
    assert not fetch(bob.store, [bob.view(remote)], [pointer]).failed
    assert sorted(p.name for p in bob.path.iterdir()) == ["cache-origin", "store"]


# -- law 9


def test_law_9_a_remote_that_does_not_answer_is_unknown_and_not_missing(
    ann: Place, bob: Place, remote: MemoryBackend
) -> None:
    (pointer,) = pushed(ann, remote, b"data")
    silent = FaultyBackend(remote, then="E")
    report = fetch(bob.store, [bob.view(silent)], [pointer])
    assert isinstance(report.failed[pointer], RemoteUnavailable)
    with pytest.raises(RemoteUnavailable):
        copies_on(bob.view(silent), [pointer])
    with pytest.raises(RemoteUnavailable):
        chunks_on(bob.view(silent), [pointer.oid.digest])
    with pytest.raises(RemoteUnavailable):
        push(ann.store, ann.view(silent), uses(pointer))
    with pytest.raises(RemoteUnavailable):
        bob.view(silent).find(pointer.oid.digest)


@pytest.mark.parametrize("good", range(4))
def test_law_9_silence_at_any_moment_is_never_an_answer(
    ann: Place, bob: Place, remote: MemoryBackend, good: int
) -> None:
    (pointer,) = pushed(ann, remote, content(1, 300_000))
    silent = FaultyBackend(remote, "." * good, then="E")
    with pytest.raises(RemoteUnavailable):
        copies_on(bob.view(silent), [pointer])


def test_law_9_a_miss_through_the_index_alone_is_unknown(ann: Place, bob: Place) -> None:
    blind = MemoryBackend(capabilities=frozenset({Capability.WRITE}))
    (pointer,) = pushed(ann, blind, b"data")
    view = bob.view(blind)
    assert view.find(pointer.oid.digest) is not None
    with pytest.raises(RemoteUnavailable, match="cannot tell"):
        view.find(Oid.of(b"another").digest)
    assert view.known(Oid.of(b"another").digest) is None


def test_law_9_a_remote_that_lost_everything_is_unknown(
    ann: Place, bob: Place, remote: MemoryBackend
) -> None:
    (pointer,) = pushed(ann, remote, b"data")
    bob.view(remote).refresh()
    remote.objects.clear()  # as an unmounted disk looks
    with pytest.raises(RemoteUnavailable, match="had data"):
        bob.view(remote).find(pointer.oid.digest)
    with pytest.raises(RemoteUnavailable):
        copies_on(bob.view(remote), [pointer])


def test_a_remote_that_was_always_empty_has_certainly_nothing(
    bob: Place, remote: MemoryBackend
) -> None:
    pointer = Pointer(Oid.of(b"x"), 1)
    assert bob.view(remote).find(pointer.oid.digest) is None
    report = fetch(bob.store, [bob.view(remote, "a"), bob.view(remote, "b")], [pointer])
    assert isinstance(report.failed[pointer], MissingChunk)
    assert "'a', 'b'" in report.failed[pointer].why


# -- several remotes, interruptions


def test_remotes_are_asked_in_order_and_the_rest_only_for_what_is_lacking(
    ann: Place, bob: Place, remote: MemoryBackend
) -> None:
    second = MemoryBackend("second")
    (one,) = pushed(ann, remote, content(1, 100_000))
    (two,) = ingest(ann.store, content(2, 100_000))
    push(ann.store, ann.view(second, "second"), uses(two))
    counted = FaultyBackend(second)
    views = [bob.view(remote), bob.view(counted, "second")]
    assert not fetch(bob.store, views, [one]).failed
    assert not counted.calls
    assert not fetch(bob.store, views, [one, two]).failed


def test_a_silent_remote_is_passed_over_when_another_has_it(
    ann: Place, bob: Place, remote: MemoryBackend
) -> None:
    (pointer,) = pushed(ann, remote, content(1, 100_000))
    silent = FaultyBackend(MemoryBackend("silent"), then="E")
    report = fetch(bob.store, [bob.view(silent, "silent"), bob.view(remote)], [pointer])
    assert not report.failed


def test_when_all_fail_the_silent_ones_are_named(bob: Place) -> None:
    silent = [FaultyBackend(MemoryBackend(), then="E") for _ in range(2)]
    views = [bob.view(backend, f"r{n}") for n, backend in enumerate(silent)]
    pointer = Pointer(Oid.of(b"x"), 1)
    failure = fetch(bob.store, views, [pointer]).failed[pointer]
    assert isinstance(failure, RemoteUnavailable)
    assert "r0" in failure.why
    assert "r1" in failure.why


def test_an_interrupted_fetch_keeps_what_it_got(
    ann: Place, bob: Place, remote: MemoryBackend
) -> None:
    pointers = pushed(ann, remote, *[content(n, 300_000) for n in range(4)])
    bob.view(remote).refresh()
    silent = FaultyBackend(remote, "." * 7, only={"get_range"}, then="E")
    report = fetch(bob.store, [bob.view(silent)], pointers)
    assert report.failed
    assert report.received_bytes > 0
    again = fetch(bob.store, [bob.view(remote)], pointers)
    assert not again.failed
    assert again.received_bytes + report.received_bytes < 1_250_000


class Interrupting(MemoryBackend):
    left = 0

    def get_range(self, key: str, start: int, length: int) -> bytes:
        if key.startswith("packs/"):
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt
        return super().get_range(key, start, length)


@pytest.mark.parametrize("left", range(0, 8, 2))
def test_law_10_ctrl_c_leaves_a_store_that_goes_on(ann: Place, bob: Place, left: int) -> None:
    remote = Interrupting()
    remote.left = 1000
    pointers = pushed(ann, remote, *[content(n, 300_000) for n in range(4)])
    remote.left = left
    with pytest.raises(KeyboardInterrupt):
        fetch(bob.store, [bob.view(remote)], pointers)
    remote.left = 1000
    assert not fetch(bob.store, [bob.view(remote)], pointers).failed
    for pointer in pointers:
        restored(bob.store, pointer)


def test_a_future_remote_is_refused_and_the_next_is_asked(
    ann: Place, bob: Place, remote: MemoryBackend
) -> None:
    (pointer,) = pushed(ann, remote, b"data")
    future = MemoryBackend("future")
    future.put("format", b"git-mlvc store 9\n")
    report = fetch(bob.store, [bob.view(future, "future")], [pointer])
    assert isinstance(report.failed[pointer], RemoteRefused)
    assert not fetch(bob.store, [bob.view(future, "future"), bob.view(remote)], [pointer]).failed


def test_a_cache_that_is_damaged_or_gone_is_fetched_anew(
    ann: Place, bob: Place, remote: MemoryBackend
) -> None:
    (pointer,) = pushed(ann, remote, b"data")
    bob.view(remote).refresh()
    (cached,) = (bob.path / "cache-origin/segments").iterdir()
    data = bytearray(cached.read_bytes())
    data[-40] ^= 1
    cached.write_bytes(data)
    assert bob.view(remote).find(pointer.oid.digest) is not None
    cached.unlink()
    assert bob.view(remote).find(pointer.oid.digest) is not None


def test_a_cache_that_cannot_be_written_is_done_without(
    ann: Place, bob: Place, remote: MemoryBackend
) -> None:
    (pointer,) = pushed(ann, remote, b"data")
    bob.path.mkdir()
    (bob.path / "cache-origin").write_text("a file where the cache should be")
    assert not fetch(bob.store, [bob.view(remote)], [pointer]).failed


# -- verification (law 11)


def test_law_11_a_copy_counts_only_while_it_stands_there(
    ann: Place, bob: Place, remote: MemoryBackend
) -> None:
    pointers = pushed(ann, remote, content(1, 300_000), b"tiny")
    view = bob.view(remote)
    assert copies_on(view, pointers) == set(pointers)
    assert chunks_on(view, [p.oid.digest for p in pointers]) == {p.oid.digest for p in pointers}
    for key in [k for k in remote.objects if k.startswith("packs/")]:
        remote.objects[key] = remote.objects[key][:-1]
    assert copies_on(view, pointers) == set()
    assert chunks_on(view, [p.oid.digest for p in pointers]) == set()


def test_law_11_a_flipped_bit_shows_only_when_it_is_read(
    ann: Place, bob: Place, remote: MemoryBackend
) -> None:
    (pointer,) = pushed(ann, remote, b"x" * 10 + content(1, 3000))
    flip(remote, 0)
    assert copies_on(bob.view(remote), [pointer]) == {pointer}
    assert copies_on(bob.view(remote), [pointer], deep=True) == set()


def test_law_11_a_pointer_whose_size_lies_is_not_there(
    ann: Place, bob: Place, remote: MemoryBackend
) -> None:
    one, two = pushed(ann, remote, b"tiny", content(1, 300_000))
    lies = [Pointer(p.oid, p.size_bytes + 1) for p in (one, two)]
    assert copies_on(bob.view(remote), lies) == set()


def test_a_segment_of_a_later_version_is_refused_by_name(
    ann: Place, bob: Place, remote: MemoryBackend
) -> None:
    from blake3 import blake3

    data = bytearray(segment.encode([]))
    data[8] = 2
    remote.put("format", b"git-mlvc store 1\nchunks fastcdc2020 16384 65536 262144 1 0\n")
    remote.put("segments/" + blake3(data).hexdigest(), bytes(data))
    with pytest.raises(RemoteRefused, match="version is 2"):
        bob.view(remote).find(bytes(32))


def test_the_kinds_of_records_survive_the_way(
    ann: Place, bob: Place, remote: MemoryBackend
) -> None:
    (pointer,) = pushed(ann, remote, content(1, 300_000))
    fetch(bob.store, [bob.view(remote)], [pointer])
    location = bob.store.find(pointer.oid.digest)
    assert location is not None
    assert location.kind == Kind.RECIPE


def test_law_9_a_recipe_that_may_not_be_read_is_unknown(
    ann: Place, bob: Place, remote: MemoryBackend
) -> None:
    (pointer,) = pushed(ann, remote, content(1, 300_000))
    view = bob.view(remote)
    view.refresh()
    refusing = FaultyBackend(remote, ".", only={"get_range"}, then="R")
    with pytest.raises(RemoteRefused, match="get_range packs"):
        copies_on(bob.view(refusing), [pointer])


def test_a_disk_that_is_not_mounted_is_asked_once_and_named(ann: Place, tmp_path: Path) -> None:
    (pointer,) = ingest(ann.store, b"x")
    gone = Retry(FileBackend(tmp_path / "mnt/disk/remote"), sleep=_never)
    report = fetch(ann.store, [ann.view(gone)], [Pointer(Oid.of(b"y"), 1)])
    ((_, failure),) = report.failed.items()
    assert isinstance(failure, Offline)
    assert "mounted" in failure.hint
    with pytest.raises(Offline):
        push(ann.store, ann.view(gone), uses(pointer))


def _never(seconds: float) -> None:
    raise AssertionError("waited for a disk that is not mounted")


def test_law_8_a_fetch_leaves_git_room_on_the_disk(
    ann: Place, bob: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git has refs and an index to write yet when a hook fetches."""
    remote = MemoryBackend()
    (pointer,) = ingest(ann.store, content(1, 3_000_000))
    push(ann.store, ann.view(remote), uses(pointer))
    usage = shutil.disk_usage(bob.path.parent)
    free = iter([5_000_000, 5_000_000])  # for the recipe there is room, for the chunks there is not
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=next(free)))
    with pytest.raises(StoreError, match="there is no room for 3 MB"):
        fetch(bob.store, [bob.view(remote)], [pointer])
    monkeypatch.undo()
    assert not fetch(bob.store, [bob.view(remote)], [pointer]).failed
    assert restored(bob.store, pointer) == content(1, 3_000_000)


def test_what_came_can_be_read_while_the_rest_is_on_its_way(
    ann: Place, bob: Place, remote: MemoryBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "PACK_TARGET_BYTES", 6_000_000)
    monkeypatch.setattr(pack_format, "PACK_TARGET_BYTES", 6_000_000)
    monkeypatch.setattr(plan, "COMBINE_BELOW_BYTES", 0)
    data = content(1, 40_000_000)
    (pointer,) = ingest(ann.store, data)
    push(ann.store, ann.view(remote), uses(pointer))
    lacking: list[int] = []
    with Store.open(bob.store.path) as reader:
        assert not fetch(
            bob.store,
            [bob.view(remote)],
            [pointer],
            on_commit=lambda: lacking.append(len(reader.missing_of(pointer))),
        ).failed
    assert len(set(lacking)) >= 4
    assert lacking[-1] == 0


def test_packs_come_in_the_order_in_which_the_content_has_them(
    ann: Place, bob: Place, remote: MemoryBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "WINDOW_BYTES", 30_000_000)
    monkeypatch.setattr(pack_format, "PACK_TARGET_BYTES", 6_000_000)
    monkeypatch.setattr(plan, "COMBINE_BELOW_BYTES", 0)
    (pointer,) = ingest(ann.store, content(1, 40_000_000))
    push(ann.store, ann.view(remote), uses(pointer))
    counted = FaultyBackend(remote)
    view = bob.view(counted)
    view.lanes = Lanes(1)
    assert not fetch(bob.store, [view], [pointer]).failed
    there = ann.view(remote)
    places = there.find_many([digest for digest, _ in ann.store.entries(pointer)])
    order = list(dict.fromkeys(pack_key(places[d].pack) for d, _ in ann.store.entries(pointer)))
    asked = [key for verb, key in counted.log if verb == "get_file" and key in order]
    assert len(asked) >= 6
    # Two are about to be asked for at a time.
    assert all(abs(order.index(key) - place) <= 2 for place, key in enumerate(asked))
