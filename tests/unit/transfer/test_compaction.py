"""Few segments: merged without a lock, kept for a while, and never the only ones that name something."""

from __future__ import annotations

from pathlib import Path

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st
from support.faulty_backend import FaultyBackend
from support.remotes import Place, content, ingest, uses

from git_mlvc.backend.base import Capability
from git_mlvc.backend.memory import MemoryBackend
from git_mlvc.formats.pointer import Pointer
from git_mlvc.transfer import remote_compaction, remote_layout
from git_mlvc.transfer.fetch import fetch
from git_mlvc.transfer.push import push
from git_mlvc.transfer.segments.succession import GRACE_DAYS, MOST_KEPT, Listing, Marker
from git_mlvc.transfer.verify import copies_on

DAY_S = 86400


@pytest.fixture
def ann(tmp_path: Path) -> Place:
    return Place(tmp_path / "ann")


@pytest.fixture
def bob(tmp_path: Path) -> Place:
    return Place(tmp_path / "bob")


def segment_keys(remote: MemoryBackend) -> set[str]:
    return {key for key in remote.objects if remote_layout.segment_of(key)}


def markers(remote: MemoryBackend) -> set[str]:
    return {key for key in remote.objects if remote_layout.marker_of(key)}


def pushes(person: Place, remote: MemoryBackend, count: int, first: int = 0) -> list[Pointer]:
    """Push so many contents, each with a segment of its own."""
    pointers = []
    for number in range(first, first + count):
        pointers += ingest(person.store, content(number, 20_000))
        push(person.store, person.view(remote), uses(pointers[-1]))
    return pointers


def compact(person: Place, remote: MemoryBackend | FaultyBackend, day: int) -> bool:
    view = person.view(remote)
    view.refresh()
    return remote_compaction.compact(view, person.path, clock=lambda: day * DAY_S + DAY_S / 2)


@pytest.fixture
def seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """No push merges of itself."""
    monkeypatch.setattr(remote_compaction, "TOO_MANY", 100)


@pytest.fixture
def merged(
    ann: Place, seldom: None, monkeypatch: pytest.MonkeyPatch
) -> tuple[MemoryBackend, list[Pointer]]:
    """A remote whose eight segments were merged into one on day 100."""
    remote = MemoryBackend()
    pointers = pushes(ann, remote, 8)
    monkeypatch.setattr(remote_compaction, "TOO_MANY", 8)
    assert compact(ann, remote, 100)
    monkeypatch.setattr(remote_compaction, "TOO_MANY", 100)
    return remote, pointers


# -- what is merged


@given(
    st.lists(st.integers(1, 1 << 30), max_size=40),
    st.integers(0, 1 << 34).map(lambda n: n | 1 << 24),
)
def test_merging_leaves_few_and_keeps_to_its_allowance(sizes: list[int], allowance: int) -> None:
    named = {n.to_bytes(4, "big"): size for n, size in enumerate(sizes)}
    chosen = remote_compaction.to_merge(named, allowance)
    assert sum(named[one] for one in chosen) <= allowance
    assert not chosen or len(sizes) >= remote_compaction.TOO_MANY
    if sum(sizes) <= allowance and len(sizes) >= remote_compaction.TOO_MANY:
        assert len(sizes) - len(chosen) + 1 <= remote_compaction.MOST_SEGMENTS


def test_many_pushes_leave_few_segments_and_everything_found(ann: Place, bob: Place) -> None:
    remote = MemoryBackend()
    pointers = []
    for number in range(30):
        pointers += pushes(ann, remote, 1, number)
        view = ann.view(remote, "anew")
        view.refresh()
        assert len(view.segment_ids) < remote_compaction.TOO_MANY
        index = remote_layout.decode_index(remote.objects["index"])
        assert sorted(index.summaries) == view.segment_ids
    assert not fetch(bob.store, [bob.view(remote)], pointers).failed
    assert copies_on(bob.view(remote), pointers) == set(pointers)


def test_what_was_merged_is_not_fetched_merged_or_named_again(
    merged: tuple[MemoryBackend, list[Pointer]], bob: Place
) -> None:
    remote, pointers = merged
    assert len(segment_keys(remote)) == 9
    assert len(markers(remote)) == 8
    counted = FaultyBackend(remote)
    view = bob.view(counted)
    view.refresh()
    assert len(view.segment_ids) == 1
    assert [key for verb, key in counted.log if verb == "get_file"] == [
        remote_layout.segment_key(view.segment_ids[0])
    ]
    assert all(view.find(pointer.oid.digest) for pointer in pointers)


