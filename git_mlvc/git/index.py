"""Git's index: reading entries, and putting new stat data into them without git's help.

When we replace a stub by its content, git's index still holds the stub's stat data, and git takes a file of
another size for modified without looking inside. `refresh` writes the new stat data, in place, in a copy of
the index, under `index.lock`. Versions 2, 3 and 4, SHA-1 and SHA-256.

Layout: Documentation/gitformat-index.txt. A split index (`link` extension) is joined by git first.
"""

from __future__ import annotations

import os
import struct
import time
from array import array
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from git_mlvc.errors import FormatError
from git_mlvc.git.index_lock import IndexLock

_HEADER = struct.Struct(">4sII")
_STAT = struct.Struct(">10I")
_STAT_SIZE = 40
_EXTENDED, _STAGE, _ASSUME_VALID, _NAME_MASK = 0x4000, 0x3000, 0x8000, 0x0FFF
_SKIP_WORKTREE, _INTENT_TO_ADD = 0x4000, 0x2000
_U32 = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """One entry. `stat` holds ctime s/ns, mtime s/ns, dev, ino, mode, uid, gid, size as git stored them."""

    path: bytes
    blob_sha: str
    mode: int
    stage: int
    stat: tuple[int, ...]
    skip_worktree: bool
    intent_to_add: bool
    assume_valid: bool

    @property
    def mtime_s(self) -> int:
        return self.stat[2]

    @property
    def size_bytes(self) -> int:
        """Size of the worktree file, modulo 2^32."""
        return self.stat[9]


@dataclass(frozen=True, slots=True)
class StatUpdate:
    """What a file is on disk now, and the blob the index must hold for that to be the truth."""

    blob_sha: str
    stat: os.stat_result


