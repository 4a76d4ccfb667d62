"""Status: what stands in the worktree for each tracked data file. Reads only; never writes git's index."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from git_mlvc.formats import pointer as pointer_format
from git_mlvc.formats.pointer import MAX_POINTER_BYTES, Pointer
from git_mlvc.git import attributes
from git_mlvc.git.index import IndexEntry, IndexReader, size_field
from git_mlvc.repo_path import RepoPath
from git_mlvc.settings import Settings
from git_mlvc.worktree import known_blobs, pointers
from git_mlvc.worktree.known_blobs import Blob
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
    """One data file. `pointer` is what git's index holds, None when that is the content itself."""

    path: RepoPath
    state: State
    pointer: Pointer | None
    size_bytes: int
    is_pending: bool = False  # a fill is due


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
    entries = [e for e in pointers.regular_entries(reader) if not e[1].skip_worktree]
    if among is not None:
        chosen = set(among)
        entries = [e for e in entries if e[0] in chosen]
    care, blobs = _git_says(repo, entries)
    pending = Pending(repo.state_dir).read()
    look = _Look(os.fsencode(top), reader, store)
    found = []
    for path, entry in entries:
        blob = blobs.get(entry.blob_sha)
        pointer = blob.pointer if blob else None
        if pointer is not None:
            state = look.state(path, entry, pointer)
            size_bytes = pointer.size_bytes
        elif path in care:
            size_bytes = blob.size_bytes if blob else 0
            if not size_bytes or size_bytes < attributes.min_size_bytes(settings, path):
                continue
            state = State.RAW
        else:
            continue
        found.append(FileStatus(path, state, pointer, size_bytes, path in pending))
    return found


def _git_says(
    repo: Repository, entries: list[tuple[RepoPath, IndexEntry]]
) -> tuple[set[RepoPath], dict[str, Blob]]:
    """(paths in our care, what the blobs are), asked of two gits at the same time."""
    from threading import Thread

    care: set[RepoPath] = set()
    failure: list[Exception] = []

    def ask() -> None:
        try:
            care.update(attributes.ours(repo.git, [path for path, _ in entries]))
        except Exception as exc:  # noqa: BLE001 - raised below, in the thread that asked
            failure.append(exc)

    asking = Thread(target=ask)
    asking.start()
    try:
        blobs = known_blobs.look_up(repo, (entry.blob_sha for _, entry in entries))
    finally:
        asking.join()
    if failure:
        raise failure[0]
    return care, blobs


@dataclass(slots=True)
class _Look:
    """Looks at files of one worktree."""

    top: bytes
    reader: IndexReader
    store: Completeness

    def state(self, path: RepoPath, entry: IndexEntry, pointer: Pointer) -> State:
        place = os.path.join(self.top, path.raw)
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
        if is_as_git_saw_it(entry, info) and not self.reader.is_racy(entry):
            return State.PRESENT
        try:
            is_same = pointers.content_stat(place, pointer) is not None
        except OSError:
            return State.MODIFIED
        return State.PRESENT if is_same else State.MODIFIED


def is_as_git_saw_it(entry: IndexEntry, info: os.stat_result) -> bool:
    """True if the stat data in the index is that of the file, in what git compares by default."""
    ctime_s, _, mtime_s, mtime_ns, _, inode, _, uid, gid, size = entry.stat
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
