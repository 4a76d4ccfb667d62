"""What git knows of files without anybody reading them: pointers, by the stat data in its index."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from git_mlvc.formats import tree
from git_mlvc.git import objects
from git_mlvc.git.index import IndexEntry, IndexReader, size_field
from git_mlvc.worktree import pointers

if TYPE_CHECKING:
    from git_mlvc.formats.pointer import Pointer
    from git_mlvc.git.repository import Repository

_MOST_AHEAD = 1 << 18  # blobs that are asked about before anybody wants them


class KnownToGit:
    """Of one repository's index as it is when first looked at: of files that still look the same that stays true.

    `soon` returns the files and directories that will be asked about: git is asked about all their blobs at
    once, because each question may take a process. `questions` counts them.
    """

    def __init__(self, repo: Repository, soon: Callable[[], Iterable[bytes]] = tuple) -> None:
        self._repo = repo
        self._soon = soon
        self._held: dict[str, Pointer | None] = {}
        self.questions = 0

    def pointers(self, files: Mapping[bytes, os.stat_result]) -> dict[bytes, Pointer]:
        """Return the pointers of those files that git saw as they are: stub or content, it is the same.

        What git holds as it is may stand here converted (line ends), so its name says nothing.
        """
        index = self._index
        if not index.count:
            return {}
        unchanged: dict[bytes, str] = {}
        for path, number in index.positions(files).items():
            entry = index.at(number)
            if self._is_unchanged(entry, files[path]):
                unchanged[path] = entry.blob_sha
        self._learn(unchanged.values())
        held = ((path, self._held[sha]) for path, sha in unchanged.items())
        return {path: pointer for path, pointer in held if pointer is not None}

    def is_program(self, path: bytes) -> bool:
        """True if the index says that a file may be executed."""
        entry = self._index.entry(path)
        return entry is not None and bool(entry.mode & 0o100)

    @cached_property
    def _index(self) -> IndexReader:
        return pointers.open_index(self._repo)

    def _is_unchanged(self, entry: IndexEntry, info: os.stat_result) -> bool:
        return (
            entry.mode & 0o170000 == 0o100000
            and not entry.intent_to_add
            and _is_as_git_saw_it(entry.stat, info)
            and not self._index.is_racy(entry.stat)
            and info.st_ctime_ns < self._index.mtime_ns
        )

    def _learn(self, shas: Iterable[str]) -> None:
        unknown = [sha for sha in shas if sha not in self._held]
        if not unknown:
            return
        wanted = dict.fromkeys(unknown)
        if not self._held:
            wanted.update(dict.fromkeys(self._ahead()))
        self.questions += 1
        found = objects.pointers(self._repo, wanted)
        for sha in wanted:
            pointer = found.get(sha)
            is_sane = pointer is not None and tree.can_be(pointer.oid.digest, pointer.size_bytes)
            self._held[sha] = pointer if is_sane else None

    def _ahead(self) -> list[str]:
        """Return the blobs of all that will be asked about; none if they are too many."""
        numbers: set[int] = set()
        for path in self._soon():
            numbers.update(self._range(path))
            if len(numbers) > _MOST_AHEAD:
                return []
        return [self._index.at(number).blob_sha for number in numbers]

    def _range(self, path: bytes) -> Iterator[int]:
        """Yield the numbers of the entries at or below a path; b"" is the top."""
        index = self._index
        numbers = range(index.count)
        if not path:
            yield from numbers
            return
        at = index.position(path)
        if at is not None:
            yield at
            return
        start = bisect_left(numbers, path + b"/", key=index.name)
        yield from range(start, bisect_left(numbers, path + b"0", lo=start, key=index.name))


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