class IndexReader:
    """The entries of one index file, as it was when opened. Names are read when asked for."""

    def __init__(self, data: bytes, *, hash_size: int = 20, mtime_ns: int = 0) -> None:
        self.data = data
        self.hash_size = hash_size
        self.mtime_ns = mtime_ns
        if len(data) < _HEADER.size + hash_size:
            raise FormatError("git's index is truncated", why=f"{len(data)} bytes")
        signature, version, count = _HEADER.unpack_from(data)
        self.version: int = version
        self.count: int = count
        if signature != b"DIRC" or self.version not in (2, 3, 4):
            raise FormatError("git's index is of an unknown kind", why=repr(data[:8]))
        self._offsets = array("Q")
        self._names: list[bytes] = []  # only for version 4, whose names build on each other
        self._flags_at = _STAT_SIZE + hash_size
        try:
            self.entries_end = self._scan_v4() if self.version == 4 else self._scan()
        except (struct.error, IndexError) as exc:
            raise FormatError("git's index is damaged", why=str(exc)) from exc

    @classmethod
    def open(cls, path: Path, *, hash_size: int = 20) -> IndexReader:
        """Read the index at `path`; a missing one is an empty one. Raises FormatError."""
        try:
            with open(path, "rb") as file:
                info = os.fstat(file.fileno())
                return cls(file.read(), hash_size=hash_size, mtime_ns=info.st_mtime_ns)
        except FileNotFoundError:
            return cls(_HEADER.pack(b"DIRC", 2, 0) + bytes(hash_size), hash_size=hash_size)

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[IndexEntry]:
        return (self.at(n) for n in range(self.count))

    def entry(self, path: bytes) -> IndexEntry | None:
        """Return the merged (stage 0) entry of `path`, or None."""
        number = self.position(path)
        return None if number is None else self.at(number)

    def position(self, path: bytes) -> int | None:
        """Return the number of the stage 0 entry of `path`."""
        found = bisect_left(range(self.count), path, key=self.name)
        if found < self.count and self.name(found) == path and not self._flags(found) & _STAGE:
            return found
        return None

    def positions(self, paths: Collection[bytes]) -> dict[bytes, int]:
        """Return the number of each stage 0 entry among `paths`; for many at once."""
        if len(paths) * 32 < self.count:
            found = ((path, self.position(path)) for path in paths)
            return {path: number for path, number in found if number is not None}
        wanted = set(paths)
        return {
            name: number
            for number in range(self.count)
            if (name := self.name(number)) in wanted and not self._flags(number) & _STAGE
        }

    def name(self, number: int) -> bytes:
        if self.version == 4:
            return self._names[number]
        start = self._offsets[number] + self._flags_at
        flags = self.data[start] << 8 | self.data[start + 1]
        start += 4 if flags & _EXTENDED else 2
        length = flags & _NAME_MASK
        if length == _NAME_MASK:
            return self.data[start : self.data.index(0, start)]
        return self.data[start : start + length]

    def entry_offset(self, number: int) -> int:
        """Return where the entry's stat data begins."""
        return self._offsets[number]

    def is_racy(self, entry: IndexEntry) -> bool:
        """True if the file may have changed after git looked, within the same second (git's rule)."""
        return self.mtime_ns // 1_000_000_000 <= entry.mtime_s

    def extensions(self) -> dict[bytes, bytes]:
        """Return the extensions by signature, e.g. b"TREE"."""
        found: dict[bytes, bytes] = {}
        at, end = self.entries_end, len(self.data) - self.hash_size
        while at + 8 <= end:
            signature, size = struct.unpack_from(">4sI", self.data, at)
            found[signature] = self.data[at + 8 : at + 8 + size]
            at += 8 + size
        return found

    @property
    def is_split(self) -> bool:
        return b"link" in self.extensions()

    def _flags(self, number: int) -> int:
        at = self._offsets[number] + self._flags_at
        return self.data[at] << 8 | self.data[at + 1]

    def at(self, number: int) -> IndexEntry:
        """Return the entry by its number, 0 being the first."""
        at = self._offsets[number]
        values = _STAT.unpack_from(self.data, at)
        flags = self._flags(number)
        extended = 0
        if flags & _EXTENDED:
            more = at + self._flags_at + 2
            extended = self.data[more] << 8 | self.data[more + 1]
        return IndexEntry(
            self.name(number),
            self.data[at + _STAT_SIZE : at + self._flags_at].hex(),
            values[6],
            (flags & _STAGE) >> 12,
            values,
            bool(extended & _SKIP_WORKTREE),
            bool(extended & _INTENT_TO_ADD),
            bool(flags & _ASSUME_VALID),
        )

    def _scan(self) -> int:
        """Find where each entry begins; return where the last one ends."""
        data, flags_at = self.data, self._flags_at
        at = _HEADER.size
        limit = len(data) - self.hash_size
        offsets: list[int] = []
        keep = offsets.append
        for _ in range(self.count):
            keep(at)
            start = at + flags_at
            high = data[start]
            length = (high & 0x0F) << 8 | data[start + 1]
            start += 4 if high & 0x40 else 2
            if length == _NAME_MASK:
                length = data.index(0, start) - start
            at += (start + length - at + 8) & ~7
        if at > limit:
            raise IndexError("entries reach beyond the end")
        self._offsets = array("Q", offsets)
        return at

    def _scan_v4(self) -> int:
        data, flags_at = self.data, self._flags_at
        at = _HEADER.size
        name = b""
        for _ in range(self.count):
            self._offsets.append(at)
            start = at + flags_at
            start += 4 if data[start] & 0x40 else 2
            byte = data[start]
            start += 1
            strip = byte & 0x7F
            while byte & 0x80:
                byte = data[start]
                start += 1
                strip = (strip + 1) << 7 | byte & 0x7F
            end = data.index(0, start)
            if strip > len(name):
                raise IndexError("a name is shorter than nothing")
            name = name[: len(name) - strip] + data[start:end]
            self._names.append(name)
            at = end + 1
        if at > len(data) - self.hash_size:
            raise IndexError("entries reach beyond the end")
        return at


