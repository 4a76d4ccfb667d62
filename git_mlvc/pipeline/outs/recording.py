"""Taking in what a stage made: its files and directories into the store, each by the shortest way.

Small files are read whole, by one thread at a time, since Python's own lock would have more of them wait; larger
ones by a few; the largest stream, one at a time, and cut, hash and compress on threads of their own. So memory
does not grow with the outs. What the stat cache knows and the store has is not read again.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Protocol

from git_mlvc.errors import FormatError, InputError, MlvcError
from git_mlvc.formats import tree
from git_mlvc.formats.pointer import MAX_POINTER_BYTES, Pointer, is_damaged, sniff
from git_mlvc.formats.tree import TreeRow
from git_mlvc.fs.filling_memory import reader
from git_mlvc.fs.safe_path import Places
from git_mlvc.oid import Oid
from git_mlvc.pipeline.model import FileState, Out, Result, Stage
from git_mlvc.pipeline.outs.out_files import Look, OutFile, look, still_written, unreadable
from git_mlvc.repo_path import RepoPath
from git_mlvc.worktree.pointers import READ_FLAGS

_STREAMED_BYTES = 1 << 20  # from here on a content is not read into memory as a whole
_SMALL_BYTES = 64 << 10  # below this, threads wait for Python's own lock more than they gain
_GROUP = 64
_MOST_THREADS = 4
_WORTH_WAITING_FOR_BYTES = 16 << 20
_SETTLING_NS = 15 * 10**6  # after this, a file's stamps tell of any later change
_SUSPICIOUS = (b"g", b"<")  # how a pointer and a conflict marker begin
_NO_BYTES = Oid.of(b"")


class States(Protocol):
    """What is asked of, and told to, those who know what stands in the worktree."""

    def known(self, path: RepoPath, info: os.stat_result) -> FileState | None: ...
    def is_program(self, path: RepoPath, info: os.stat_result) -> bool: ...
    def moment(self) -> int: ...
    def know(
        self, path: RepoPath, state: FileState, info: os.stat_result, read_at: int
    ) -> None: ...
    def forget(self, paths: Iterable[RepoPath]) -> None: ...


class Ingest(Protocol):
    """What is needed of a store's session."""

    def ingest_bytes(self, data: bytes) -> Pointer | None: ...
    def ingest_from(
        self,
        read_into: Callable[[memoryview], int],
        like: Callable[[], Pointer | None] | None = None,
    ) -> Pointer | None: ...


class Contents(Protocol):
    """What is needed of a store."""

    def incomplete(self, pointers: Iterable[Pointer]) -> list[Pointer]: ...
    def contents(self, pointers: Iterable[Pointer]) -> Mapping[Pointer, bytes | MlvcError]: ...


