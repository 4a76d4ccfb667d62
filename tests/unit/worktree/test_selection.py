"""Paths as a person types them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_mlvc.errors import InputError, UsageError
from git_mlvc.repo_path import RepoPath
from git_mlvc.worktree.selection import Selection

FILES = [
    RepoPath.parse(name) for name in ("a.bin", "data/b.bin", "data/deep/c.csv", "data[1]/d.bin")
]


def chosen(*typed: str, prefix: bytes = b"") -> list[str]:
    return [path.text for path in Selection.parse(typed, prefix).checked(FILES)]


def test_nothing_typed_is_everything() -> None:
    assert len(chosen()) == len(FILES)


def test_a_directory_is_all_below_it() -> None:
    assert chosen("data") == chosen("data/") == ["data/b.bin", "data/deep/c.csv"]


def test_a_glob_crosses_slashes_as_in_git() -> None:
    assert chosen("*.bin") == ["a.bin", "data/b.bin", "data[1]/d.bin"]
    assert chosen("data/*.csv") == ["data/deep/c.csv"]
    assert chosen("d?ta/deep") == ["data/deep/c.csv"]


def test_a_name_with_glob_letters_is_itself() -> None:
    assert chosen("data[1]/d.bin") == ["data[1]/d.bin"]


def test_paths_are_relative_to_where_they_were_typed() -> None:
    assert chosen("b.bin", prefix=b"data/") == ["data/b.bin"]
    assert chosen("../a.bin", prefix=b"data/") == ["a.bin"]
    assert chosen(".", prefix=b"data/deep/") == ["data/deep/c.csv"]
    assert len(chosen("..", prefix=b"data/")) == len(FILES)


def test_a_pattern_that_matches_nothing_is_told() -> None:
    with pytest.raises(InputError, match="nope"):
        chosen("a.bin", "nope")


@pytest.mark.parametrize("typed", ["/etc/passwd", "..", "data/../../x"])
def test_nothing_outside_can_be_meant(typed: str) -> None:
    with pytest.raises(UsageError):
        Selection.parse([typed])


@given(st.lists(st.text(max_size=8), max_size=3), st.sampled_from([b"", b"data/"]))
def test_anything_typed_is_a_selection_or_a_usage_error(typed: list[str], prefix: bytes) -> None:
    try:
        selection = Selection.parse(typed, prefix)
    except (UsageError, UnicodeEncodeError):
        return
    assert all(isinstance(path in selection, bool) for path in FILES)