def others_are_racy(index_path: Path, mine: Collection[bytes], *, hash_size: int = 20) -> bool:
    """True if files other than `mine` may have changed within the second of the index's last write."""
    reader = IndexReader.open(index_path, hash_size=hash_size)
    index_s = reader.mtime_ns // 10**9
    racy = (
        reader.name(number)
        for number in range(reader.count)
        if int.from_bytes(reader.data[(at := reader.entry_offset(number)) + 8 : at + 12]) >= index_s
    )
    return any(name not in mine for name in racy)


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
        if prepared.drop_changed(worktree, updates):
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
                original = file.read()
        except FileNotFoundError:
            return None
        reader = IndexReader(original, hash_size=hash_size, mtime_ns=info.st_mtime_ns)
        if reader.is_split:
            if join is None:
                return None
            original = join(path)
            reader = IndexReader(original, hash_size=hash_size, mtime_ns=info.st_mtime_ns)
        prepared = cls(bytearray(original), _identity(info), info.st_mode & 0o777, hash_size, {})
        now_s = int(time.time())
        for name, number in reader.positions(updates.keys()).items():
            update = updates[name]
            if _fits(reader.at(number), update, before_s=now_s):
                at = reader.entry_offset(number)
                prepared.patched[name] = (at, original[at : at + _STAT_SIZE])
                _STAT.pack_into(prepared.data, at, *_stat_fields(update.stat, original, at))
                if update.stat.st_mtime_ns // 10**9 >= prepared.mtime_s:
                    prepared.is_rejuvenated = True
        prepared.drop_changed(worktree, updates)
        if prepared.is_rejuvenated:
            ours = {at for at, _ in prepared.patched.values()}
            for number in range(reader.count):
                at = reader.entry_offset(number)
                if at not in ours:
                    prepared.smudge(at)
        prepared.seal()
        return prepared

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

    def drop_changed(self, worktree: Path, updates: Mapping[bytes, StatUpdate]) -> bool:
        """Give up entries whose file is no longer what we left; True if there were any."""
        top = os.fsencode(worktree)
        changed = [
            name
            for name in self.patched
            if not _same_file(os.path.join(top, name), updates[name].stat)
        ]
        for name in changed:
            at, before = self.patched.pop(name)
            self.data[at : at + _STAT_SIZE] = before
            if self.is_rejuvenated:
                self.smudge(at)
        return bool(changed)

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


def _fits(entry: IndexEntry, update: StatUpdate, *, before_s: int) -> bool:
    return (
        entry.blob_sha == update.blob_sha
        and entry.mode & 0o170000 == 0o100000
        and update.stat.st_mtime_ns // 10**9 < before_s
        and not entry.skip_worktree
        and not entry.intent_to_add
    )


def _stat_fields(info: os.stat_result, original: bytes, at: int) -> tuple[int, ...]:
    """As git's fill_stat_data; the mode is git's own and stays."""
    mode = struct.unpack_from(">I", original, at + 24)[0]
    return (
        (info.st_ctime_ns // 10**9) & _U32,
        info.st_ctime_ns % 10**9,
        (info.st_mtime_ns // 10**9) & _U32,
        info.st_mtime_ns % 10**9,
        info.st_dev & _U32,
        info.st_ino & _U32,
        mode,
        info.st_uid & _U32,
        info.st_gid & _U32,
        size_field(info.st_size),
    )


def size_field(size_bytes: int) -> int:
    """Size modulo 2^32; a multiple of 2^32 must not look empty, so git >= 2.43 writes 2^31 there."""
    low = size_bytes & _U32
    return 1 << 31 if size_bytes and not low else low


def _same_file(path: bytes, expected: os.stat_result) -> bool:
    try:
        info = os.lstat(path)
    except OSError:
        return False
    return (
        info.st_ino == expected.st_ino
        and info.st_dev == expected.st_dev
        and info.st_mtime_ns == expected.st_mtime_ns
        and info.st_ctime_ns == expected.st_ctime_ns
        and info.st_size == expected.st_size
        and info.st_mode == expected.st_mode
    )
