"""Reading files for git: their content into the store, by the filter's rules, and what git is to hold for them.

On several threads, because files are read, hashed and compressed outside of Python's own lock; small ones on
one at a time. Files are handed out in small groups and come back in order; few groups are under way at once,
and a large file is streamed, one at a time, so memory does not grow with the files. What is noted of each is
some 250 bytes.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple, Protocol

from git_mlvc.formats.pointer import MAX_POINTER_BYTES, is_damaged
from git_mlvc.fs.filling_memory import reader
from git_mlvc.git.blob_pack import BlobPack, PackedBlob, packed
from git_mlvc.git.index_staging import record

if TYPE_CHECKING:
    from git_mlvc.git.to_add import Found
    from git_mlvc.progress import Progress

ReadInto = Callable[[memoryview], int]
Answer = bytes | Callable[[Callable[[bytes | memoryview], object]], None]

_FILES_AT_ONCE = 64
_SMALL_BYTES = 64 << 10  # below this, threads wait for Python's own lock more than they gain
_STREAMED_BYTES = 1 << 20  # from here on a content is not read into memory as a whole
_RAW_BYTES = 128 << 10  # what the filter leaves as it is and is larger, git reads for itself
_SUSPICIOUS = (b"g", b"<")  # how a pointer and a conflict marker begin
_DAMAGED = b"damaged"  # this very object: there is no answer for such content
_REGULAR, _SYMLINK, _TYPE = 0o100000, 0o120000, 0o170000
_READ_FLAGS = os.O_RDONLY
for _name in ("O_NOFOLLOW", "O_CLOEXEC", "O_BINARY", "O_NONBLOCK"):
    _READ_FLAGS |= getattr(os, _name, 0)


class Clean(Protocol):
    """The filter's cleaner. `clean_bytes` may be called by several threads at once."""

    def clean(self, path: bytes, read_into: ReadInto) -> Answer: ...
    def clean_bytes(self, path: bytes, data: bytes) -> Answer: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class FileSystem:
    """What `core.fileMode` and `core.symlinks` say of the worktree's file system."""

    has_modes: bool = True
    has_symlinks: bool = True


@dataclass(slots=True)
class Taken:
    """What git's index is to hold, path -> `index_staging.record`, and what that was made of."""

    records: dict[bytes, bytes] = field(default_factory=dict)
    news: list[bytes] = field(default_factory=list)  # paths that the index has not like this
    damaged: list[bytes] = field(
        default_factory=list
    )  # stubs that were edited as if they were files
    size_bytes: int = 0


class _One(NamedTuple):
    path: bytes
    head: bytes  # empty: a damaged stub
    blob: PackedBlob | None  # None where git has it
    is_new: bool
    size_bytes: int