# -- the grace


def test_whoever_has_the_old_names_still_finds_them(
    merged: tuple[MemoryBackend, list[Pointer]], ann: Place, bob: Place
) -> None:
    remote, pointers = merged
    compact(ann, remote, 100 + GRACE_DAYS - 1)
    remote.capabilities = frozenset({Capability.RANGES})  # a web server, and the index of before
    view = bob.view(remote)
    view.refresh(from_index=True)
    assert len(view.segment_ids) == 8
    assert not fetch(bob.store, [view], pointers).failed


def test_after_the_grace_old_segments_go_and_then_their_markers(
    merged: tuple[MemoryBackend, list[Pointer]], ann: Place, bob: Place
) -> None:
    remote, pointers = merged
    compact(ann, remote, 100 + GRACE_DAYS)
    assert len(segment_keys(remote)) == 1
    assert markers(remote) == set()
    assert copies_on(bob.view(remote), pointers, deep=True) == set(pointers)


@pytest.mark.parametrize("day", [0, 99, 10_000_000])
def test_a_wrong_clock_loses_nothing(
    merged: tuple[MemoryBackend, list[Pointer]], ann: Place, bob: Place, day: int
) -> None:
    remote, pointers = merged
    compact(ann, remote, day)
    assert copies_on(bob.view(remote), pointers, deep=True) == set(pointers)


def test_nothing_goes_whose_successor_is_not_there(
    merged: tuple[MemoryBackend, list[Pointer]], ann: Place, bob: Place
) -> None:
    remote, pointers = merged
    view = ann.view(remote)
    view.refresh()
    (successor,) = view.segment_ids
    remote.delete(remote_layout.segment_key(successor))
    # This listing is from before: what it says to be there is looked for.
    remote_compaction.tidy(view.segments, 100 + GRACE_DAYS)
    assert len(segment_keys(remote)) == 8
    compact(ann, remote, 100 + GRACE_DAYS)
    assert len(segment_keys(remote)) == 8
    assert copies_on(bob.view(remote), pointers) == set(pointers)


def test_where_the_merged_one_is_damaged_those_before_it_count_again(
    merged: tuple[MemoryBackend, list[Pointer]], ann: Place, bob: Place
) -> None:
    remote, pointers = merged
    view = ann.view(remote)
    view.refresh()
    key = remote_layout.segment_key(view.segment_ids[0])
    remote.objects[key] = remote.objects[key][:-1] + bytes([remote.objects[key][-1] ^ 1])
    assert not fetch(bob.store, [bob.view(remote)], pointers).failed
    compact(Place(bob.path / "other"), remote, 100 + GRACE_DAYS)
    assert len(segment_keys(remote)) == 9  # and they stay


