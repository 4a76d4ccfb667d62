"""What git itself holds of a recorded out, taken into the store where the store lacks it.

A clone has the files of an out, as pointers or as they are, and neither the tree that names a directory nor what
stays in git (`store = false`): both came into being where the stage ran. Git's index says the same.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import takewhile
from typing import TYPE_CHECKING, Protocol

from git_mlvc.formats import tree
from git_mlvc.formats.pointer import Pointer
from git_mlvc.git import objects
from git_mlvc.git.index import IndexEntry, IndexReader
from git_mlvc.oid import Oid
from git_mlvc.pipeline.model import FileState
from git_mlvc.repo_path import RepoPath
from git_mlvc.worktree.pointers import open_index

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository
    from git_mlvc.store.session import Session

_MOST_BYTES = 64 << 20  # of what git holds as it is: all of an out's is in memory at once


class Store(Protocol):
    """What is asked of a store."""

    def incomplete(self, pointers: Iterable[Pointer]) -> list[Pointer]: ...
    def session(self) -> Session: ...


class HeldByGit:
    """Answers from the index of one repository, as it was when first asked."""

    def __init__(self, repo: Repository, store: Store) -> None:
        self._repo = repo
        self._store = store

    def take_in(self, path: RepoPath, state: FileState) -> None:
        """Have the store know an out as git holds it, if that is what was recorded: what its pointers name
        may still be missing. Raises FormatError, GitError, StoreError.
        """
        if state.pointer is None or not self._store.incomplete([state.pointer]):
            return  # it is empty, or the store knows it; what it lacks of a known directory, git lacks as well
        contents = self._contents(path, state)
        if contents is not None:
            with self._store.session() as session:
                for content in contents:
                    session.ingest_bytes(content)

    def _contents(self, path: RepoPath, state: FileState) -> list[bytes] | None:
        """Return what the store is to know; None: git has something else, or nothing."""
        entries = list(self._entries(path, state.is_directory))
        if len(entries) != (state.files if state.is_directory else 1):
            return None
        held = {blob.sha: blob for blob in objects.blobs(self._repo, {e.blob_sha for e in entries})}
        plain = {sha: blob.size_bytes for sha, blob in held.items() if blob.pointer is None}
        if (
            any(entry.blob_sha not in held for entry in entries)
            or sum(plain.values()) > _MOST_BYTES
        ):
            return None
        read = dict(objects.contents(self._repo, plain))
        rows = []
        for entry in entries:
            pointer = held[entry.blob_sha].pointer
            if pointer is None:
                pointer_oid, size_bytes = Oid.of(read[entry.blob_sha]), plain[entry.blob_sha]
            else:
                pointer_oid, size_bytes = pointer.oid, pointer.size_bytes
            inner = entry.path[len(path.raw) + 1 :]
            rows.append(tree.TreeRow(inner, pointer_oid, size_bytes, bool(entry.mode & 0o100)))
        if not state.is_directory:
            return list(read.values()) if rows[0].oid == state.oid else None
        encoded = tree.encode(rows)
        return [*read.values(), encoded] if Oid.of(encoded) == state.oid else None

    def _entries(self, path: RepoPath, is_directory: bool) -> Iterator[IndexEntry]:
        """Yield what is there as regular, merged files."""
        index = self._index
        if not is_directory:
            found = index.entry(path.raw)
            entries: Iterable[IndexEntry] = [] if found is None else [found]
        else:
            prefix = path.raw + b"/"
            start = bisect_left(range(index.count), prefix, key=index.name)
            entries = map(
                index.at,
                takewhile(
                    lambda number: index.name(number).startswith(prefix),
                    range(start, index.count),
                ),
            )
        for entry in entries:
            if entry.stage == 0 and entry.mode & 0o170000 == 0o100000 and not entry.intent_to_add:
                yield entry

    @cached_property
    def _index(self) -> IndexReader:
        return open_index(self._repo)