@dataclass
class Recording:
    """Takes in the outs of any number of stages, of several at once."""

    top: Path
    store: Contents
    session: Ingest
    states: States
    _small: Lock = field(default_factory=Lock)
    _one_large: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self._places = Places(self.top)

    def record(
        self, stage: Stage, before: Result | None = None
    ) -> tuple[tuple[RepoPath, FileState], ...]:
        """Return what the stage made, all of it in the store. `before`: what it made last, to be compared with.

        Raises StageFailed for outs that are none, InputError for what cannot be read, StoreError.
        """
        self.states.forget(out.path for out in stage.outs)
        looks = [(out, look(self.top, stage, out)) for out in stage.outs]
        made = tuple((out.path, self._taken_in(stage, out, seen, before)) for out, seen in looks)
        for out, seen in looks:
            if seen.has_changed():
                raise still_written(stage, out.path)
        return made

    def _taken_in(self, stage: Stage, out: Out, seen: Look, before: Result | None) -> FileState:
        found = self._without_reading(seen.files)
        unread = [file for file in seen.files if file.inner not in found]
        self._let_settle(unread)
        earlier = _Earlier(self.store, before.out(out.path) if before is not None else None)
        for file, state in self._read_all(stage, unread, earlier):
            found[file.inner] = state
        if not seen.is_directory:
            return found[b""]
        rows = [
            TreeRow(inner, state.oid, state.size_bytes, state.is_executable)
            for inner, state in found.items()
        ]
        encoded = tree.encode(rows)
        self.session.ingest_bytes(encoded)
        size_bytes = tree.sizes(rows)
        return FileState(Oid.of(encoded), size_bytes, len(rows), tree_size_bytes=len(encoded))

    def _without_reading(self, files: list[OutFile]) -> dict[bytes, FileState]:
        """Return what the stat cache knows and the store has."""
        known = {}
        for file in files:
            state = self.states.known(file.path, file.info)
            if state is not None:
                known[file.inner] = state
        pointers = dict.fromkeys(s.pointer for s in known.values() if s.pointer is not None)
        lacking = set(self.store.incomplete(pointers))
        return {inner: state for inner, state in known.items() if state.pointer not in lacking}

    def _let_settle(self, files: list[OutFile]) -> None:
        """Wait until large files that were written just now would show it if they were written to again.

        Otherwise what is read now could not be remembered, and the next command would read it all again.
        """
        large = [f.info for f in files if f.info.st_size >= _WORTH_WAITING_FOR_BYTES]
        if large:
            newest = max(max(info.st_mtime_ns, info.st_ctime_ns) for info in large)
            left = newest + _SETTLING_NS - self.states.moment()
            if 0 < left <= _SETTLING_NS:
                time.sleep(left / 1e9)

    def _read_all(
        self, stage: Stage, files: list[OutFile], earlier: _Earlier
    ) -> Iterator[tuple[OutFile, FileState]]:
        large = [file for file in files if file.info.st_size >= _SMALL_BYTES]
        small = [file for file in files if file.info.st_size < _SMALL_BYTES]

        def read(file: OutFile) -> tuple[OutFile, FileState]:
            return file, self._read(stage, file, earlier)

        threads = min(_MOST_THREADS, os.cpu_count() or 1, len(large))
        if threads < 2:
            yield from map(read, large)
        else:
            pool = ThreadPoolExecutor(threads, thread_name_prefix="record")
            try:
                yield from pool.map(read, large)
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
        source = iter(small)
        while group := list(islice(source, _GROUP)):
            with self._small:
                done = [read(file) for file in group]
            yield from done

    def _read(self, stage: Stage, file: OutFile, earlier: _Earlier) -> FileState:
        read_at = self.states.moment()
        try:
            fd = self._places.of(file.path).open(READ_FLAGS)
        except FileNotFoundError:
            raise still_written(stage, file.path) from None
        except OSError as exc:
            raise unreadable(file.path, exc) from exc
        try:
            info = os.fstat(fd)
            if not stat.S_ISREG(info.st_mode):
                raise still_written(stage, file.path)
            pointer = self._ingested(fd, file, info, earlier)
            after = os.fstat(fd)
        except OSError as exc:
            raise unreadable(file.path, exc) from exc
        finally:
            os.close(fd)
        if _stamps(after) != _stamps(info):
            raise still_written(stage, file.path)
        program = self.states.is_program(file.path, info)
        state = (
            FileState(_NO_BYTES, 0, is_executable=program)
            if pointer is None
            else FileState(pointer.oid, pointer.size_bytes, is_executable=program)
        )
        self.states.know(file.path, state, after, read_at)
        return state

    def _ingested(
        self, fd: int, file: OutFile, info: os.stat_result, earlier: _Earlier
    ) -> Pointer | None:
        """A stub stands for its content, whether that is here or not (law 4)."""
        if info.st_size >= _STREAMED_BYTES:
            _refuse_damaged(file.path, os.pread(fd, MAX_POINTER_BYTES, 0), info.st_size)
            with self._one_large:
                return self.session.ingest_from(reader(fd), lambda: earlier.pointer(file.inner))
        data = os.read(fd, info.st_size + 1)
        while more := os.read(fd, info.st_size + 1):
            data += more
        if data[:1] in _SUSPICIOUS:
            stub = sniff(data)
            if stub is not None:
                return stub
            _refuse_damaged(file.path, data[:MAX_POINTER_BYTES], len(data))
        return self.session.ingest_bytes(data)


class _Earlier:
    """What an out was, so that a large content is compared with what it was before it is cut anew."""

    def __init__(self, store: Contents, state: FileState | None) -> None:
        self._store = store
        self._state = state
        self._rows: dict[bytes, Pointer] | None = None
        self._lock = Lock()

    def pointer(self, inner: bytes) -> Pointer | None:
        """Return the earlier content of a file, if all of it is in the store."""
        if self._state is None or self._state.is_directory != bool(inner):
            return None
        found = self._state.pointer if not inner else self._inside().get(inner)
        return None if found is None or self._store.incomplete([found]) else found

    def _inside(self) -> dict[bytes, Pointer]:
        with self._lock:
            if self._rows is None:
                self._rows = {}
                pointer = self._state.pointer if self._state is not None else None
                data = None if pointer is None else self._store.contents([pointer])[pointer]
                if isinstance(data, bytes):
                    try:
                        rows = tree.decode(data)
                    except FormatError:
                        rows = []
                    self._rows = {
                        r.path: Pointer(r.oid, r.size_bytes) for r in rows if r.size_bytes
                    }
            return self._rows


def _refuse_damaged(path: RepoPath, head: bytes, size_bytes: int) -> None:
    if is_damaged(head, size_bytes):
        raise InputError(
            f"cannot record {path}",
            why="it is a stub that was edited or merged as if it were the file (a damaged stub)",
            hint="have the stage make it again",
        )


def _stamps(info: os.stat_result) -> tuple[int, int, int, int]:
    return info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns
