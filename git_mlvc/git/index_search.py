"""Which blob git's index holds for a path, without reading all entries for the first few questions.

The filter usually asks about one or two files that were touched, of a million. An entry can be recognised
where its name stands: the name's length and stage stand before it, and entries begin at multiples of eight.
Whoever asks more often gets the whole index read once. Version 4 compresses names and is always read.

Layout: Documentation/gitformat-index.txt.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from git_mlvc.git.index import IndexReader

Identity = tuple[int, ...]
SEARCHES = 16
_EMPTY = b"DIRC\0\0\0\2\0\0\0\0"
_MISSING: Identity = ()
LINK = b"link\0"  # how the extension of a split index begins, or a name ends: then it is joined in vain
_HEADER_BYTES = 12
_STAT_BYTES = 40
_MODE_AT = 24
_FEW_OF = 4  # of every so many entries at most one
_MOST_MISSES = 8  # each costs a pass over the whole index
_EXTENDED, _STAGE, _NAME_MASK = 0x4000, 0x3000, 0x0FFF


class IndexSearch:
    """The index file as it was when opened; a missing one holds nothing."""

    def __init__(
        self,
        data: bytes,
        *,
        hash_size: int = 20,
        path: Path | None = None,
        identity: Identity = _MISSING,
    ) -> None:
        self._path = path
        self._identity = identity
        self._data = data
        self._hash_size = hash_size
        self._searches = SEARCHES if data[:7] == b"DIRC\0\0\0" and data[7:8] in b"\2\3" else 0
        self._reader: IndexReader | None = None

    @classmethod
    def open(
        cls, path: Path, *, hash_size: int = 20, join: Callable[[Path], bytes] | None = None
    ) -> IndexSearch:
        """Read the index at `path`; a missing one is an empty one. `join` gives a split one as one.

        Raises OSError, and what `join` raises.
        """
        try:
            with open(path, "rb") as file:
                identity = _identity(os.fstat(file.fileno()))
                data = file.read()
        except FileNotFoundError:
            data, identity = _EMPTY + bytes(hash_size), _MISSING
        if join is not None and LINK in data:
            data = join(path)
        return cls(data, hash_size=hash_size, path=path, identity=identity)

    def is_current(self) -> bool:
        """False if git has written its index since: one rebase is one process and writes it often."""
        try:
            return self._path is None or _identity(os.stat(self._path)) == self._identity
        except FileNotFoundError:
            return self._identity == _MISSING
        except OSError:
            return False

    def blob(self, path: bytes) -> str | None:
        """Return the blob of the merged entry of `path`, or None. Raises FormatError."""
        if not path:
            return None
        if self._searches > 0:
            self._searches -= 1
            return self._search(path)
        if self._reader is None:
            from git_mlvc.git.index import IndexReader

            self._reader = IndexReader(self._data, hash_size=self._hash_size)
        entry = self._reader.entry(path)
        return None if entry is None else entry.blob_sha

    def _search(self, path: bytes) -> str | None:
        start = _find_entry(self._data, path, _HEADER_BYTES, self._hash_size)
        if start < 0:
            return None
        return self._data[start + _STAT_BYTES : start + _STAT_BYTES + self._hash_size].hex()


def entry_offsets(
    data: bytes | bytearray, paths: Collection[bytes], *, hash_size: int
) -> dict[bytes, int] | None:
    """Return where the merged entries of `paths` begin, from one pass over the names between them.

    None: they are too many, too many are not there, or names are compressed: then the index has to be
    read entry by entry. What is found stands before the extensions, unless the path has no entry at all:
    whoever writes there must also find the blob he expects.
    """
    if data[:7] != b"DIRC\0\0\0" or data[7] not in b"\2\3":
        return None
    if len(paths) * _FEW_OF > int.from_bytes(data[8:12]):
        return None
    found: dict[bytes, int] = {}
    at, misses = _HEADER_BYTES, 0
    for path in sorted(paths):  # as git sorts its entries
        start = _find_entry(data, path, at, hash_size)
        if start >= 0:
            found[path] = at = start
            continue
        misses += 1
        if misses > _MOST_MISSES:
            return None
    return found


def _find_entry(data: bytes | bytearray, path: bytes, begin: int, hash_size: int) -> int:
    """Return where the merged entry of `path` begins, from `begin` on, or -1."""
    needle = path + b"\0"
    at = data.find(needle, begin)
    while at >= 0:
        for flags_bytes in (2, 4):
            start = at - flags_bytes - hash_size - _STAT_BYTES
            if start >= begin and _is_entry(data, start, path, hash_size, flags_bytes == 4):
                return start
        at = data.find(needle, at + 1)
    return -1


def _is_entry(
    data: bytes | bytearray, start: int, path: bytes, hash_size: int, extended: bool
) -> bool:
    flags_at = start + _STAT_BYTES + hash_size
    flags = data[flags_at] << 8 | data[flags_at + 1]
    return (
        (start - _HEADER_BYTES) % 8 == 0
        and (start == _HEADER_BYTES or data[start - 1] == 0)
        and bool(flags & _EXTENDED) == extended
        and not flags & _STAGE
        and flags & _NAME_MASK == min(len(path), _NAME_MASK)
        # Zeros, which no name can have: so this is not a part of a longer one.
        and data[start + _MODE_AT : start + _MODE_AT + 2] == b"\0\0"
    )


def _identity(info: os.stat_result) -> Identity:
    return (info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns)
