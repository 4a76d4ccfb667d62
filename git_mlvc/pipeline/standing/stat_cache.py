"""Which content was in a file when it looked as it looks now: a private file beside git's index.

It spares hashing what has not changed, and nothing else: it may vanish or be damaged at any time. One file
for each worktree, read whole, its rows only for those directories that are asked for. Who saves last wins;
what another process has learnt in between of other directories is kept.

The file: magic; a section for each directory; the table of sections; its length and checksum. A section is
the names, NUL between them, then a row for each. Numbers are little-endian.
"""

from __future__ import annotations

import os
import struct
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from git_mlvc.fs import atomic

_MAGIC = b"git-mlvc stat cache 1\n"
_ROW = struct.Struct("<qqQQI32sQ")
_PLACE = struct.Struct(
    "<QIII16s"
)  # of a section: offset, bytes of names, rows, bytes of the folder
_END = struct.Struct("<Q32s")
_COARSE_CLOCK = 5  # CLOCK_REALTIME_COARSE of linux/time.h, which Python does not name
_COARSE_NS = 2 * 10**9  # FAT keeps even seconds
_FINE_NS = 10 * 10**6  # no kernel's clock ticks more slowly


class CachedFile(NamedTuple):
    """What a file looked like, and the content that was in it (of a stub: the one it stands for)."""

    mtime_ns: int
    ctime_ns: int
    inode: int
    file_size: int
    mode: int
    digest: bytes
    size_bytes: int


Row = tuple[int, int, int, int, int, bytes, int]  # the fields of CachedFile


def moment() -> int:
    """Return the time, in ns since 1970, as file systems stamp it. To be taken before a file is read."""
    try:
        return time.clock_gettime_ns(_COARSE_CLOCK) if sys.platform == "linux" else time.time_ns()
    except OSError:
        return time.time_ns()


def is_settled(info: os.stat_result, read_at: int) -> bool:
    """True if whoever wrote to the file after `read_at` has given it other stamps (git: not racy)."""
    last = max(info.st_mtime_ns, info.st_ctime_ns)
    is_coarse = not info.st_mtime_ns % 10**9 and not info.st_ctime_ns % 10**9
    return last + (_COARSE_NS if is_coarse else _FINE_NS) < read_at


@dataclass(slots=True)
class _Section:
    """The files right in one directory. `names`: those that are known to be there, of a whole look."""

    rows: dict[bytes, Row]
    is_changed: bool = False
    names: set[bytes] | None = None


@dataclass(slots=True)
class _Stored:
    """The file as it was read: where the section of each directory is."""

    data: bytes = b""
    places: dict[bytes, tuple[int, int, int, bytes]] = field(default_factory=dict)

    def section(self, folder: bytes) -> bytes:
        """Return the bytes of a section; none if it is damaged."""
        from blake3 import blake3

        place = self.places.get(folder)
        if place is None:
            return b""
        at, names_len, count, checksum = place
        raw = self.data[at : at + names_len + count * _ROW.size]
        return raw if blake3(raw).digest(length=16) == checksum else b""

    def rows(self, folder: bytes) -> dict[bytes, Row]:
        raw = self.section(folder)
        if not raw:
            return {}
        _, names_len, _, _ = self.places[folder]
        names = raw[:names_len].split(b"\0")
        return dict(zip(names, _ROW.iter_unpack(raw[names_len:]), strict=False))


