"""Patterns of `[fetch]`: as in `.gitignore`, the last that speaks of a file counts."""

from __future__ import annotations

import pytest

from git_mlvc.git.attributes import is_fetched, is_included
from git_mlvc.git.path_rules import covers
from git_mlvc.repo_path import RepoPath
from git_mlvc.settings import Settings

PATHS = ["a.bin", "data/a.bin", "data/raw/b.bin", "data/raw/keep.bin", "x/data/c.npy", "!odd.bin"]


@pytest.mark.parametrize(
    ("patterns", "covered"),
    [
        ([], []),
        (["*.npy"], ["x/data/c.npy"]),
        (["data/**"], ["data/a.bin", "data/raw/b.bin", "data/raw/keep.bin"]),
        (["data"], ["data/a.bin", "data/raw/b.bin", "data/raw/keep.bin", "x/data/c.npy"]),
        (["/data/"], ["data/a.bin", "data/raw/b.bin", "data/raw/keep.bin"]),
        (["data/raw"], ["data/raw/b.bin", "data/raw/keep.bin"]),
        (["/data/", "!data/raw/"], ["data/a.bin"]),
        (["/data/", "!data/raw/", "data/raw/keep*"], ["data/a.bin", "data/raw/keep.bin"]),
        (["!data"], ["a.bin", "!odd.bin"]),
        (["a.bin/"], []),
        ([r"\!odd.bin"], ["!odd.bin"]),
        (["**/raw/*.bin"], ["data/raw/b.bin", "data/raw/keep.bin"]),
    ],
)
def test_what_a_list_of_patterns_covers(patterns: list[str], covered: list[str]) -> None:
    assert [path for path in PATHS if covers(patterns, RepoPath(path.encode()))] == covered


def test_what_is_excluded_is_not_included_again() -> None:
    settings = Settings(fetch_include=("data",), fetch_exclude=("*.npy",))
    included = [path for path in PATHS if is_included(settings, RepoPath(path.encode()))]
    assert included == ["data/a.bin", "data/raw/b.bin", "data/raw/keep.bin"]


def test_a_limit_counts_beside_the_patterns() -> None:
    settings = Settings(fetch_exclude=("*.npy",), fetch_max_size_bytes=100)
    assert is_fetched(settings, RepoPath(b"a.bin"), 100)
    assert not is_fetched(settings, RepoPath(b"a.bin"), 101)
    assert not is_fetched(settings, RepoPath(b"a.npy"), 100)
    assert is_fetched(Settings(), RepoPath(b"a.npy"), 1 << 60)
