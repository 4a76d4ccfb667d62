"""Putting new stat data into git's index without git's help.

When we replace a stub by its content, git's index still holds the stub's stat data, and git takes a file of
another size for modified without looking inside. `refresh` writes the new stat data, in place, in a copy of
the index, under `index.lock`. A split index (`link` extension) is joined by git first.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from git_mlvc.git.index import STAT, U32, IndexReader, size_field
from git_mlvc.git.index_lock import IndexLock
from git_mlvc.git.index_search import LINK, entry_offsets

_MODE_AT = 24


@dataclass(frozen=True, slots=True)
class StatUpdate:
    """What a file is on disk now, and the blob the index must hold for that to be the truth.

    Packed, since there may be a million: the blob's name, and the fields of `IndexEntry.stat`, but
    with the file's own mode.
    """

    blob: bytes
    fields: bytes

    @classmethod
    def of(cls, blob_sha: str, info: os.stat_result) -> StatUpdate:
        return cls(bytes.fromhex(blob_sha), _packed(info))

    @property
    def mtime_s(self) -> int:
        return int.from_bytes(self.fields[8:12])


def others_are_racy(
    index_path: Path, is_mine: Callable[[bytes], bool], *, hash_size: int = 20
) -> bool:
    """True if files that are not mine may have changed within the second of the index's last write."""
    reader = IndexReader.open(index_path, hash_size=hash_size)
    index_s = reader.mtime_ns // 10**9
    racy = (
        reader.name(number)
        for number in range(reader.count)
        if int.from_bytes(reader.data[(at := reader.entry_offset(number)) + 8 : at + 12]) >= index_s
    )
    return not all(map(is_mine, racy))


def refresh(
    index_path: Path,
    updates: Mapping[bytes, StatUpdate],
    *,
    worktree: Path,
    hash_size: int = 20,
    timeout_s: float,
    join: Callable[[Path], bytes] | None = None,
) -> set[bytes]:
    """Put new stat data into the index for files we wrote ourselves; return the paths that got it.

    Left alone are: entries that hold another blob than `updates` expects, are in conflict,
    skip-worktree or intent-to-add; files that changed on disk since; files written in this very
    second; everything, if somebody else holds the lock for longer than `timeout_s`, or if the index
    is split and there is no `join` to give it as one.

    A file that git has to look at again, because it may have changed within the second of the index's
    last write, stays recognisable as such: the index keeps its own mtime where all the new stat data
    is older; else it gets a new one and those other entries lose their size, as when git writes it.
    """
    if not updates:
        return set()
    path = Path(os.path.realpath(index_path))
    prepared = _Prepared.read(path, updates, worktree, hash_size, join)
    if prepared is None or not prepared.patched:
        return set()
    with IndexLock(path, timeout_s=timeout_s) as lock:
        if not lock.is_held:
            return set()
        if not prepared.is_current(path):
            prepared = _Prepared.read(path, updates, worktree, hash_size, join)
            if prepared is None or not prepared.patched:
                return set()
        prepared.drop_changed(worktree, updates)
        prepared.seal()
        if not prepared.patched:
            return set()
        kept_mtime_ns = None if prepared.is_rejuvenated else prepared.identity[2]
        try:
            lock.write(prepared.data, mtime_ns=kept_mtime_ns, mode=prepared.mode)
            lock.commit()
        except OSError:  # a full disk: the index stays as it was, git will look for itself
            return set()
    return set(prepared.patched)


