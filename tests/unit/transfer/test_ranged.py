"""Asking for parts of segments gives the same answers as having them, or none."""

from __future__ import annotations

import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st
from support.extent import examples
from support.faulty_backend import FaultyBackend
from support.remotes import Place, content, ingest, restored, uses

from git_mlvc.backend.memory import MemoryBackend
from git_mlvc.errors import CorruptChunk, MissingChunk, RemoteUnavailable
from git_mlvc.formats import segment
from git_mlvc.formats.pack import encode_row
from git_mlvc.formats.segment import PackTable, SegmentView
from git_mlvc.oid import Oid
from git_mlvc.transfer import remote_compaction, remote_layout, remote_view
from git_mlvc.transfer.fetch import fetch
from git_mlvc.transfer.push import push
from git_mlvc.transfer.segments import remote_segments, segment_ranges
from git_mlvc.transfer.segments.ranged_segments import RangedSegments
from git_mlvc.transfer.verify import copies_on

digests = st.binary(min_size=32, max_size=32)
crowded = st.lists(st.sampled_from([0, 1, 255]), min_size=32, max_size=32).map(bytes)
packs = st.lists(st.lists(digests | crowded, max_size=40), min_size=1, max_size=3)


def segment_over(groups):
    tables = []
    for number, group in enumerate(groups):
        rows = b"".join(encode_row(d, 0, 0, 16 + 9 * at, 9, 9) for at, d in enumerate(group))
        tables.append(PackTable(blake3(b"%d" % number).digest(), 1 << 20, rows))
    return segment.encode(tables)


def ranged(*datas, marks=True):
    backend, damaged = MemoryBackend(), []
    segments = RangedSegments(backend, damaged.append)
    for data in datas:
        name = blake3(data).digest()
        backend.put(remote_layout.segment_key(name), data)
        if marks:
            segments.add(remote_layout.summary_of(name, SegmentView(data)))
        else:
            segments.add_by_asking(name, len(data))
    return segments, damaged, backend


@settings(deadline=None)
@given(
    st.lists(packs, min_size=1, max_size=3), st.lists(digests | crowded, max_size=10), st.booleans()
)
def test_ranges_say_what_the_segments_say(made, others, marks):
    datas = [segment_over(groups) for groups in made]
    segments, damaged, _ = ranged(*datas, marks=marks)
    views = [SegmentView(data) for data in datas]
    asked = {*others, *(d for view in views for d in view.ids())}
    expected = {d: {at for v in views for at in v.find_all(d)} for d in asked}
    sizes = {}
    found = segments.places(asked, sizes)
    assert {d: set(at) for d, at in found.items()} == {d: at for d, at in expected.items() if at}
    assert segments.named(asked) == set(found)
    assert all(sizes[place.pack] == 1 << 20 for places in found.values() for place in places)
    assert not damaged


