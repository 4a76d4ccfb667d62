"""Git's index, read: entries, their stat data, extensions. Versions 2, 3 and 4, SHA-1 and SHA-256.

Layout: Documentation/gitformat-index.txt. Putting new stat data into it: `index_refresh`.
"""

from __future__ import annotations

import os
import struct
from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from git_mlvc.errors import FormatError

_HEADER = struct.Struct(">4sII")
STAT = struct.Struct(">10I")  # the fields of `IndexEntry.stat`
_EXTENDED, _STAGE, _ASSUME_VALID, _NAME_MASK = 0x4000, 0x3000, 0x8000, 0x0FFF
_SKIP_WORKTREE, _INTENT_TO_ADD = 0x4000, 0x2000
U32 = 0xFFFFFFFF


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
        self._flags_at = STAT.size + hash_size
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

    def worktree_rows(self) -> Iterator[tuple[bytes, bytes, Sequence[int]]]:
        """Yield (path, blob id, stat data) of each merged regular file that should be in the worktree.

        For a look at all of them: an `IndexEntry` each would take most of the time. Left out are
        conflicts, what a sparse checkout leaves out, and intents to add.
        """
        data, width = self.data, self.hash_size
        row = struct.Struct(f">10I{width}sH")
        for number, at in enumerate(self._offsets):
            *stat, blob, flags = row.unpack_from(data, at)
            if stat[6] & 0o170000 != 0o100000 or flags & _STAGE:
                continue
            if flags & _EXTENDED:
                more = data[at + row.size] << 8
                if more & (_SKIP_WORKTREE | _INTENT_TO_ADD):
                    continue
            yield self.name(number), blob, stat

    def is_racy(self, stat: Sequence[int]) -> bool:
        """True if the file may have changed after git looked, within the same second (git's rule).

        `stat`: an entry's stat data.
        """
        return self.mtime_ns // 1_000_000_000 <= stat[2]

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
        values = STAT.unpack_from(self.data, at)
        flags = self._flags(number)
        extended = 0
        if flags & _EXTENDED:
            more = at + self._flags_at + 2
            extended = self.data[more] << 8 | self.data[more + 1]
        return IndexEntry(
            self.name(number),
            self.data[at + STAT.size : at + self._flags_at].hex(),
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


def size_field(size_bytes: int) -> int:
    """Size modulo 2^32; a multiple of 2^32 must not look empty, so git >= 2.43 writes 2^31 there."""
    low = size_bytes & U32
    return 1 << 31 if size_bytes and not low else low
