"""Lists of patterns as people know them from `.gitignore`: a directory stands for all below it, `!` takes out.

Of `[fetch] include` and `exclude`, and of sparse checkouts (`sparse.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from git_mlvc.git.attribute_patterns import matches
from git_mlvc.repo_path import RepoPath
from git_mlvc.values import value_class


@value_class
class Rule:
    """One pattern without its marks. `is_negated`: it began with `!`; `of_directories`: it ended with `/`."""

    pattern: str
    is_negated: bool = False
    of_directories: bool = False

    def matches(self, path: RepoPath, *, is_directory: bool, ignore_case: bool = False) -> bool:
        if self.of_directories and not is_directory:
            return False
        return matches(self.pattern, path, ignore_case=ignore_case)


@lru_cache(maxsize=1024)
def rule(text: str) -> Rule:
    """Read a pattern as it is written."""
    is_negated = text.startswith("!")
    pattern = text.removeprefix("!") if is_negated else text
    of_directories = pattern.endswith("/")
    return Rule(pattern.rstrip("/") if of_directories else pattern, is_negated, of_directories)


def covers(texts: Sequence[str], path: RepoPath) -> bool:
    """True if the last pattern that speaks of a file, or of a directory above it, is not a negated one.

    A list that begins with a negated one starts from everything.
    """
    places = list(upwards(path))
    for text in reversed(texts):
        one = rule(text)
        for place in places:
            if one.matches(place, is_directory=place is not path):
                return not one.is_negated
    return bool(texts) and rule(texts[0]).is_negated


def upwards(path: RepoPath) -> Iterator[RepoPath]:
    """Yield the path itself, then the directories above it."""
    yield path
    raw = path.raw.rpartition(b"/")[0]
    while raw:
        yield RepoPath(raw)
        raw = raw.rpartition(b"/")[0]