def test_what_was_merged_twice_goes_in_the_end(
    ann: Place, bob: Place, seldom: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = MemoryBackend()
    pointers = []
    for generation in range(3):
        pointers += pushes(ann, remote, 8, 8 * generation)
        monkeypatch.setattr(remote_compaction, "TOO_MANY", 8)
        assert compact(ann, remote, 100 + generation)
        monkeypatch.setattr(remote_compaction, "TOO_MANY", 100)
        assert copies_on(bob.view(remote), pointers) == set(pointers)
    for day in range(100 + GRACE_DAYS, 106 + GRACE_DAYS):
        compact(ann, remote, day)
        assert copies_on(bob.view(remote), pointers, deep=True) == set(pointers)
    assert len(segment_keys(remote)) == 1
    assert markers(remote) == set()


def test_programs_that_know_no_markers_read_the_same(
    merged: tuple[MemoryBackend, list[Pointer]], bob: Place
) -> None:
    remote, pointers = merged
    old = MemoryBackend()  # what they see: keys that they know
    old.objects = {k: v for k, v in remote.objects.items() if k not in markers(remote)}
    assert copies_on(bob.view(old), pointers, deep=True) == set(pointers)


def test_a_remote_that_cannot_delete_or_list_is_left_as_it_is(
    ann: Place, merged: tuple[MemoryBackend, list[Pointer]], monkeypatch: pytest.MonkeyPatch
) -> None:
    remote, _ = merged
    monkeypatch.setattr(remote_compaction, "TOO_MANY", 1)
    before = dict(remote.objects)
    for lacking in (Capability.DELETE, Capability.LIST):
        remote.capabilities = frozenset(Capability) - {lacking}
        assert not compact(ann, remote, 1000)
        assert remote.objects == before


@pytest.mark.parametrize("good", range(22))
def test_law_10_merging_cut_short_at_any_request_loses_nothing(
    ann: Place, bob: Place, good: int, seldom: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = MemoryBackend()
    pointers = pushes(ann, inner, 8)
    monkeypatch.setattr(remote_compaction, "TOO_MANY", 8)
    faulty = FaultyBackend(inner)
    view = ann.view(faulty)
    view.refresh()
    faulty.set("." * good, then="T")
    remote_compaction.compact(view, ann.path)
    assert not fetch(bob.store, [bob.view(inner)], pointers).failed


@pytest.mark.parametrize("good", range(0, 22, 3))
def test_law_10_tidying_cut_short_at_any_request_loses_nothing(
    merged: tuple[MemoryBackend, list[Pointer]], ann: Place, bob: Place, good: int
) -> None:
    inner, pointers = merged
    faulty = FaultyBackend(inner)
    view = ann.view(faulty)
    view.refresh()
    faulty.set("." * good, then="T")
    remote_compaction.compact(view, ann.path, clock=lambda: 1000.0 * DAY_S)
    assert copies_on(bob.view(inner), pointers) == set(pointers)
    for day in (1001, 1002):
        compact(ann, inner, day)
    assert len(segment_keys(inner)) == 1
    assert markers(inner) == set()


# -- markers, as values


def named(number: int) -> bytes:
    return blake3(b"%d" % number).digest()


some = st.integers(0, 6).map(named)
marks = st.builds(Marker, st.integers(0, 50), some, some)


@given(st.frozensets(some), st.frozensets(marks, max_size=12), st.integers(0, 80))
def test_what_is_left_out_or_removed_is_in_something_that_counts(
    there: frozenset[bytes], marked: frozenset[Marker], today: int
) -> None:
    listing = Listing(dict.fromkeys(there, 1), marked)
    assert set(listing.live) <= there
    for one in there - listing.live.keys():
        assert listing.heirs(one) & listing.live.keys()
    removed = {old for _, old in listing.to_remove(today) if old is not None}
    assert not removed & listing.live.keys()


@given(some, some, st.integers(0, 999_999))
def test_a_marker_says_in_its_key_all_there_is_to_it(old: bytes, new: bytes, day: int) -> None:
    key = Marker(day, old, new).key
    assert remote_layout.marker_of(key) == (old, new, day)
    assert remote_layout.segment_of(key) is None


@pytest.mark.parametrize(
    "key",
    [
        "segments/" + "a" * 64 + ".in-" + "b" * 63 + ".1",
        "segments/" + "a" * 64 + ".in-" + "b" * 64 + ".1234567",
        "segments/" + "a" * 64 + ".in-" + "b" * 64 + ".1/2",
        "segments/" + "A" * 64 + ".in-" + "b" * 64 + ".1",
        "packs/" + "a" * 64 + ".in-" + "b" * 64 + ".1",
    ],
)
def test_what_is_not_exactly_a_marker_is_none(key: str) -> None:
    assert remote_layout.marker_of(key) is None


def test_more_than_is_worth_keeping_goes_before_its_time_oldest_first() -> None:
    old = [named(n) for n in range(MOST_KEPT + 10)]
    new = named(-1)
    listing = Listing(
        dict.fromkeys([*old, new], 1),
        frozenset(Marker(1 + n // 50, one, new) for n, one in enumerate(old)),
    )
    gone = {one for _, one in listing.to_remove(1)}
    assert len(gone) == 10
    assert gone <= set(old[:50])


def test_a_chain_without_end_costs_nothing() -> None:
    chain = frozenset(Marker(1, named(n), named(n + 1)) for n in range(5000))
    listing = Listing({named(0): 1, named(4999): 1}, chain)
    assert named(4999) in listing.live
    assert named(0) in listing.live  # too long to be believed
    assert all(old is None for _, old in listing.to_remove(1000))
