"""Status: what stands in the worktree for each tracked data file. Reads only; never writes git's index."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from git_mlvc.formats import pointer as pointer_format
from git_mlvc.formats.pointer import MAX_POINTER_BYTES, Pointer
from git_mlvc.git import attributes
from git_mlvc.git.index import IndexReader, size_field
from git_mlvc.git.objects import as_path
from git_mlvc.repo_path import RepoPath
from git_mlvc.settings import Settings
from git_mlvc.worktree import pointers
from git_mlvc.worktree.known_blobs import KnownBlobs
from git_mlvc.worktree.pending import Pending

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository


class State(StrEnum):
    """What stands where a data file should be."""

    PRESENT = "present"
    STUB = "stub"
    MISSING = "missing data"  # a stub whose content the local store lacks
    MODIFIED = "modified"
    DAMAGED = "damaged stub"
    RAW = "raw"  # git holds the content itself, though the attributes say it should be a pointer
    DELETED = "deleted"


@dataclass(frozen=True, slots=True, order=True)
class FileStatus:
    """One data file. `pointer` is what git's index holds, None when that is the content itself.

    `is_left_out`: a stub whose data is not here, and is not fetched by itself because `[fetch]` says so.
    """

    path: RepoPath
    state: State
    pointer: Pointer | None
    size_bytes: int
    is_pending: bool = False  # a fill is due
    is_left_out: bool = False


class Completeness(Protocol):
    """What status asks of a store."""

    def is_complete(self, pointer: Pointer) -> bool: ...


def status(
    repo: Repository,
    store: Completeness,
    settings: Settings,
    *,
    among: Iterable[RepoPath] | None = None,
) -> list[FileStatus]:
    """Return the state of every data file of the index, by path; files outside a sparse checkout not.

    Unmodified files are known by the stat data in git's index; a file with other stat data and the
    right size is read and hashed. Raises InputError if there is no worktree.
    """
    top = repo.needed_worktree("there is no status to show")
    reader = pointers.open_index(repo)
    chosen = None if among is None else {path.raw for path in among}
    blobs = KnownBlobs(repo)
    blobs.learn(
        blob for path, blob, _ in reader.worktree_rows() if chosen is None or path in chosen
    )
    pending = Pending(repo.state_dir).read()
    is_due = pending.__contains__ if pending else lambda _: False
    look = _Look(os.fsencode(top) + b"/", reader, store)
    found = []
    raw = []
    for name, blob, seen in reader.worktree_rows():
        path = as_path(name) if chosen is None or name in chosen else None
        if path is None:
            continue
        pointer, size_bytes = blobs[blob]
        if pointer is not None:
            state = look.state(name, seen, pointer)
            left_out = state is State.MISSING and not attributes.is_fetched(
                settings, path, pointer.size_bytes
            )
            state = State.STUB if left_out else state
            size = pointer.size_bytes
            found.append(FileStatus(path, state, pointer, size, is_due(path), left_out))
        elif size_bytes and size_bytes >= attributes.min_size_bytes(settings, path):
            raw.append(FileStatus(path, State.RAW, None, size_bytes, is_due(path)))
    if raw:
        care = set(attributes.ours(repo.git, [file.path for file in raw]))
        found += [file for file in raw if file.path in care]
        found.sort(key=_by_path)
    return found


def _by_path(file: FileStatus) -> bytes:
    return file.path.raw


@dataclass(slots=True)
class _Look:
    """Looks at files of one worktree; `top` ends with a slash."""

    top: bytes
    reader: IndexReader
    store: Completeness

    def state(self, name: bytes, seen: Sequence[int], pointer: Pointer) -> State:
        """`seen`: the stat data in git's index."""
        place = self.top + name
        try:
            info = os.lstat(place)
        except OSError:
            return State.DELETED
        if not stat.S_ISREG(info.st_mode):
            return State.MODIFIED
        if info.st_size <= MAX_POINTER_BYTES:
            head = pointers.read_small(place)
            if head is not None and head.startswith(pointer_format.MAGIC):
                if pointer_format.sniff(head) == pointer:
                    return State.STUB if self.store.is_complete(pointer) else State.MISSING
                if pointer_format.sniff(head) is None:
                    return State.DAMAGED
                return State.MODIFIED
        if info.st_size != pointer.size_bytes:
            return State.DAMAGED if _is_damaged(place, info.st_size) else State.MODIFIED
        if _is_as_git_saw_it(seen, info) and not self.reader.is_racy(seen):
            return State.PRESENT
        try:
            is_same = pointers.content_stat(place, pointer) is not None
        except OSError:
            return State.MODIFIED
        return State.PRESENT if is_same else State.MODIFIED


def _is_as_git_saw_it(seen: Sequence[int], info: os.stat_result) -> bool:
    """True if the stat data in the index is that of the file, in what git compares by default."""
    ctime_s, _, mtime_s, mtime_ns, _, inode, _, uid, gid, size = seen
    return (
        mtime_s == (info.st_mtime_ns // 10**9) & 0xFFFFFFFF
        and mtime_ns == info.st_mtime_ns % 10**9
        and ctime_s == (info.st_ctime_ns // 10**9) & 0xFFFFFFFF
        and inode == info.st_ino & 0xFFFFFFFF
        and uid == info.st_uid & 0xFFFFFFFF
        and gid == info.st_gid & 0xFFFFFFFF
        and size == size_field(info.st_size)
    )


def _is_damaged(place: bytes, size_bytes: int) -> bool:
    try:
        fd = os.open(place, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return False
    try:
        return pointer_format.is_damaged(os.read(fd, 2 * MAX_POINTER_BYTES), size_bytes)
    finally:
        os.close(fd)
