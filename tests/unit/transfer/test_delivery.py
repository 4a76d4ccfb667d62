"""One push to several places: all of them can be written to, or nothing is sent."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from support.faulty_backend import FaultyBackend
from support.remotes import Place, content, ingest, uses

from git_mlvc.backend.memory import MemoryBackend
from git_mlvc.backend.wrap.read_only import ReadOnly
from git_mlvc.errors import MissingChunk, MlvcError, RemoteRefused, RemoteUnavailable
from git_mlvc.formats.pointer import Pointer
from git_mlvc.progress import Silent
from git_mlvc.transfer.delivery import Delivery, Fetch, Sender
from git_mlvc.transfer.fetch import fetch
from git_mlvc.transfer.plan import MissingData
from git_mlvc.transfer.push import push
from git_mlvc.transfer.verify import copies_on


@pytest.fixture
def ann(tmp_path: Path) -> Place:
    return Place(tmp_path / "ann")


def nowhere(pointers: Sequence[Pointer]) -> dict[Pointer, MlvcError]:
    return dict.fromkeys(pointers, MissingChunk("nowhere"))


def sender(place: Place, find: Fetch = nowhere) -> Sender:
    return Sender(place.store, find, Silent())


def test_each_place_gets_its_own(ann: Place) -> None:
    one, other = MemoryBackend("one"), MemoryBackend("other")
    here, there = ingest(ann.store, content(1, 5000), content(2, 6000))
    deliveries = [
        Delivery(ann.view(one, "one"), uses(here)),
        Delivery(ann.view(other, "other"), uses(there)),
    ]
    reports = [(view.name, report.files) for view, report in sender(ann).send_all(deliveries)]
    assert reports == [("one", 1), ("other", 1)]
    assert copies_on(ann.view(one, "one"), [here, there]) == {here}
    assert copies_on(ann.view(other, "other"), [here, there]) == {there}


def test_one_that_cannot_be_written_to_keeps_anything_from_being_sent(ann: Place) -> None:
    one, other = FaultyBackend(MemoryBackend("one")), ReadOnly(MemoryBackend("other"))
    here, there = ingest(ann.store, content(1, 5000), content(2, 6000))
    deliveries = [
        Delivery(ann.view(one, "one"), uses(here)),
        Delivery(ann.view(other, "other"), uses(there)),
    ]
    with pytest.raises(RemoteRefused, match=r"cannot push on .*other.*: .* write"):
        list(sender(ann).send_all(deliveries))
    assert not one.calls


def test_what_is_not_here_is_fetched_from_elsewhere_first(ann: Place, tmp_path: Path) -> None:
    bob = Place(tmp_path / "bob")
    lab, archive = MemoryBackend("lab"), MemoryBackend("archive")
    (pointer,) = ingest(ann.store, content(1, 300_000))
    push(ann.store, ann.view(lab, "lab"), uses(pointer))

    def find(pointers: Sequence[Pointer]) -> dict[Pointer, MlvcError]:
        return dict(fetch(bob.store, [bob.view(lab, "lab")], pointers).failed)

    sender(bob, find).send(Delivery(bob.view(archive, "archive"), uses(pointer)))
    assert copies_on(bob.view(archive, "archive"), [pointer]) == {pointer}


def test_what_is_nowhere_is_named(ann: Place, tmp_path: Path) -> None:
    bob = Place(tmp_path / "bob")
    (pointer,) = ingest(ann.store, content(1, 5000))
    archive = MemoryBackend("archive")
    with pytest.raises(MissingData, match=r"data/0\.bin"):
        sender(bob).send(Delivery(bob.view(archive, "archive"), uses(pointer)))
    assert not archive.objects


def test_the_rest_is_not_sent_when_one_falls_silent(ann: Place) -> None:
    one, other = FaultyBackend(MemoryBackend("one"), then="E"), FaultyBackend(MemoryBackend("two"))
    pointers = ingest(ann.store, content(1, 5000))
    deliveries = [
        Delivery(ann.view(one, "one"), uses(*pointers)),
        Delivery(ann.view(other, "other"), uses(*pointers)),
    ]
    with pytest.raises(RemoteUnavailable):
        list(sender(ann).send_all(deliveries))
    assert not other.calls


def test_a_second_push_asks_each_place_three_times_at_most(ann: Place) -> None:
    places = [FaultyBackend(MemoryBackend(name)) for name in ("one", "two")]
    pointers = ingest(ann.store, content(1, 400_000), b"small")
    for _ in range(2):
        deliveries = [Delivery(ann.view(place, place.url), uses(*pointers)) for place in places]
        before = [sum(place.calls.values()) for place in places]
        reports = [report for _, report in sender(ann).send_all(deliveries)]
    assert [report.sent_bytes for report in reports] == [0, 0]
    asked = [sum(place.calls.values()) for place in places]
    assert all(now - then <= 3 for now, then in zip(asked, before, strict=True))
