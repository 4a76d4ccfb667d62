"""Data files as git's index holds them, and stubs as they stand in the worktree."""

from __future__ import annotations

import os
import stat
from collections.abc import Container, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from git_mlvc.formats import pointer as pointer_format
from git_mlvc.formats.pointer import MAX_POINTER_BYTES, Pointer
from git_mlvc.git import objects
from git_mlvc.git.index import IndexEntry, IndexReader
from git_mlvc.repo_path import RepoPath

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

READ_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_BLOCK_BYTES = 1 << 20
READ_FLAGS |= getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
_BATCH = 1 << 12


@dataclass(frozen=True, slots=True)
class IndexFile:
    """A merged regular file of the index; `pointer` is None if git holds its content itself."""

    path: RepoPath
    entry: IndexEntry
    pointer: Pointer | None


def open_index(repo: Repository) -> IndexReader:
    """Read git's index; a split one through a joined copy that git makes."""
    reader = IndexReader.open(repo.index_path, hash_size=repo.hash_size)
    if not reader.is_split:
        return reader
    data = joined_index(repo, repo.index_path)
    return IndexReader(data, hash_size=repo.hash_size, mtime_ns=reader.mtime_ns)


def joined_index(repo: Repository, path: Path) -> bytes:
    """Return a split index as one; git does it, on a copy. Raises GitError."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="mlvc-index-", dir=repo.git_dir) as folder:
        copy = Path(folder) / "index"
        copy.write_bytes(path.read_bytes())
        env = {"GIT_INDEX_FILE": str(copy)}
        no_hooks = ("-c", f"core.hooksPath={os.devnull}")
        repo.git.run(*no_hooks, "update-index", "--no-split-index", env_extra=env)
        return copy.read_bytes()


def index_files(repo: Repository, reader: IndexReader | None = None) -> Iterator[IndexFile]:
    """Yield every merged regular file of the index, with the pointer git holds for it.

    They are looked up a batch at a time: a million entries together are a gigabyte.
    """
    loose = objects.loose_objects(repo)
    source = regular_entries(open_index(repo) if reader is None else reader)
    while batch := list(islice(source, _BATCH)):
        found = objects.pointers(
            repo, dict.fromkeys(entry.blob_sha for _, entry in batch), loose=loose
        )
        for path, entry in batch:
            yield IndexFile(path, entry, found.get(entry.blob_sha))


def data_files(repo: Repository, reader: IndexReader | None = None) -> dict[RepoPath, Pointer]:
    """Return the files that are pointers in the index."""
    files = index_files(repo, reader)
    return {file.path: file.pointer for file in files if file.pointer is not None}


def regular_entries(reader: IndexReader) -> Iterator[tuple[RepoPath, IndexEntry]]:
    """Yield the stage 0 entries of regular files whose paths may be used."""
    for entry in reader:
        if entry.stage == 0 and entry.mode & 0o170000 == 0o100000 and not entry.intent_to_add:
            path = objects.as_path(entry.path)
            if path is not None:
                yield path, entry


def unfilled(
    repo: Repository, *, among: Container[RepoPath] | None = None
) -> dict[RepoPath, Pointer]:
    """Return the data files that stand in the worktree as their stub, or that git takes for stubs.

    The latter hold their content while git's index has their stub's size. Stubs say themselves what git
    holds, so that git is asked about those others only; entries are looked at one by one, because a
    million of them together are a gigabyte.
    """
    if repo.worktree is None:
        return {}
    top = os.fsencode(repo.worktree)
    found: dict[RepoPath, Pointer] = {}
    suspects: dict[RepoPath, tuple[str, int]] = {}
    for raw, blob, seen in open_index(repo).worktree_rows():
        path = objects.as_path(raw)
        if path is None or (among is not None and path not in among):
            continue
        place = os.path.join(top, raw)
        try:
            info = os.lstat(place)
        except OSError:
            continue
        if not stat.S_ISREG(info.st_mode):
            continue
        pointer = _small_pointer(place) if info.st_size <= MAX_POINTER_BYTES else None
        if pointer and blob.hex() == blob_sha(pointer, hash_size=repo.hash_size):
            found[path] = pointer
        elif info.st_size != seen[9] <= MAX_POINTER_BYTES:
            suspects[path] = (blob.hex(), info.st_size)
    known = objects.pointers(repo, dict.fromkeys(sha for sha, _ in suspects.values()))
    for path, (sha, size_bytes) in suspects.items():
        pointer = known.get(sha)
        if pointer is not None and pointer.size_bytes == size_bytes:
            found[path] = pointer
    return found


def has_size_of_stub(size_bytes: int, pointer: Pointer) -> bool:
    """True if a file of this size can be the stub of `pointer`, its lines ending either way."""
    return size_bytes - len(pointer_format.encode(pointer)) in (0, 3)


def is_taken_for_stub(size_bytes: int, pointer: Pointer) -> bool:
    """True if git looked at a file of this size when it was a stub, and not the content."""
    return size_bytes == len(pointer_format.encode(pointer)) != pointer.size_bytes


def is_stub(fd: int, pointer: Pointer, encoded: bytes) -> bool:
    """True if the open file is exactly this pointer, which is `encoded`. Raises OSError."""
    head = os.pread(fd, MAX_POINTER_BYTES + 1, 0)
    return head == encoded or pointer_format.sniff(head) == pointer


def _small_pointer(place: bytes) -> Pointer | None:
    head = read_small(place)
    return None if head is None else pointer_format.sniff(head)


def read_small(place: bytes | str | Path) -> bytes | None:
    """Return the content of a regular file that is small enough for a pointer; else None."""
    try:
        fd = os.open(place, READ_FLAGS)
    except OSError:
        return None
    try:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode) or info.st_size > MAX_POINTER_BYTES:
            return None
        data = os.read(fd, MAX_POINTER_BYTES + 1)
    except OSError:
        return None
    finally:
        os.close(fd)
    return data if len(data) <= MAX_POINTER_BYTES else None


def content_stat(place: str | bytes, pointer: Pointer) -> os.stat_result | None:
    """Hash a file; return its stat if it held exactly the content of `pointer` all the while."""
    fd = os.open(place, READ_FLAGS)
    try:
        return open_content_stat(fd, pointer)
    finally:
        os.close(fd)


def open_content_stat(fd: int, pointer: Pointer) -> os.stat_result | None:
    """As `content_stat`, of an open file."""
    from blake3 import blake3

    before = os.fstat(fd)
    if not stat.S_ISREG(before.st_mode) or before.st_size != pointer.size_bytes:
        return None
    hasher = blake3()
    at = 0
    while block := os.pread(fd, _BLOCK_BYTES, at):
        hasher.update(block)
        at += len(block)
    after = os.fstat(fd)
    if (before.st_size, before.st_mtime_ns, before.st_ctime_ns) != (
        after.st_size,
        after.st_mtime_ns,
        after.st_ctime_ns,
    ):
        return None
    return after if hasher.digest() == pointer.oid.digest else None


def blob_sha(pointer: Pointer, *, hash_size: int) -> str:
    """Return the name of the blob in which git holds this pointer."""
    import hashlib

    data = pointer_format.encode(pointer)
    digest = hashlib.sha1 if hash_size == 20 else hashlib.sha256
    return digest(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
