"""A remote that holds 1 TiB, asked by somebody who has never asked it before: few requests, few bytes."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
from support.extent import cases
from support.remotes import Place, content, ingest, restored, uses
from support.vast_remote import VastBackend, vast

from git_mlvc.backend.base import Capability
from git_mlvc.backend.memory import MemoryBackend
from git_mlvc.errors import MissingChunk, RemoteUnavailable
from git_mlvc.formats.pointer import Pointer
from git_mlvc.oid import Oid
from git_mlvc.transfer.copying import copy
from git_mlvc.transfer.fetch import fetch
from git_mlvc.transfer.push import push
from git_mlvc.transfer.verify import copies_on

CHUNKS = (1 << 40) // 65536
TIERS = [CHUNKS * share // 100 for share in (74, 19, 5, 2)]  # as merging leaves them
EQUAL = [CHUNKS // 4] * 4
MIB = 1 << 20


@pytest.fixture
def ann(tmp_path: Path) -> Place:
    return Place(tmp_path / "ann")


@pytest.fixture
def bob(tmp_path: Path) -> Place:
    return Place(tmp_path / "bob")


def with_contents(
    ann: Place, *datas: bytes, sizes: list[int] = TIERS, planted_in: int = 0
) -> tuple[VastBackend, list[Pointer]]:
    """Return a remote of 1 TiB that has these contents among others, and nobody who remembers it."""
    pointers = ingest(ann.store, *datas)
    pushed = MemoryBackend()
    push(ann.store, ann.view(pushed, "pushed"), uses(*pointers))
    return vast(sizes, pushed, planted_in=planted_in), pointers


@pytest.mark.parametrize("sizes", [TIERS, EQUAL], ids=["tiers", "equal"])
@pytest.mark.parametrize("planted_in", cases(range(4), [0, 3]))
def test_fetching_a_file_of_one_mebibyte(
    ann: Place, bob: Place, sizes: list[int], planted_in: int
) -> None:
    others = [content(n, MIB) for n in range(2, 12)]
    remote, pointers = with_contents(
        ann, content(1, MIB), *others, sizes=sizes, planted_in=planted_in
    )
    report = fetch(bob.store, [bob.view(remote)], pointers[:1])
    assert not report.failed
    assert restored(bob.store, pointers[0]) == content(1, MIB)
    assert remote.count() <= 10
    index_bytes = sum(remote.read_bytes.values()) - report.received_bytes
    assert index_bytes <= MIB
    assert report.received_bytes < 1.1 * MIB


def test_fetching_from_a_server_that_shows_no_folders(ann: Place, bob: Place) -> None:
    remote, pointers = with_contents(ann, content(1, MIB), content(2, MIB))
    remote.capabilities = frozenset({Capability.RANGES})
    assert not fetch(bob.store, [bob.view(remote)], pointers[:1]).failed
    assert not any(verb == "list" for verb, _ in remote.requests)
    assert remote.count() <= 10


def test_copying_a_few_files_to_another_remote(ann: Place, bob: Place, tmp_path: Path) -> None:
    remote, pointers = with_contents(ann, *[content(n, MIB) for n in range(1, 6)])
    other = MemoryBackend("other")
    report = copy(
        bob.view(remote, "vast"),
        bob.view(other, "other"),
        uses(*pointers),
        scratch=tmp_path / "tmp",
    )
    assert report.missing is None and report.done.packs == 1
    assert copies_on(bob.view(other, "other"), pointers) == set(pointers)
    assert remote.count() <= 40
    assert sum(remote.read_bytes.values()) < 16 * MIB


def test_fetching_a_small_file(ann: Place, bob: Place) -> None:
    remote, (pointer, *_) = with_contents(ann, b"small", *[b"%d" % n for n in range(50)])
    assert not fetch(bob.store, [bob.view(remote)], [pointer]).failed
    assert remote.count() <= 8
    assert sum(remote.read_bytes.values()) < MIB / 4


def test_fetching_many_files_costs_less_for_each(ann: Place, bob: Place) -> None:
    datas = [content(n, 100_000) for n in range(200)]
    remote, pointers = with_contents(ann, *datas)
    report = fetch(bob.store, [bob.view(remote)], pointers)
    assert not report.failed
    assert remote.count() < 60
    assert remote.read_bytes["index"] + remote.read_bytes["segments"] < MIB


@pytest.mark.parametrize("planted_in", cases(range(4), [0, 3]))
def test_pushing_one_changed_mebibyte(
    ann: Place, bob: Place, tmp_path: Path, planted_in: int
) -> None:
    data = content(1, 16 * MIB)
    edited = data[: 7 * MIB] + content(2, MIB) + data[8 * MIB :]
    remote, (old,) = with_contents(ann, data, planted_in=planted_in)
    assert not fetch(bob.store, [bob.view(remote)], [old]).failed
    (new,) = ingest(bob.store, edited)
    remote.count()
    report = push(bob.store, bob.view(remote, "empty cache"), uses(new), bases=lambda: iter([old]))
    assert remote.count() <= 12
    assert report.sent_bytes < 1.5 * MIB
    assert report.chunks_already_there > 100
    carol = Place(tmp_path / "carol")
    assert not fetch(carol.store, [carol.view(remote)], [new]).failed
    assert restored(carol.store, new) == edited


def test_pushing_what_is_not_known_to_be_there_sends_it_unasked(ann: Place, bob: Place) -> None:
    remote, (old,) = with_contents(ann, content(1, 4 * MIB))
    assert not fetch(bob.store, [bob.view(remote)], [old]).failed
    remote.count()
    report = push(bob.store, bob.view(remote, "empty cache"), uses(old))
    assert remote.count() <= 12
    assert report.raw_sent_bytes == 4 * MIB
    assert push(bob.store, bob.view(remote, "empty cache"), uses(old)).sent_bytes == 0
    assert remote.count() <= 3


def test_a_place_that_does_not_hold_the_base_gets_all_of_it(ann: Place, bob: Place) -> None:
    remote, _ = with_contents(ann, b"another")
    old, new = ingest(bob.store, content(1, 4 * MIB), content(1, 4 * MIB) + b"more")
    report = push(bob.store, bob.view(remote), uses(new), bases=lambda: iter([old]))
    assert report.raw_sent_bytes > 4 * MIB
    assert remote.count() <= 13


def test_a_copy_is_verified_without_fetching_segments(ann: Place, bob: Place) -> None:
    remote, pointers = with_contents(ann, content(1, MIB), content(2, MIB))
    assert copies_on(bob.view(remote), pointers) == set(pointers)
    assert remote.count() < 20


def test_law_9_what_the_ranges_do_not_show_is_unknown_and_not_missing(
    ann: Place, bob: Place
) -> None:
    remote, _ = with_contents(ann, b"x")
    stranger = Pointer(Oid.of(b"nobody has this"), 15)
    view = bob.view(remote)
    assert view.known(stranger.oid.digest) is None
    with pytest.raises(RemoteUnavailable, match="cannot tell for certain"):
        view.find(stranger.oid.digest)
    failure = fetch(bob.store, [bob.view(remote)], [stranger]).failed[stranger]
    assert isinstance(failure, RemoteUnavailable)
    assert not isinstance(failure, MissingChunk)
    assert remote.read_bytes["segments"] < MIB


def test_a_segment_that_the_index_does_not_name_is_found_by_listing(ann: Place, bob: Place) -> None:
    remote, _ = with_contents(ann, b"x")
    stale = remote.objects["index"]
    (pointer,) = ingest(ann.store, content(5, MIB))
    push(ann.store, ann.view(remote), uses(pointer))
    remote.objects["index"] = stale
    assert not fetch(bob.store, [bob.view(remote)], [pointer]).failed


def test_memory_stays_small(ann: Place, bob: Place) -> None:
    remote, pointers = with_contents(ann, content(1, MIB))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    fetch(bob.store, [bob.view(remote)], pointers)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 << 10  # KiB
