"""The list of pending stubs: nothing that was added is lost, whoever takes it and whoever dies."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from git_mlvc.formats.pointer import Pointer
from git_mlvc.oid import Oid
from git_mlvc.repo_path import RepoPath
from git_mlvc.worktree import pending
from git_mlvc.worktree.pending import Pending

_ONE, _TWO = Pointer(Oid.of(b"1"), 1), Pointer(Oid.of(b"2"), 2)
A, B = RepoPath(b"a b\nc \xff.bin"), RepoPath(b"b")


def test_what_is_added_is_read_and_the_last_pointer_of_a_path_counts(tmp_path: Path) -> None:
    listed = Pending(tmp_path / "mlvc")
    assert not listed
    listed.add(A, _ONE)
    listed.extend([(B, _ONE), (A, _TWO)])
    assert listed
    assert listed.read() == {A: _TWO, B: _ONE}


def test_the_file_git_hooks_look_at_is_not_empty_exactly_while_something_waits(
    tmp_path: Path,
) -> None:
    listed = Pending(tmp_path)
    listed.add(A, _ONE)
    assert (tmp_path / "pending").stat().st_size > 0
    listed.take()
    assert not (tmp_path / "pending").exists()
    listed.finish([(A, _ONE)])
    assert (tmp_path / "pending").stat().st_size > 0
    listed.take()
    listed.finish()
    assert not (tmp_path / "pending").exists()
    assert not listed


def test_what_is_added_while_somebody_works_waits_for_the_next_one(tmp_path: Path) -> None:
    listed = Pending(tmp_path)
    listed.add(A, _ONE)
    assert listed.take() == {A: _ONE}
    Pending(tmp_path).add(B, _TWO)
    listed.finish()
    assert listed.take() == {B: _TWO}


def test_what_a_taker_who_died_held_is_taken_again_and_newer_entries_win(tmp_path: Path) -> None:
    dead = Pending(tmp_path)
    dead.extend([(A, _ONE), (B, _ONE)])
    dead.take()
    Pending(tmp_path).add(A, _TWO)
    heir = Pending(tmp_path)
    assert heir.read() == {A: _TWO, B: _ONE}
    assert heir.take() == {A: _TWO, B: _ONE}
    heir.finish()
    assert not Pending(tmp_path)
    assert Pending(tmp_path).read() == {}


def test_replace_and_discard_leave_what_is_said(tmp_path: Path) -> None:
    listed = Pending(tmp_path, "absent")
    listed.extend([(A, _ONE), (B, _ONE)])
    listed.discard([A, RepoPath(b"unknown")])
    assert listed.read() == {B: _ONE}
    listed.replace({A: _TWO})
    assert listed.read() == {A: _TWO}


def test_many_adders_and_a_taker_lose_nothing(tmp_path: Path) -> None:
    def add(thread: int) -> None:
        listed = Pending(tmp_path)
        for n in range(60):
            listed.add(RepoPath(b"%d/%d" % (thread, n)), _ONE)

    got: dict[RepoPath, Pointer] = {}
    with ThreadPoolExecutor(4) as pool:
        adding = [pool.submit(add, thread) for thread in range(3)]
        taker = Pending(tmp_path)
        while not all(future.done() for future in adding):
            got |= taker.take()
            taker.finish()
    got |= taker.take()
    assert len(got) == 180


@given(st.binary(max_size=300))
def test_a_torn_or_foreign_list_is_read_without_an_error(data: bytes) -> None:
    assert isinstance(pending._decoded(data), dict)
