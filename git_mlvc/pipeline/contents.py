"""Which content is in which file, by the least that tells: what it looks like, what git knows, its bytes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from git_mlvc.formats import tree
from git_mlvc.git import objects
from git_mlvc.git.index import IndexReader, size_field
from git_mlvc.pipeline import content_hash
from git_mlvc.pipeline.stat_cache import Row, StatCache, looks_like, moment
from git_mlvc.worktree import pointers

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository


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
        self, repo: Repository, cache: StatCache, clock: Callable[[], int] = moment
    ) -> None:
        self._repo = repo
        self._top = os.fsencode(repo.needed_worktree("there are no files to look at"))
        self._cache = cache
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
        return next(iter(self._known_to_git([file])), None)

    def _learn(self, files: Sequence[File]) -> dict[bytes, Found]:
        learnt: dict[bytes, Found] = {}
        for found in self._known_to_git(files):
            self._cache.put_settled(found.path, found.info, found.digest, found.size_bytes)
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

    def _known_to_git(self, files: Iterable[File]) -> list[Found]:
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
        found = [
            Found(path, wanted[path], held[sha].oid.digest, held[sha].size_bytes)
            for path, sha in unchanged.items()
            if sha in held
        ]
        return [one for one in found if tree.can_be(one.digest, one.size_bytes)]


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
