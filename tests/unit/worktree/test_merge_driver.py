"""Merging versions of one file that are pointers, or text, or one of each."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.content import noise, pointer_to

from git_mlvc.git.process import Git
from git_mlvc.worktree.merge_driver import Versions, merge

A, B, C = noise(300, 1), noise(300, 2), noise(300, 3)


@pytest.fixture
def git(tmp_path: Path) -> Git:
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
    return Git(tmp_path, env=env)


def merged(git: Git, base: bytes, ours: bytes, theirs: bytes) -> tuple[bool, bytes]:
    assert git.cwd is not None
    paths = [git.cwd / name for name in ("base", "ours", "theirs")]
    for path, data in zip(paths, (base, ours, theirs), strict=True):
        path.write_bytes(data)
    return merge(git, Versions(*paths, marker_size=9)), paths[1].read_bytes()


def test_same_content_on_both_sides_is_no_conflict(git: Git) -> None:
    assert merged(git, pointer_to(A), pointer_to(B), pointer_to(B)) == (True, pointer_to(B))


def test_the_side_that_changed_is_taken(git: Git) -> None:
    assert merged(git, pointer_to(A), pointer_to(A), pointer_to(B)) == (True, pointer_to(B))
    assert merged(git, pointer_to(A), pointer_to(B), pointer_to(A)) == (True, pointer_to(B))


def test_two_different_changes_conflict_and_leave_ours(git: Git) -> None:
    assert merged(git, pointer_to(A), pointer_to(B), pointer_to(C)) == (False, pointer_to(B))


def test_added_on_both_sides_conflicts_and_leaves_ours(git: Git) -> None:
    assert merged(git, b"", pointer_to(B), pointer_to(C)) == (False, pointer_to(B))


def test_a_pointer_and_its_own_content_are_the_same(git: Git) -> None:
    assert merged(git, pointer_to(A), pointer_to(B), B) == (True, pointer_to(B))
    assert merged(git, A, pointer_to(A), C) == (True, C)
    assert merged(git, A, C, pointer_to(B)) == (False, C)


def test_text_is_merged_line_by_line(git: Git) -> None:
    base = b"".join(b"line %d\n" % n for n in range(9))
    ours, theirs = base.replace(b"1", b"one"), base.replace(b"8", b"eight")
    assert merged(git, base, ours, theirs) == (True, ours.replace(b"8", b"eight"))


def test_text_conflict_has_markers_of_the_size_git_asked_for(git: Git) -> None:
    is_merged, data = merged(git, b"x\n", b"y\n", b"z\n")
    assert not is_merged
    assert data == b"<<<<<<<<< ours\ny\n=========\nz\n>>>>>>>>> theirs\n"


def test_binary_content_conflicts_and_leaves_ours(git: Git) -> None:
    assert merged(git, b"\0a", b"\0b", b"\0c") == (False, b"\0b")
