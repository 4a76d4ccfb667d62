"""Many entries into git's index at once: on a copy, which then becomes the index in one step.

Git enters them (`update-index --index-info`), so that every form of the index and every extension is its own
affair. It would leave them without stat data and read each file again, through the filter; so the stat data
of the files as they were read is put into the copy afterwards.

When is a file's entry to be trusted? Git compares seconds: an entry whose file was written in the second of
the index's own time stamp, or later, is looked into. The finished index therefore keeps the time at which
git entered the files, and a file written within that very second is compared with what was read, to the
nanosecond, after that time.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import shutil
import struct
from binascii import hexlify
from collections.abc import Iterator, Mapping
from contextlib import suppress
from enum import Enum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from git_mlvc.git.index import STAT, U32, IndexReader, size_field
from git_mlvc.git.index_lock import IndexLock
from git_mlvc.git.process import NO_HOOKS, UNDER_US

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

_ALONE = (*NO_HOOKS, "-c", "core.splitIndex=false")
_TOLD_AT_ONCE = 256
_MTIME_S = struct.Struct(">8xI")
_MODE = struct.Struct(">24xI")
_MODE_AT, _MODE_END = 24, 28

Records = Mapping[bytes, bytes]  # path -> `record`


class Outcome(Enum):
    DONE = "done"
    CHANGED = "changed"  # somebody wrote the index meanwhile: begin anew
    LOCKED = "locked"  # somebody holds index.lock


def record(info: os.stat_result, mode: int, name: bytes) -> bytes:
    """Return what an index entry begins with: stat data as git keeps them, mode, blob name."""
    return (
        STAT.pack(
            (info.st_ctime_ns // 10**9) & U32,
            info.st_ctime_ns % 10**9,
            (info.st_mtime_ns // 10**9) & U32,
            info.st_mtime_ns % 10**9,
            info.st_dev & U32,
            info.st_ino & U32,
            mode,
            info.st_uid & U32,
            info.st_gid & U32,
            size_field(info.st_size),
        )
        + name
    )


class IndexStaging:
    """The copy, in `folder`; `path` is what to give git as GIT_INDEX_FILE."""

    def __init__(self, repo: Repository, folder: Path, *, is_synced: bool) -> None:
        self.path = folder / "index"
        self._repo = repo
        self._target = Path(os.path.realpath(repo.index_path))
        self._is_synced = is_synced
        self._identity: tuple[int, ...] | None = None
        self._was_split = False
        self._entered_ns = 0
        self._trusted_ns = 0

    def begin(self) -> None:
        """Copy the index as it is now. Raises OSError."""
        self.path.unlink(missing_ok=True)
        self._identity = None
        self._was_split = False
        with suppress(FileNotFoundError), open(self._target, "rb") as source:
            with open(self.path, "xb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
            info = os.fstat(source.fileno())
            # The time stamp tells git which files it has to look into.
            self._stamp(info.st_mtime_ns)
            self._identity = _identity(info)

    def enter(self, records: Records, *, since_s: int) -> None:
        """Have the files of `records` in the copy. Reading them began in the second `since_s`.

        Raises GitError, OSError.
        """
        self._was_split = self._is_split()
        self._run_git("update-index", "-z", "--index-info", records=records)
        with open(self.path, "r+b") as file:
            self._entered_ns = self._trusted_ns = os.fstat(file.fileno()).st_mtime_ns
            with mmap.mmap(file.fileno(), 0) as data:
                self._put_stats(data, records, since_s)
            if self._is_synced:
                os.fsync(file.fileno())
        self._stamp(self._trusted_ns)

    def commit(self, *, timeout_s: float) -> Outcome:
        """Make the copy the index, if that is still what was copied. Raises OSError."""
        self._stamp(self._entered_ns)
        with IndexLock(self._target, timeout_s=timeout_s) as lock:
            if not lock.is_held:
                return Outcome.LOCKED
            if self._current() != self._identity:
                return Outcome.CHANGED
            lock.adopt(self.path)
            lock.commit()
        return Outcome.DONE

    def split_again(self) -> None:
        """Give the copy back the form that the index had, if it was split. Raises GitError."""
        if self._was_split and not self._is_split():
            env = {"GIT_INDEX_FILE": str(self.path), **UNDER_US}
            self._repo.git.run(*NO_HOOKS, "update-index", "--split-index", env_extra=env)

    # -- what stands in the copy

    def _run_git(self, *args: str, records: Records) -> None:
        def lines() -> Iterator[bytes]:
            source = iter(records.items())
            while group := list(islice(source, _TOLD_AT_ONCE)):
                yield b"".join(
                    b"%o %s\t%s\0" % (*_MODE.unpack_from(head), hexlify(head[STAT.size :]), path)
                    for path, head in group
                )

        env = {"GIT_INDEX_FILE": str(self.path), **UNDER_US}
        with self._repo.git.streaming(*_ALONE, *args, input=lines(), env_extra=env) as out:
            out.read()

    def _is_split(self) -> bool:
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return False
        return b"link" in data and IndexReader(data, hash_size=self._repo.hash_size).is_split

    def _put_stats(self, data: mmap.mmap, records: Records, since_s: int) -> None:
        """Put in the stat data of entries that are as git was told; adds up what to trust."""
        reader = IndexReader(data[:], hash_size=self._repo.hash_size)
        entered_s = self._entered_ns // 10**9
        newest_s = 0
        for number in range(reader.count):
            name = reader.name(number)
            head = records.get(name)
            if head is None:
                continue
            at = reader.entry_offset(number)
            if data[at + _MODE_AT : at + _MODE_END] != head[_MODE_AT:_MODE_END]:
                continue
            (mtime_s,) = _MTIME_S.unpack_from(head)
            if mtime_s >= since_s and not self._is_unchanged(name, head):
                continue  # git looks at it again, and finds what was written meanwhile
            data[at : at + STAT.size] = head[: STAT.size]
            newest_s = max(newest_s, mtime_s)
        if newest_s >= entered_s:
            self._trusted_ns = (newest_s + 1) * 10**9
        _seal(data, self._repo.hash_size)

    def _is_unchanged(self, name: bytes, head: bytes) -> bool:
        try:
            info = os.lstat(os.path.join(os.fsencode(self._repo.top), name))
        except OSError:
            return False
        (mode,) = _MODE.unpack_from(head)
        return record(info, mode, head[STAT.size :]) == head

    def _stamp(self, mtime_ns: int) -> None:
        os.utime(self.path, ns=(mtime_ns, mtime_ns))

    def _current(self) -> tuple[int, ...] | None:
        try:
            return _identity(os.stat(self._target))
        except FileNotFoundError:
            return None


def _seal(data: mmap.mmap, hash_size: int) -> None:
    """Recompute the trailing checksum; one that was left out (index.skipHash) stays out."""
    if data[-hash_size:] == bytes(hash_size):
        return
    make = hashlib.sha1 if hash_size == 20 else hashlib.sha256
    with memoryview(data) as view, view[:-hash_size] as body:
        digest = make(body, usedforsecurity=False).digest()
    data[-hash_size:] = digest


def _identity(info: os.stat_result) -> tuple[int, ...]:
    return (info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns)
