"""Several clients on one remote, and servers that tell the truth late."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from support.faulty_backend import FaultyBackend
from support.lagging_backend import LaggingBackend
from support.remotes import Place, content, ingest, uses

from git_mlvc.backend.base import Backend, Capability
from git_mlvc.backend.file import FileBackend
from git_mlvc.backend.memory import MemoryBackend
from git_mlvc.errors import MlvcError, RemoteRefused, RemoteUnavailable
from git_mlvc.formats.pointer import Pointer
from git_mlvc.transfer import parcel, remote_compaction, remote_layout
from git_mlvc.transfer import push as pushing
from git_mlvc.transfer.fetch import fetch
from git_mlvc.transfer.push import push
from git_mlvc.transfer.verify import copies_on

CLIENTS = 4
PUSHES = 4


@pytest.fixture
def ann(tmp_path: Path) -> Place:
    return Place(tmp_path / "ann")


@pytest.fixture
def bob(tmp_path: Path) -> Place:
    return Place(tmp_path / "bob")


def packs_on(remote: MemoryBackend) -> list[str]:
    return sorted(key for key in remote.objects if key.startswith("packs/"))


def of(kind: str) -> Callable[[Path], Backend]:
    return {
        "directory": lambda path: FileBackend(path / "remote"),
        "memory": lambda path: MemoryBackend(),
        "all win": lambda path: LaggingBackend(all_win=True),
        "lagging": lambda path: LaggingBackend(listing_lag=5, late=2),
        "all at once": lambda path: LaggingBackend(listing_lag=9, late=3, all_win=True),
        "no listing": lambda path: MemoryBackend(
            capabilities=frozenset(Capability) - {Capability.LIST}
        ),
    }[kind]


@pytest.mark.parametrize("kind", ["directory", "memory", "all win", "lagging", "all at once"])
def test_clients_that_push_at_once_lose_nothing_and_readers_see_whole_files(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_compaction, "TOO_MANY", 5)  # so that it happens often
    remote = of(kind)(tmp_path)
    pushed: list[Pointer] = []
    failures: list[BaseException] = []
    done = threading.Event()
    shared = content(0, 60_000)

    def write(number: int) -> None:
        person = Place(tmp_path / f"person{number}")
        for turn in range(PUSHES):
            own = content(100 * number + turn + 1, 30_000)
            pointers = ingest(person.store, own, shared + own[:100])
            push(person.store, person.view(remote), uses(*pointers))
            pushed.extend(pointers)

    def read() -> None:
        number = 0
        while not done.is_set() or number == 0:
            reader = Place(tmp_path / f"reader{number}")
            wanted = list(pushed)
            failed = fetch(reader.store, [reader.view(remote)], wanted).failed
            if kind in ("directory", "memory", "all win"):
                assert not failed
            number += 1

    def guarded(work: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                work()
            except BaseException as exc:
                failures.append(exc)

        return run

    writers = [
        threading.Thread(target=guarded(lambda number=number: write(number)))  # type: ignore[misc]
        for number in range(CLIENTS)
    ]
    reader = threading.Thread(target=guarded(read))
    for thread in [*writers, reader]:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()
    assert failures == []
    assert len(pushed) == 2 * CLIENTS * PUSHES
    if isinstance(remote, LaggingBackend):
        remote.catch_up()
    last = Place(tmp_path / "last")
    assert copies_on(last.view(remote), pushed, deep=True) == set(pushed)
    view = last.view(remote)
    view.refresh()
    # What one of them has left out of the index, the next push puts in.
    push(last.store, view, uses(*ingest(last.store, b"the last one")))
    index = remote_layout.decode_index(remote.get("index"))
    assert sorted(index.summaries) == view.segment_ids
    if isinstance(remote, MemoryBackend):
        assert any(remote_layout.marker_of(key) for key in remote.objects)


# -- late truth


def test_what_shows_only_after_a_while_has_arrived(ann: Place, bob: Place) -> None:
    remote = LaggingBackend(late=4)
    pointers = ingest(ann.store, content(1, 200_000))
    push(ann.store, ann.view(remote), uses(*pointers))
    assert remote.shown_late > 4
    remote.catch_up()
    assert copies_on(bob.view(remote), pointers, deep=True) == set(pointers)


def test_what_never_shows_has_not(ann: Place) -> None:
    remote = LaggingBackend(late=1000)
    with pytest.raises(RemoteUnavailable, match="does not have it"):
        push(ann.store, ann.view(remote), uses(*ingest(ann.store, content(1, 200_000))))
    assert not any(key.startswith("segments/") for key in remote.objects)


def test_a_listing_that_lags_makes_nothing_missing(ann: Place, bob: Place) -> None:
    remote = LaggingBackend(listing_lag=1000)
    pointers = [ingest(ann.store, content(n, 200_000))[0] for n in range(3)]
    for pointer in pointers:
        push(ann.store, ann.view(remote), uses(pointer))
    assert list(remote.list("packs/")) == []
    counted = FaultyBackend(remote)
    assert push(ann.store, ann.view(counted), uses(*pointers)).packs == 0
    assert counted.calls["put_if_absent"] == 0
    assert copies_on(bob.view(remote), pointers) == set(pointers)
    assert not fetch(bob.store, [bob.view(remote)], pointers).failed


def test_law_11_a_listing_that_lags_does_not_make_what_has_gone_a_copy(
    ann: Place, bob: Place
) -> None:
    remote = LaggingBackend(listing_lag=3)
    pointers = ingest(ann.store, content(1, 200_000))
    push(ann.store, ann.view(remote), uses(*pointers))
    for _ in range(3):
        remote.put("index", remote.get("index"))
    (pack,) = packs_on(remote)
    remote.delete(pack)
    assert [listed.key for listed in remote.list("packs/")] == [pack]
    assert copies_on(bob.view(remote), pointers, for_deletion=True) == set()


def test_segments_that_a_listing_shows_and_nobody_has_are_a_doubt_and_no_obstacle(
    ann: Place, bob: Place
) -> None:
    remote = LaggingBackend(listing_lag=4)
    first, second = (ingest(ann.store, content(n, 200_000))[0] for n in range(2))
    push(ann.store, ann.view(remote), uses(first))
    (gone,) = [key for key in remote.objects if key.startswith("segments/")]
    push(ann.store, ann.view(remote), uses(second))
    for _ in range(5):
        remote.put("index", b"")  # what is left of it after an accident
    remote.delete(gone)
    assert gone in {listed.key for listed in remote.list("segments/")}
    reader = bob.view(remote)
    failed = fetch(bob.store, [reader], [first, second]).failed
    assert failed.keys() == {first}
    assert isinstance(failed[first], RemoteUnavailable)  # law 9: unknown
    assert push(ann.store, ann.view(remote, "anew"), uses(first, second)).files == 2
    remote.catch_up()
    assert copies_on(bob.view(remote), [first, second], deep=True) == {first, second}


# -- what vanishes


@pytest.mark.parametrize("lost", ["index", "segments/", "packs/", "format index", "all"])
def test_what_vanished_is_there_again_after_the_next_push(
    ann: Place, bob: Place, lost: str
) -> None:
    remote = MemoryBackend()
    pointers = [ingest(ann.store, content(n, 100_000))[0] for n in range(3)]
    for pointer in pointers:
        push(ann.store, ann.view(remote), uses(pointer))
    for key in list(remote.objects):
        if lost == "all" or key.startswith(tuple(lost.split())):
            del remote.objects[key]
    push(ann.store, ann.view(remote), uses(*pointers))
    assert {"format", "index"} <= remote.objects.keys()
    assert copies_on(bob.view(remote), pointers, deep=True) == set(pointers)
    remote.capabilities = frozenset({Capability.RANGES})
    reader = Place(bob.path / "other")
    assert not fetch(reader.store, [reader.view(remote)], pointers).failed


def test_a_lost_format_is_written_by_the_next_push_that_sends_anything(ann: Place) -> None:
    remote = MemoryBackend()
    push(ann.store, ann.view(remote), uses(*ingest(ann.store, b"one")))
    del remote.objects["format"]
    push(ann.store, ann.view(remote), uses(*ingest(ann.store, b"two")))
    assert "format" in remote.objects


def test_a_long_push_names_what_others_pushed_meanwhile(
    ann: Place, bob: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pushing, "MANY_PACKS", 0)
    remote = MemoryBackend()
    (others,) = ingest(bob.store, content(2, 50_000))

    class Slow(FaultyBackend):
        def put_if_absent(self, key: str, source: bytes | Path) -> bool:
            if key.startswith("packs/"):
                push(bob.store, bob.view(remote), uses(others))
            return super().put_if_absent(key, source)

    (own,) = ingest(ann.store, content(1, 50_000))
    push(ann.store, ann.view(Slow(remote)), uses(own))
    remote.capabilities = frozenset({Capability.RANGES})  # a web server that shows no folders
    reader = Place(ann.path / "reader")
    assert not fetch(reader.store, [reader.view(remote)], [own, others]).failed


def test_where_listing_is_impossible_the_index_forgets_nothing(ann: Place, bob: Place) -> None:
    remote = LaggingBackend(capabilities=frozenset({Capability.WRITE, Capability.RANGES}), late=1)
    pointers = []
    for number in range(4):
        person = Place(ann.path / str(number))
        pointers += ingest(person.store, content(number, 50_000))
        push(person.store, person.view(remote), uses(pointers[-1]))
    remote.catch_up()
    assert not fetch(bob.store, [bob.view(remote)], pointers).failed


def test_an_interrupted_push_of_many_packs_sends_no_pack_twice(
    ann: Place, bob: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of packs that are put together for the journey: the same ones come out again."""
    monkeypatch.setattr(pushing, "ASK_FIRST_BYTES", 0)
    monkeypatch.setattr(parcel.repack, "__kwdefaults__", {"target_bytes": 400_000})
    pointers = [ingest(ann.store, content(number, 150_000))[0] for number in range(12)]
    undisturbed, interrupted = MemoryBackend(), MemoryBackend()
    push(ann.store, ann.view(undisturbed, "one"), uses(*pointers))
    sent = 0
    for allowed in (2, 1, 1, 100):
        faulty = FaultyBackend(interrupted)
        faulty.set("." * allowed, only={"put_if_absent"}, below="packs/", then="R")
        before = len(packs_on(interrupted))
        try:
            report = push(ann.store, ann.view(faulty, "two"), uses(*pointers))
            sent += report.packs
        except RemoteRefused:
            sent += allowed
        # Found by a look, not by sending it again.
        attempts = [key for verb, key in faulty.log if verb == "put_if_absent"]
        assert len({key for key in attempts if key.startswith("packs/")}) <= 5 - before
    assert packs_on(interrupted) == packs_on(undisturbed)
    assert sent == len(packs_on(undisturbed)) == 5
    assert copies_on(bob.view(interrupted, "two"), pointers, deep=True) == set(pointers)


def test_failing_in_the_middle_of_it_is_one_clear_error(ann: Place) -> None:
    faulty = FaultyBackend(MemoryBackend(), only={"list"}, below="packs/", then="E")
    with pytest.raises(MlvcError, match="list packs/ failed"):
        data = [ingest(ann.store, content(n, 9_000_000))[0] for n in range(3)]
        push(ann.store, ann.view(faulty), uses(*data))