@dataclass(slots=True)
class _Prepared:
    """A patched copy of the index, and what the index was when it was read."""

    data: bytearray
    identity: tuple[int, ...]
    mode: int
    hash_size: int
    patched: dict[bytes, tuple[int, bytes]]  # path -> where its stat data begins, what stood there
    is_rejuvenated: bool = False  # the new index is younger than this one

    @classmethod
    def read(
        cls,
        path: Path,
        updates: Mapping[bytes, StatUpdate],
        worktree: Path,
        hash_size: int,
        join: Callable[[Path], bytes] | None,
    ) -> _Prepared | None:
        try:
            with open(path, "rb") as file:
                info = os.fstat(file.fileno())
                data = bytearray(info.st_size)
                if file.readinto(data) != info.st_size:
                    return None
        except FileNotFoundError:
            return None
        prepared = cls(data, _identity(info), info.st_mode & 0o777, hash_size, {})
        places = None if LINK in data else entry_offsets(data, updates, hash_size=hash_size)
        if places is None:
            places = prepared._read_all(updates, path, join)
        if places is None:
            return None
        prepared._patch(places, updates)
        if prepared.is_rejuvenated:
            ours = {at for at, _ in prepared.patched.values()}
            reader = prepared._reader()
            for number in range(reader.count):
                at = reader.entry_offset(number)
                if at not in ours:
                    prepared.smudge(at)
        return prepared

    def _read_all(
        self,
        updates: Mapping[bytes, StatUpdate],
        path: Path,
        join: Callable[[Path], bytes] | None,
    ) -> dict[bytes, int] | None:
        """Return where the entries are, from reading all; None for a split index that nobody joins."""
        reader = self._reader()
        if reader.is_split:
            if join is None:
                return None
            self.data = bytearray(join(path))
            reader = self._reader()
        found = reader.positions(updates.keys())
        return {name: reader.entry_offset(number) for name, number in found.items()}

    def _reader(self) -> IndexReader:
        return IndexReader(bytes(self.data), hash_size=self.hash_size, mtime_ns=self.identity[2])

    def _patch(self, places: Mapping[bytes, int], updates: Mapping[bytes, StatUpdate]) -> None:
        now_s = int(time.time())
        for name, at in places.items():
            update = updates[name]
            if update.mtime_s < now_s and self._holds(at, update.blob):
                self.patched[name] = (at, bytes(self.data[at : at + STAT.size]))
                self.data[at : at + _MODE_AT] = update.fields[:_MODE_AT]
                self.data[at + _MODE_AT + 4 : at + STAT.size] = update.fields[_MODE_AT + 4 :]
                if update.mtime_s >= self.mtime_s:
                    self.is_rejuvenated = True

    def _holds(self, at: int, blob: bytes) -> bool:
        """True if the entry is a regular file of this blob that should be in the worktree."""
        data = self.data
        blob_at = at + STAT.size
        flags_at = blob_at + self.hash_size
        if data[blob_at:flags_at] != blob:
            return False
        mode = int.from_bytes(data[at + _MODE_AT : at + _MODE_AT + 4])
        absent = data[flags_at] & 0x40 and data[flags_at + 2] & 0x60  # sparse, or an intent to add
        return mode & 0o170000 == 0o100000 and not absent

    @property
    def mtime_s(self) -> int:
        return self.identity[2] // 10**9

    def smudge(self, at: int) -> None:
        """Have git look into a file that may have changed unseen: an entry without a size."""
        mtime_s, mode = struct.unpack_from(">8xI12xI", self.data, at)
        if mtime_s >= self.mtime_s and mode & 0o170000 in (0o100000, 0o120000):
            struct.pack_into(">I", self.data, at + 36, 0)

    def is_current(self, path: Path) -> bool:
        try:
            return _identity(os.stat(path)) == self.identity
        except FileNotFoundError:
            return False

    def drop_changed(self, worktree: Path, updates: Mapping[bytes, StatUpdate]) -> None:
        """Give up entries whose file is no longer what we left."""
        top = os.fsencode(worktree)
        changed = [
            name
            for name in self.patched
            if not _is_same_file(os.path.join(top, name), updates[name])
        ]
        for name in changed:
            at, before = self.patched.pop(name)
            self.data[at : at + STAT.size] = before
            if self.is_rejuvenated:
                self.smudge(at)

    def seal(self) -> None:
        """Recompute the trailing checksum; one that was left out (index.skipHash) stays out."""
        import hashlib

        body = memoryview(self.data)[: -self.hash_size]
        trailer = bytes(self.data[-self.hash_size :])
        if trailer != bytes(self.hash_size):
            digest = hashlib.sha1 if self.hash_size == 20 else hashlib.sha256
            trailer = digest(body, usedforsecurity=False).digest()
        body.release()
        self.data[-self.hash_size :] = trailer


def _identity(info: os.stat_result) -> tuple[int, ...]:
    return (info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns)


def _packed(info: os.stat_result) -> bytes:
    """As git's fill_stat_data, but with the file's own mode; git's is another and stays."""
    return STAT.pack(
        (info.st_ctime_ns // 10**9) & U32,
        info.st_ctime_ns % 10**9,
        (info.st_mtime_ns // 10**9) & U32,
        info.st_mtime_ns % 10**9,
        info.st_dev & U32,
        info.st_ino & U32,
        info.st_mode & U32,
        info.st_uid & U32,
        info.st_gid & U32,
        size_field(info.st_size),
    )


def _is_same_file(path: bytes, expected: StatUpdate) -> bool:
    try:
        return _packed(os.lstat(path)) == expected.fields
    except OSError:
        return False
