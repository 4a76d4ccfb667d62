"""Which paths a person means: files, directories and globs, as typed in some directory of the worktree.

Pure. The meaning is that of git's pathspecs: a directory means all below it, `*` and `?` cross
slashes, a name that exists wins over its reading as a glob by being tried first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from git_mlvc.errors import InputError, UsageError
from git_mlvc.repo_path import RepoPath

_GLOB = re.compile(rb"[*?\[]")


@dataclass(frozen=True)
class Selection:
    """Patterns relative to the top of the worktree; none at all selects everything."""

    patterns: tuple[bytes, ...] = ()

    @classmethod
    def parse(cls, typed: Sequence[str], prefix: bytes = b"") -> Selection:
        """Read what was typed in directory `prefix` (b"" or b"sub/dir/") of the worktree.

        Raises UsageError for a path that leaves the worktree.
        """
        return cls(tuple(_from_top(text, prefix) for text in typed))

    @property
    def is_everything(self) -> bool:
        return not self.patterns or b"" in self.patterns

    def __contains__(self, path: RepoPath) -> bool:
        return self.is_everything or any(test(path.raw) for test in self._tests)

    def checked(self, found: Iterable[RepoPath]) -> list[RepoPath]:
        """Return the selected ones of `found`. Raises InputError for a pattern that selects none."""
        paths = list(found)
        if self.is_everything:
            return paths
        for pattern, test in zip(self.patterns, self._tests, strict=True):
            if not any(test(path.raw) for path in paths):
                shown = pattern.decode("utf-8", "backslashreplace")
                raise InputError(
                    f"'{shown}' is not a data file, a directory or a glob that matches any",
                    hint="git mlvc ls lists the data files",
                )
        return [path for path in paths if path in self]

    @cached_property
    def _tests(self) -> tuple[_Test, ...]:
        return tuple(_Test(pattern) for pattern in self.patterns)


class _Test:
    """Whether a path is what one pattern means."""

    def __init__(self, pattern: bytes) -> None:
        self._pattern = pattern
        self._below = pattern + b"/"
        self._glob = _glob_regex(pattern) if _GLOB.search(pattern) else None

    def __call__(self, raw: bytes) -> bool:
        if raw == self._pattern or raw.startswith(self._below):
            return True
        return self._glob is not None and self._glob.match(raw) is not None


def _glob_regex(pattern: bytes) -> re.Pattern[bytes]:
    import fnmatch

    text = fnmatch.translate(pattern.decode("latin-1")).removesuffix(r"\Z").removesuffix(r"\z")
    return re.compile(text.encode("latin-1") + rb"(?:\Z|(?=/))", re.DOTALL)


def _from_top(text: str, prefix: bytes) -> bytes:
    raw = text.encode("utf-8", "surrogateescape")
    if raw.startswith(b"/"):
        raise UsageError(f"'{text}' is absolute", hint="give paths relative to this directory")
    parts: list[bytes] = prefix.split(b"/")[:-1]
    for part in raw.split(b"/"):
        if part in (b"", b"."):
            continue
        if part == b"..":
            if not parts:
                raise UsageError(f"'{text}' is outside of the repository")
            parts.pop()
        else:
            parts.append(part)
    return b"/".join(parts)
