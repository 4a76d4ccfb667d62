"""Which content is in which file, by the least that tells: what it looks like, what git knows, its bytes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from git_mlvc.pipeline.standing import content_hash
from git_mlvc.pipeline.standing.known_to_git import KnownToGit
from git_mlvc.pipeline.standing.stat_cache import Row, StatCache, looks_like, moment


class Seen(NamedTuple):
    """A regular file that was looked at, by its path in the repository. A link counts as what it leads to."""

    path: bytes
    info: os.stat_result


File = tuple[bytes, os.stat_result]  # the fields of Seen


class Found(NamedTuple):
    """A file, what it looked like when its content was known, and the content."""

    path: bytes
    info: os.stat_result
    digest: bytes
    size_bytes: int


class Contents:
    """Of one worktree. `files_read` and `bytes_read` count what had to be hashed."""

    def __init__(
        self,
        top: bytes,
        cache: StatCache,
        git: KnownToGit,
        clock: Callable[[], int] = moment,
    ) -> None:
        self._top = top
        self._cache = cache
        self._git = git
        self._clock = clock
        self.files_read = 0
        self.bytes_read = 0

    def of(self, files: Sequence[File]) -> list[Found]:
        """Return the content of each file, in the same order; files that vanish meanwhile are left out.

        Raises InputError for what cannot be read.
        """
        found: list[Found | None] = []
        new: list[File] = []
        folder: bytes | None = None
        rows: dict[bytes, Row] = {}
        for file in files:
            path, info = file
            at = path.rfind(b"/") + 1
            if path[:at] != folder:
                folder = path[:at]
                rows = self._cache.folder(folder[:-1])
            row = rows.get(path[at:])
            if row is not None and looks_like(row, info):
                found.append(Found(path, info, row[5], row[6]))
            else:
                new.append(file)
                found.append(None)
        if not new:
            return [one for one in found if one is not None]
        learnt = self._learn(new)
        both = [
            one if one is not None else learnt.get(file[0])
            for file, one in zip(files, found, strict=True)
        ]
        return [one for one in both if one is not None]

    def known(self, file: File) -> Found | None:
        """Return the content of a file, if that takes no reading."""
        row = self._cache.find(*file)
        if row is not None:
            return Found(*file, row[5], row[6])
        return next(self._told_by_git([file]), None)

    def _learn(self, files: Sequence[File]) -> dict[bytes, Found]:
        learnt: dict[bytes, Found] = {}
        for found in self._told_by_git(files):
            self._cache.put_settled(*found)
            learnt[found.path] = found
        for path, _ in files:
            if path in learnt:
                continue
            try:
                content, info, read_at = content_hash.read(path, self.place(path), self._clock)
            except FileNotFoundError:
                continue
            self.files_read += 1
            self.bytes_read += info.st_size
            self._cache.put(path, info, content.digest, content.size_bytes, read_at=read_at)
            learnt[path] = Found(path, info, *content)
        return learnt

    def _told_by_git(self, files: Iterable[File]) -> Iterator[Found]:
        wanted = dict(files)
        for path, pointer in self._git.pointers(wanted).items():
            yield Found(path, wanted[path], pointer.oid.digest, pointer.size_bytes)

    def is_program(self, path: bytes) -> bool:
        """True if git's index says that a file may be executed: for worktrees that cannot."""
        return self._git.is_program(path)

    def place(self, path: bytes) -> bytes:
        """Return where a path stands."""
        return os.path.join(self._top, path)