@given(st.integers(1, 1 << 24), st.binary(min_size=8, max_size=8))
def test_a_window_lies_in_its_slice(rows, prefix):
    shape = segment.SegmentLayout(1, rows, 0)
    summary = remote_layout.Summary(b"", shape, (0, rows // 3, rows // 2, rows // 2, rows))
    window = segment_ranges.window_of(summary, prefix + bytes(24))
    whole = segment_ranges.whole_slice(summary, prefix + bytes(24))
    assert whole.low <= window.low <= window.high <= whole.high


@settings(deadline=None, max_examples=examples(200))
@given(st.data())
def test_damage_in_a_range_sets_its_segment_aside(data):
    good = segment_over([[blake3(b"%d" % n).digest() for n in range(200)]])
    bad = bytearray(good)
    at = data.draw(st.integers(segment.LAYOUT_SIZE, len(good) - 33))
    bad[at] ^= data.draw(st.integers(1, 255))
    segments, damaged, backend = ranged(good)
    (name,) = segments.summaries
    backend.put(remote_layout.segment_key(name), bytes(bad))
    asked = list(SegmentView(good).ids())[::7]
    true = {d: SegmentView(good).find_all(d) for d in asked}
    found = segments.places(asked, {})
    assert damaged in ([], [name])
    assert (
        damaged
        or sum(found.get(d) == true[d] for d in asked) >= len(asked) - 1
        or (SegmentView(good).layout.packs_at <= at < SegmentView(good).layout.ids_at)
    )


# -- whole stories, with every segment taken for a large one


@pytest.fixture
def large(monkeypatch):
    monkeypatch.setattr(remote_segments, "WHOLE_BYTES", 0)
    monkeypatch.setattr(remote_view, "ASK_BYTES", 0)  # never cheaper to fetch them
    monkeypatch.setattr(remote_view, "TAIL_BYTES", 0)


@pytest.fixture
def ann(tmp_path):
    return Place(tmp_path / "ann")


@pytest.fixture
def bob(tmp_path):
    return Place(tmp_path / "bob")


def test_what_was_pushed_is_fetched_by_ranges(large, ann, bob):
    remote = MemoryBackend()
    datas = [b"x", content(1, 5000), content(2, 300_000), content(3, 3_000_000)]
    pointers = [ingest(ann.store, data)[0] for data in datas]
    for pointer in pointers:
        push(ann.store, ann.view(remote), uses(pointer))
    for pointer, data in zip(pointers, datas, strict=True):
        assert not fetch(bob.store, [bob.view(remote)], [pointer]).failed
        assert restored(bob.store, pointer) == data


def test_a_pack_that_has_gone_is_done_without_where_another_has_the_record(
    large, ann, bob, tmp_path
):
    remote = MemoryBackend()
    (pointer,) = ingest(ann.store, content(1, 300_000))
    push(ann.store, ann.view(remote), uses(pointer))
    (lost,) = [key for key in remote.objects if key.startswith("packs/")]
    del remote.objects[lost]
    other, _ = ingest(bob.store, content(1, 300_000), b"in another pack")
    push(bob.store, bob.view(remote), uses(other))
    third = Place(tmp_path / "third")
    assert not fetch(third.store, [third.view(remote)], [pointer]).failed
    assert restored(third.store, pointer) == content(1, 300_000)
    assert copies_on(bob.view(remote), [pointer]) == {pointer}
    for key in [key for key in remote.objects if key.startswith("packs/")]:
        del remote.objects[key]
    assert copies_on(ann.view(remote, "anew"), [pointer]) == set()


def test_before_something_is_missing_segments_are_read_whole(large, ann, bob):
    remote = FaultyBackend(MemoryBackend())
    pointers = ingest(ann.store, content(1, 300_000))
    push(ann.store, ann.view(remote), uses(*pointers))
    stranger = Oid.of(b"nobody has this").digest
    assert bob.view(remote).find(stranger) is None
    assert [*(bob.path / "cache-origin/segments").iterdir()]
    key = next(key for key in remote.inner.objects if key.startswith("segments/"))
    remote.inner.objects[key] = remote.inner.objects[key][:-1] + b"\0"
    with pytest.raises(RemoteUnavailable, match="cannot tell"):
        Place(bob.path / "anew").view(remote).find(stranger)


def test_law_9_what_is_too_large_to_read_whole_is_unknown(large, ann, bob, monkeypatch):
    monkeypatch.setattr(remote_view, "CERTAIN_BYTES", 0)
    remote = MemoryBackend()
    (pointer,) = ingest(ann.store, content(1, 300_000))
    push(ann.store, ann.view(remote), uses(pointer))
    view = bob.view(remote)
    assert view.find(pointer.oid.digest) is not None
    with pytest.raises(RemoteUnavailable, match="for certain"):
        view.find(Oid.of(b"nobody has this").digest)


def test_law_3_a_lie_in_a_range_costs_a_file_and_never_gives_wrong_bytes(large, ann, bob):
    remote = MemoryBackend()
    pointers = ingest(ann.store, content(1, 100_000), content(2, 100_000))
    push(ann.store, ann.view(remote), uses(*pointers))
    key = next(key for key in remote.objects if key.startswith("segments/"))
    data = bytearray(remote.objects[key])
    layout = SegmentView(bytes(data)).layout
    for at in range(layout.rows_at, layout.runs_at, segment.ROW.size):
        data[at + 6] ^= 1  # every offset is wrong by one
    remote.objects[key] = bytes(data)
    for pointer, failure in fetch(bob.store, [bob.view(remote)], pointers).failed.items():
        assert isinstance(failure, CorruptChunk | MissingChunk | RemoteUnavailable)
        assert not bob.store.is_complete(pointer)


def test_segments_that_are_merged_while_they_are_asked_are_listed_anew(large, ann, bob):
    remote = MemoryBackend()
    pointers = [ingest(ann.store, content(n, 100_000))[0] for n in range(4)]
    for pointer in pointers:
        push(ann.store, ann.view(remote), uses(pointer))
    view = bob.view(remote)
    view.refresh(from_index=True)
    merged = ann.view(remote)
    merged.refresh()
    ann.path.mkdir(exist_ok=True)
    remote_compaction.TOO_MANY, before = 4, remote_compaction.TOO_MANY
    try:
        assert remote_compaction.compact(merged, ann.path)
    finally:
        remote_compaction.TOO_MANY = before
    for key in [key for key in remote.objects if key.startswith("segments/")]:
        if remote_layout.segment_of(key) not in merged.segments.ids():
            remote.delete(key)  # as if its grace were over
    assert all(view.find(pointer.oid.digest) is not None for pointer in pointers)


def test_a_push_that_knows_too_little_fetches_the_segments_when_that_is_cheaper(large, ann, bob):
    remote = MemoryBackend()
    pointers = ingest(ann.store, content(1, 2_000_000))
    push(ann.store, ann.view(remote), uses(*pointers))
    same = ingest(bob.store, content(1, 2_000_000))
    report = push(bob.store, bob.view(remote), uses(*same))
    assert report.sent_bytes == 0
    assert report.chunks_already_there > 20
