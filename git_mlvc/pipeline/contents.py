"""Which content is in which file, by the least that tells: what it looks like, what git knows, its bytes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from git_mlvc.git import objects
from git_mlvc.git.index import IndexReader, size_field
from git_mlvc.pipeline import content_hash
from git_mlvc.pipeline.content_hash import Content
from git_mlvc.pipeline.stat_cache import StatCache, moment
from git_mlvc.worktree import pointers

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository


class Seen(NamedTuple):
    """A regular file that was looked at, by its path in the repository. A link counts as what it leads to."""

    path: bytes
    info: os.stat_result


class Found(NamedTuple):
    """A file, what it looked like when its content was known, and the content."""

    path: bytes
    info: os.stat_result
    content: Content


class Contents:
    """Of one worktree. `files_read` and `bytes_read` count what had to be hashed."""

    def __init__(
        self, repo: Repository, cache: StatCache, clock: Callable[[], int] = moment
    ) -> None:
        self._repo = repo
        self._top = os.fsencode(repo.needed_worktree("there are no files to look at"))
        self._cache = cache
        self._clock = clock
        self.files_read = 0
        self.bytes_read = 0

    def of(self, files: Sequence[Seen]) -> list[Found]:
        """Return the content of each file, in the same order; files that vanish meanwhile are left out.

        Raises InputError for what cannot be read.
        """
        known = [self._cache.find(path, info) for path, info in files]
        new = [file for file, row in zip(files, known, strict=True) if row is None]
        learnt = self._learn(new) if new else {}
        found = []
        for (path, info), row in zip(files, known, strict=True):
            if row is not None:
                found.append(Found(path, info, Content(row[5], row[6])))
            elif path in learnt:
                found.append(learnt[path])
        return found

    def known(self, file: Seen) -> Found | None:
        """Return the content of a file, if that takes no reading."""
        row = self._cache.find(*file)
        if row is not None:
            return Found(*file, Content(row[5], row[6]))
        return next(iter(self._known_to_git([file])), None)

    def _learn(self, files: Sequence[Seen]) -> dict[bytes, Found]:
        learnt: dict[bytes, Found] = {}
        for path, info, content in self._known_to_git(files):
            self._cache.put_settled(path, info, content.digest, content.size_bytes)
            learnt[path] = Found(path, info, content)
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
            learnt[path] = Found(path, info, content)
        return learnt

    def place(self, path: bytes) -> bytes:
        """Return where a path stands."""
        return os.path.join(self._top, path)

    # -- what git knows

    def is_program(self, path: bytes) -> bool:
        """True if git's index says that a file may be executed: for worktrees that cannot."""
        entry = self._index.entry(path)
        return entry is not None and bool(entry.mode & 0o100)

    @cached_property
    def _index(self) -> IndexReader:
        """As it is now: what it says of files that still look the same stays true."""
        return pointers.open_index(self._repo)

    def _known_to_git(self, files: Iterable[Seen]) -> list[Found]:
        """Return the files that git saw as they are, and holds as pointers: stub or content, it is the same.

        What git holds as it is may stand here converted (line ends), so its name says nothing.
        """
        index = self._index
        if not index.count:
            return []
        wanted = dict(files)
        unchanged: dict[bytes, str] = {}
        for path, number in index.positions(wanted).items():
            entry = index.at(number)
            if (
                entry.mode & 0o170000 == 0o100000
                and not entry.intent_to_add
                and _is_as_git_saw_it(entry.stat, wanted[path])
                and not index.is_racy(entry.stat)
                and wanted[path].st_ctime_ns < index.mtime_ns
            ):
                unchanged[path] = entry.blob_sha
        if not unchanged:
            return []
        held = objects.pointers(self._repo, dict.fromkeys(unchanged.values()))
        return [
            Found(path, wanted[path], Content(held[sha].oid.digest, held[sha].size_bytes))
            for path, sha in unchanged.items()
            if sha in held
        ]


def _is_as_git_saw_it(seen: Sequence[int], info: os.stat_result) -> bool:
    """True if the stat data in the index are the file's, to the nanosecond: stricter than git itself."""
    ctime_s, ctime_ns, mtime_s, mtime_ns, _, inode, _, uid, gid, size = seen
    return (
        mtime_s == (info.st_mtime_ns // 10**9) & 0xFFFFFFFF
        and mtime_ns == info.st_mtime_ns % 10**9
        and ctime_s == (info.st_ctime_ns // 10**9) & 0xFFFFFFFF
        and ctime_ns == info.st_ctime_ns % 10**9
        and inode == info.st_ino & 0xFFFFFFFF
        and uid == info.st_uid & 0xFFFFFFFF
        and gid == info.st_gid & 0xFFFFFFFF
        and size == size_field(info.st_size)
    )