class StatCache:
    """Used by several threads at once. Paths are those of the repository, in bytes."""

    def __init__(self, path: Path, top: bytes) -> None:
        self._path = path
        self._top = top
        self._lock = threading.Lock()
        self._stored: _Stored | None = None
        self._sections: dict[bytes, _Section] = {}

    def folder(self, folder: bytes) -> dict[bytes, Row]:
        """Return what is known of the files right in a directory, by their names. Not to be changed."""
        section = self._sections.get(folder)
        if section is None:
            with self._lock:
                section = self._section(folder)
        return section.rows

    def find(self, path: bytes, info: os.stat_result) -> Row | None:
        """Return what was in a file that looked just like this."""
        folder, _, name = path.rpartition(b"/")
        row = self.folder(folder).get(name)
        return row if row is not None and looks_like(row, info) else None

    def put(
        self, path: bytes, info: os.stat_result, digest: bytes, size_bytes: int, *, read_at: int
    ) -> None:
        """Remember what was read after the moment `read_at`, if its stamps will tell of any change."""
        if is_settled(info, read_at):
            self.put_settled(path, info, digest, size_bytes)

    def put_settled(
        self, path: bytes, info: os.stat_result, digest: bytes, size_bytes: int
    ) -> None:
        """As `put`, of what is known to be settled."""
        folder, _, name = path.rpartition(b"/")
        with self._lock:
            section = self._section(folder)
            section.rows[name] = (
                info.st_mtime_ns,
                info.st_ctime_ns,
                info.st_ino,
                info.st_size,
                info.st_mode,
                digest,
                size_bytes,
            )
            section.is_changed = True
            if section.names is not None:
                section.names.add(name)

    def seen_whole(self, folder: bytes, names: Iterable[bytes]) -> None:
        """Say that these are all the files right in a directory: others are forgotten."""
        with self._lock:
            section = self._section(folder)
            section.names = set(names)
            section.is_changed |= not section.names.issuperset(section.rows)

    def save(self) -> None:
        """Write what is new, if anything is. A directory that cannot be written to costs time, not words."""
        with self._lock:
            changed = {folder: one for folder, one in self._sections.items() if one.is_changed}
            if not changed:
                return
            self._stored = stored = _read(self._path)
            data = b"".join(_written(stored, changed, self._top))
            try:
                os.makedirs(self._path.parent, exist_ok=True)
                atomic.write_file(self._path, data, durable=False)
            except OSError:
                return
            for section in changed.values():
                section.is_changed = False

    def _section(self, folder: bytes) -> _Section:
        section = self._sections.get(folder)
        if section is None:
            if self._stored is None:
                self._stored = _read(self._path)
            section = self._sections[folder] = _Section(self._stored.rows(folder))
        return section


def looks_like(row: Row, info: os.stat_result) -> bool:
    """True if a file looks as it did."""
    return (
        row[0] == info.st_mtime_ns
        and row[1] == info.st_ctime_ns
        and row[2] == info.st_ino
        and row[3] == info.st_size
        and row[4] == info.st_mode
    )


def _read(path: Path) -> _Stored:
    """Read the table; what is not exactly one is none."""
    from blake3 import blake3

    try:
        data = path.read_bytes()
    except OSError:
        return _Stored()
    end = len(data) - _END.size
    if not data.startswith(_MAGIC) or end < len(_MAGIC):
        return _Stored()
    length, checksum = _END.unpack_from(data, end)
    if length > end - len(_MAGIC):
        return _Stored()
    at = end - length
    if blake3(memoryview(data)[at:end]).digest() != checksum:
        return _Stored()
    places = {}
    while at < end:
        start, names_len, count, folder_len, check = _PLACE.unpack_from(data, at)
        at += _PLACE.size + folder_len
        places[data[at - folder_len : at]] = (start, names_len, count, check)
    return _Stored(data, places)


def _written(stored: _Stored, changed: dict[bytes, _Section], top: bytes) -> Iterator[bytes]:
    """Yield the new file: what changed, and what was there of directories that are still there."""
    from blake3 import blake3

    yield _MAGIC
    at = len(_MAGIC)
    table = bytearray()
    for folder in sorted(stored.places.keys() | changed.keys()):
        section = changed.get(folder)
        if section is None:
            _, names_len, count, _ = stored.places[folder]
            raw = stored.section(folder) if os.path.isdir(os.path.join(top, folder)) else b""
        else:
            rows = _kept(section, stored.rows(folder), os.path.join(top, folder))
            names = b"\0".join(rows)
            raw = names + b"".join([_ROW.pack(*row) for row in rows.values()])
            names_len, count = len(names), len(rows)
        if not raw:
            continue
        yield raw
        check = blake3(raw).digest(length=16)
        table += _PLACE.pack(at, names_len, count, len(folder), check) + folder
        at += len(raw)
    yield bytes(table)
    yield _END.pack(len(table), blake3(table).digest())


def _kept(section: _Section, others: dict[bytes, Row], place: bytes) -> dict[bytes, Row]:
    """Return the rows of files that are there; what another process has learnt may be older than ours."""
    rows = {**others, **section.rows}
    names = section.names
    if names is None:
        try:
            names = set(os.listdir(place))
        except OSError:
            names = set()
    return rows if names.issuperset(rows) else {n: row for n, row in rows.items() if n in names}
