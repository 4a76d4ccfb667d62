"""The catalogue of a git-lfs remote: nobody's entry is lost, nothing stale is called absent."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
from support.git_remotes import MemoryRef, RefView

from git_mlvc.backend.git_lfs.catalogue import Catalogue, Change, Entry
from git_mlvc.errors import RemoteRefused, RemoteUnavailable
from git_mlvc.formats.lfs_pointer import LfsPointer

GOLDEN = Path(__file__).parents[2] / "golden" / "lfs-ref" / "v1"


def pointer(number: int) -> LfsPointer:
    return LfsPointer(f"{number:064x}", number)


def catalogue(ref: MemoryRef) -> Catalogue:
    return Catalogue(ref.view(), "lfs:test")


@pytest.fixture
def ref() -> MemoryRef:
    return MemoryRef()


def test_the_files_are_as_promised(ref: MemoryRef) -> None:
    """docs/formats/lfs.md; golden bytes are only ever added to."""
    mine = catalogue(ref)
    digest = "d8fd1cde9b3ec6e2c0ee7d4b0ba1b5ae35d9f4a2a4a0b9b1f3ad6c3d15a2fb07"
    mine.note(Change(f"packs/d8/{digest}", LfsPointer("ab" * 32, 67108864)))
    mine.note(Change("format", b"git-mlvc store 1\n"))
    mine.commit(Change(f"segments/{digest}", LfsPointer("cd" * 32, 4711)))
    mine.commit(Change("packs/00/empty", b""))
    expected = {
        path.relative_to(GOLDEN).as_posix(): path.read_bytes()
        for path in GOLDEN.rglob("*")
        if path.is_file()
    }
    assert ref.files == expected
    read = MemoryRef()
    read.files = expected
    read.revision = 1
    assert dict(catalogue(read).below("")) == dict(mine.below(""))


def test_noted_changes_go_with_the_next_commit(ref: MemoryRef) -> None:
    mine, other = catalogue(ref), catalogue(ref)
    assert mine.note(Change("packs/aa/1", pointer(1)))
    assert mine.find("packs/aa/1") == pointer(1)
    assert other.find("packs/aa/1") is None
    assert mine.commit(Change("segments/1", pointer(2)))
    assert ref.publishes == 1
    assert other.find("packs/aa/1") == pointer(1)


def test_who_was_slower_decides_again_on_what_is_there(ref: MemoryRef) -> None:
    mine, other = catalogue(ref), catalogue(ref)
    assert mine.below("") == other.below("") == []
    assert other.commit(Change("segments/x", pointer(1), is_if_absent=True))
    assert other.commit(Change("segments/y", pointer(2)))
    assert not mine.commit(Change("segments/x", pointer(3), is_if_absent=True))
    assert mine.commit(Change("segments/z", pointer(4)))
    assert mine.commit(Change("segments/y", None))
    assert dict(other.below("")) == {"segments/x": pointer(1), "segments/z": pointer(4)}


def test_an_object_that_the_server_lost_may_be_replaced_and_no_other(ref: MemoryRef) -> None:
    mine, other = catalogue(ref), catalogue(ref)
    mine.commit(Change("segments/x", pointer(1)))
    other.find("segments/x")
    again = Change("segments/x", pointer(2), is_if_absent=True, gone=pointer(1))
    assert other.commit(again)
    assert not mine.commit(again)
    assert mine.find("segments/x") == pointer(2)


@pytest.mark.parametrize("of", ["catalogue each", "catalogue shared"])
def test_of_many_at_once_nobody_is_lost(ref: MemoryRef, of: str) -> None:
    shared = catalogue(ref)
    all_of_them = [shared if of == "catalogue shared" else catalogue(ref) for _ in range(8)]

    def work(number: int) -> None:
        for step in range(5):
            key = f"segments/{number}-{step}"
            all_of_them[number].note(Change(f"packs/{key}", pointer(step)))
            assert all_of_them[number].commit(Change(key, pointer(number)))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(catalogue(ref).below("segments/")) == 40
    assert len(catalogue(ref).below("packs/")) == 40
    if of == "catalogue shared":
        assert ref.publishes < 40


def test_the_same_question_is_not_answered_twice_from_one_look(ref: MemoryRef) -> None:
    mine, other = catalogue(ref), catalogue(ref)
    assert mine.below("segments/") == []
    assert mine.below("packs/") == []
    assert mine.find("format") is None
    assert ref.fetches == 1  # different questions about one moment
    other.commit(Change("segments/x", pointer(1)))
    assert mine.below("segments/") == [("segments/x", pointer(1))]
    assert mine.find("segments/y") is None
    other.commit(Change("segments/y", pointer(1)))
    assert mine.find("segments/y") == pointer(1)


def test_what_is_there_is_not_asked_again(ref: MemoryRef) -> None:
    mine = catalogue(ref)
    mine.commit(Change("segments/x", pointer(1)))
    before = ref.fetches
    for _ in range(5):
        assert mine.find("segments/x") == pointer(1)
    assert ref.fetches == before


def test_a_change_that_changes_nothing_is_no_commit(ref: MemoryRef) -> None:
    mine = catalogue(ref)
    mine.commit(Change("segments/x", pointer(1)))
    assert mine.commit(Change("segments/x", pointer(1)))
    assert mine.commit(Change("segments/nothing", None))
    assert ref.publishes == 1


def test_between_a_file_and_an_object(ref: MemoryRef) -> None:
    mine = catalogue(ref)
    entries: list[Entry] = [b"", pointer(1), b"plain", pointer(2)]
    for entry in entries:
        mine.commit(Change("index", entry))
        assert catalogue(ref).below("") == [("index", entry)]


def test_a_ref_that_holds_something_else_is_left_alone(ref: MemoryRef) -> None:
    ref.files = {"README.md": b"a branch with code"}
    ref.revision = 1
    with pytest.raises(RemoteRefused, match="cannot use") as caught:
        catalogue(ref).commit(Change("segments/x", pointer(1)))
    assert "something else" in caught.value.why
    ref.files = {"git-mlvc": b"git-mlvc lfs 2\n"}
    with pytest.raises(RemoteRefused) as caught:
        catalogue(ref).find("format")
    assert caught.value.hint == "upgrade git-mlvc"
    assert list(ref.files) == ["git-mlvc"]


def test_what_is_not_of_our_form_is_not_believed(ref: MemoryRef) -> None:
    mine = catalogue(ref)
    mine.commit(Change("segments/x", pointer(1)))
    ref.files |= {
        "objects/packs/../up": b"version",
        "objects/packs/y": b"not a pointer",
        "objects/packs/z": b"version https://git-lfs.github.com/spec/v1\noid sha256:x\nsize 1\n",
        "elsewhere/packs/z": b"",
        "files": b"",
    }
    ref.revision += 1
    assert mine.below("") == [("segments/x", pointer(1))]


def test_a_failure_keeps_what_was_noted(ref: MemoryRef) -> None:
    class Broken(type(ref.view())):  # type: ignore[misc]
        fails = True

        def publish(self, changes, message):  # type: ignore[no-untyped-def]
            if self.fails:
                raise RemoteUnavailable("no")
            return super().publish(changes, message)

    store = Broken(ref)
    mine = Catalogue(store, "lfs:test")
    mine.note(Change("packs/aa/1", pointer(1)))
    with pytest.raises(RemoteUnavailable):
        mine.commit(Change("segments/1", pointer(2)))
    assert mine.find("segments/1") is None
    store.fails = False
    mine.flush()
    assert catalogue(ref).below("") == [("packs/aa/1", pointer(1))]


def test_a_thread_that_is_interrupted_tells_no_other_that_all_went_well(ref: MemoryRef) -> None:
    began, go_on = threading.Event(), threading.Event()

    class Interrupted(RefView):
        def publish(self, changes: Mapping[str, bytes | None], message: str) -> bool:
            began.set()
            go_on.wait(60)
            raise KeyboardInterrupt

    mine = Catalogue(Interrupted(ref), "lfs:test")
    outcomes: list[type[BaseException] | None] = []

    def work(key: str) -> None:
        try:
            mine.commit(Change(key, pointer(1)))
            outcomes.append(None)
        except BaseException as exc:
            outcomes.append(type(exc))

    threads = [threading.Thread(target=work, args=(f"segments/{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    began.wait(60)
    go_on.set()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 4
    assert set(outcomes) <= {KeyboardInterrupt, RemoteUnavailable}
    assert ref.files == {}