@dataclass(slots=True)
class TakingIn:
    """The threads' common ground."""

    top: bytes
    cleaner: Clean
    pack: BlobPack
    file_system: FileSystem
    object_format: str
    progress: Progress
    _one_large: Lock = field(default_factory=Lock)
    _small: Lock = field(default_factory=Lock)

    def run(self, found: Iterable[Found], jobs: int) -> Taken:
        """Take in what can be taken in here; other files are left out. Raises MlvcError."""
        taken = Taken()
        self.progress.begin("adding")
        try:
            with ThreadPoolExecutor(jobs, thread_name_prefix="add") as pool:
                for done in _in_order(pool, self._group, groups(found), ahead=2 * jobs):
                    self._note(done, taken)
        finally:
            self.progress.end()
        return taken

    def _note(self, done: list[_One], taken: Taken) -> None:
        size_bytes = 0
        for one in done:
            size_bytes += one.size_bytes
            if not one.head:
                taken.damaged.append(one.path)
                continue
            taken.records[one.path] = one.head
            if one.blob is not None:
                self.pack.add(one.blob)
            if one.is_new:
                taken.news.append(one.path)
        taken.size_bytes += size_bytes
        self.progress.advance(size_bytes=size_bytes, files=len(done))

    def _group(self, group: list[Found]) -> list[_One]:
        # Two threads on files of 4 KiB take almost twice the time of one.
        if not self._is_of_small_files(group):
            return self._each(group)
        with self._small:
            return self._each(group)

    def _is_of_small_files(self, group: list[Found]) -> bool:
        """Go by the first: neighbours are alike, and nothing but time depends on it."""
        try:
            return os.lstat(b"%s/%s" % (self.top, group[0].path)).st_size < _SMALL_BYTES
        except OSError:
            return True

    def _each(self, group: list[Found]) -> list[_One]:
        done = []
        for item in group:
            one = self._one(item)
            if one is not None:
                done.append(one)
        return done

    def _one(self, item: Found) -> _One | None:
        """Return what became of one file; None if it is git's to look at. Raises MlvcError."""
        try:
            fd = os.open(b"%s/%s" % (self.top, item.path), _READ_FLAGS)
        except OSError:
            return None
        try:
            # Before it is read: what is written from now on shows.
            info = os.fstat(fd)
            if not stat.S_ISREG(info.st_mode):
                return None
            if info.st_size < _STREAMED_BYTES:
                data = os.read(fd, info.st_size + 1)
                if len(data) != info.st_size:
                    return None  # it is being written to
                answer = self._cleaned(item.path, data)
            else:
                answer = self._streamed(item.path, fd, info.st_size)
        except OSError:
            return None
        finally:
            os.close(fd)
        if answer is None:
            return None
        return self._named(item, info, answer)

    def _cleaned(self, path: bytes, data: bytes) -> bytes | None:
        if data[:1] in _SUSPICIOUS and is_damaged(data, len(data)):
            return _DAMAGED
        answer = self.cleaner.clean_bytes(path, data)
        if answer is data and (len(data) > _RAW_BYTES or b"$Id" in data):
            return None  # large, or git puts in what it knows of the file
        return answer if isinstance(answer, bytes) else None

    def _streamed(self, path: bytes, fd: int, size_bytes: int) -> bytes | None:
        if is_damaged(os.pread(fd, MAX_POINTER_BYTES, 0), size_bytes):
            return _DAMAGED
        with self._one_large:
            answer = self.cleaner.clean(path, reader(fd))
        is_pointer = isinstance(answer, bytes) and len(answer) <= MAX_POINTER_BYTES
        return answer if isinstance(answer, bytes) and is_pointer else None

    def _named(self, item: Found, info: os.stat_result, answer: bytes) -> _One | None:
        if answer is _DAMAGED:
            return _One(item.path, b"", None, False, 0)
        mode = self._mode(item.mode, info.st_mode)
        if mode is None:
            return None
        blob = packed(answer, self.object_format)
        is_held = bool(item.blob_sha) and blob.name == bytes.fromhex(item.blob_sha)
        head = record(info, mode, blob.name)
        is_new = not is_held or mode != item.mode
        return _One(item.path, head, None if is_held else blob, is_new, info.st_size)

    def _mode(self, held: int, standing: int) -> int | None:
        """As git chooses it (ce_mode_from_stat); None where a link stands there as a file."""
        if self.file_system.has_modes and self.file_system.has_symlinks:
            return 0o100755 if standing & 0o100 else 0o100644
        if held & _TYPE == _SYMLINK and not self.file_system.has_symlinks:
            return None
        return held if held & _TYPE == _REGULAR else 0o100644


def groups(found: Iterable[Found]) -> Iterator[list[Found]]:
    """Yield the files in groups of a few."""
    source = iter(found)
    while group := list(islice(source, _FILES_AT_ONCE)):
        yield group


def _in_order(
    pool: ThreadPoolExecutor,
    work: Callable[[list[Found]], list[_One]],
    parts: Iterable[list[Found]],
    *,
    ahead: int,
) -> Iterator[list[_One]]:
    """Yield what `work` makes of each part, in order; at most `ahead` parts are under way."""
    waiting: deque[Future[list[_One]]] = deque()
    try:
        for part in parts:
            waiting.append(pool.submit(work, part))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
