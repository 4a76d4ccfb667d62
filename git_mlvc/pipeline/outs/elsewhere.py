"""Which files hold content that nobody else has: neither the store, nor git, raw, in its index or HEAD.

Only such files must not be deleted when a stage replaces them (law 11). That a lock file or a pointer names
a content is not enough: they do not hold it.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from git_mlvc.errors import FormatError, MlvcError
from git_mlvc.formats import tree
from git_mlvc.formats.pointer import Pointer
from git_mlvc.oid import Oid
from git_mlvc.pipeline.model import FileState
from git_mlvc.repo_path import RepoPath
from git_mlvc.worktree.pointers import READ_FLAGS, open_index

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

_BLOCK_BYTES = 1 << 20
_PATHS_AT_ONCE = 500


class Standing(NamedTuple):
    """A file, where it lies now, and where it belongs in the repository."""

    path: RepoPath
    place: Path


class Contents(Protocol):
    """What is asked of a store."""

    def incomplete(self, pointers: Iterable[Pointer]) -> list[Pointer]: ...
    def contents(self, pointers: Iterable[Pointer]) -> Mapping[Pointer, bytes | MlvcError]: ...


class Elsewhere:
    """Answers from one store and one repository. Thread-safe.

    `known`: what is in a file that looks like this, if that is known without reading it.
    """

    def __init__(
        self,
        repo: Repository,
        store: Contents,
        known: Callable[[RepoPath, os.stat_result], FileState | None] | None = None,
    ) -> None:
        self._repo = repo
        self._store = store
        self._known = known

    def missing(self, states: Iterable[FileState]) -> list[Pointer]:
        """Return what the store lacks of these files and directories: of a tree it lacks, just the tree.

        Raises FormatError for a tree that is none.
        """
        asked = list(dict.fromkeys(states))
        plain = [s.pointer for s in asked if s.pointer is not None]
        lacking = self._store.incomplete(dict.fromkeys(plain))
        absent = set(lacking)
        rows: dict[Pointer, None] = {}
        for state in asked:
            if state.is_directory and state.pointer is not None and state.pointer not in absent:
                rows.update(dict.fromkeys(self._pointers_in(state.pointer)))
        return [*lacking, *(p for p in self._store.incomplete(rows) if p not in absent)]

    def has(self, state: FileState) -> bool:
        """True if the store can give back the file, or the directory with all that is in it."""
        try:
            return not self.missing([state])
        except MlvcError:  # a damaged tree: it says nothing of what it is about
            return False

    def rows(self, state: FileState) -> list[tree.TreeRow]:
        """Return what a directory held. Raises MissingChunk, CorruptChunk, FormatError."""
        pointer = state.pointer
        if pointer is None:
            return tree.decode(b"")
        found = self._store.contents([pointer])[pointer]
        if isinstance(found, MlvcError):
            raise found
        return tree.decode(found)

    def only_here(self, files: Iterable[Standing]) -> Iterator[Standing]:
        """Yield those files whose content is nowhere else. Links and the like are among them.

        What is in them is read where it is not known, or known and not in the store.
        """
        source = iter(files)
        while batch := list(islice(source, _PATHS_AT_ONCE)):
            yield from self._only_here(self._unless_known(batch))

    def _unless_known(self, batch: list[Standing]) -> list[Standing]:
        """Return those of which it is not certain at once that the store has them."""
        if self._known is None:
            return batch
        pointers: dict[Standing, Pointer] = {}
        for one in batch:
            try:
                info = os.lstat(one.place)
            except OSError:
                continue
            state = self._known(one.path, info) if stat.S_ISREG(info.st_mode) else None
            if state is not None and state.pointer is not None and state.size_bytes == info.st_size:
                pointers[one] = state.pointer
        lacking = set(self._store.incomplete(dict.fromkeys(pointers.values())))
        return [one for one in batch if one not in pointers or pointers[one] in lacking]

    def _only_here(self, batch: list[Standing]) -> Iterator[Standing]:
        named: dict[Standing, _Names] = {}
        for one in batch:
            names = _names(one.place, self._repo.object_format)
            if names is None:
                yield one
            elif names.pointer is not None:
                named[one] = names
        lacking = set(
            self._store.incomplete({n.pointer: None for n in named.values() if n.pointer})
        )
        doubtful = {one: names for one, names in named.items() if names.pointer in lacking}
        if not doubtful:
            return
        held = self._held_by_git([one.path for one in doubtful])
        for one, names in doubtful.items():
            if (one.path.raw, names.blob) not in held:
                yield one

    def _held_by_git(self, paths: list[RepoPath]) -> set[tuple[bytes, str]]:
        """Return (path, blob) of what git's index and HEAD have at these paths."""
        found: set[tuple[bytes, str]] = set()
        try:
            reader = open_index(self._repo)
            entries = [reader.entry(path.raw) for path in paths]
            found.update((e.path, e.blob_sha) for e in entries if e is not None)
        except FormatError:
            pass
        shown = self._repo.git.run(
            "--literal-pathspecs", "ls-tree", "-z", "-r", "HEAD", "--", *(p.text for p in paths), check=False
        )  # fmt: skip
        for record in shown.stdout.split(b"\0"):
            head, _, path = record.partition(b"\t")
            if path:
                found.add((path, head.split(b" ")[2].decode("ascii")))
        return found

    def _pointers_in(self, pointer: Pointer) -> Iterator[Pointer]:
        found = self._store.contents([pointer])[pointer]
        if isinstance(found, MlvcError):
            raise found
        for row in tree.decode(found):
            if row.size_bytes:
                yield Pointer(row.oid, row.size_bytes)


def files_in(place: Path, path: RepoPath) -> Iterator[Standing]:
    """Yield what is not a directory: what stands at `place`, or all below it.

    A directory with a git repository in it is yielded as a whole: it is not ours to take apart.
    """
    if not os.path.isdir(place) or os.path.islink(place):
        yield Standing(path, place)
        return
    found = []
    for folder, folders, names in os.walk(place):
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        if any(name.lower() == ".git" for name in (*folders, *names)):
            yield Standing(path, place)
            return
        for name in (*names, *links):
            inner = Path(folder, name)
            rest = os.fsencode(inner.relative_to(place))
            found.append(Standing(RepoPath(path.raw + b"/" + rest), inner))
    yield from found


def beyond_files(place: Path, path: RepoPath) -> Iterator[Standing]:
    """Yield of `files_in` what the state of a directory does not speak of: links, repositories and the like."""
    for one in files_in(place, path):
        if not stat.S_ISREG(os.lstat(one.place).st_mode):
            yield one


class _Names(NamedTuple):
    pointer: Pointer | None  # None: it is empty
    blob: str


def _names(place: Path, object_format: str) -> _Names | None:
    """Return what store and git would call a file's content; None if it is no file, or cannot be read."""
    from blake3 import blake3

    try:
        fd = os.open(place, READ_FLAGS)
    except OSError:
        return None
    try:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode):
            return None
        ours = blake3()
        theirs = hashlib.new(object_format, b"blob %d\0" % info.st_size, usedforsecurity=False)
        size_bytes = 0
        while block := os.read(fd, _BLOCK_BYTES):
            ours.update(block)
            theirs.update(block)
            size_bytes += len(block)
    except OSError:
        return None
    finally:
        os.close(fd)
    pointer = Pointer(Oid(ours.digest()), size_bytes) if size_bytes else None
    return _Names(pointer, theirs.hexdigest())
