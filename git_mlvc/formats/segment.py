"""Segments: one sorted, immutable table of where chunks are, over one or more packs.

Layout: docs/formats/segment.md. A segment is used where it lies: opening looks at the header alone,
and a look-up reads one fan-out entry, searches one small bucket of the id column and reads one row.
So it may be a mapped file of any size, or be fetched by byte ranges (`SegmentLayout`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, islice
from operator import eq
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

from git_mlvc.errors import FormatError
from git_mlvc.formats import pack
from git_mlvc.values import value_class

if TYPE_CHECKING:
    import mmap

MAGIC = b"MLVCSEGM"
VERSION = 1
_HEADER = struct.Struct("<8sB3xIII")  # magic, version, packs, rows, runs
_CRC = struct.Struct("<I")
LAYOUT_SIZE = _HEADER.size + _CRC.size
CHECKSUM_SIZE = 32
ID_SIZE = 32
PACK_ROW = struct.Struct("<32sQ")  # id, size in bytes
ROW = struct.Struct("<IBBQII")  # pack's place, kind, codec, offset, stored length, raw length
RUN_ROW = struct.Struct("<32s32s")  # stage key, id of the run's record
BUCKET = 16  # ids per fan-out entry, about: half a KiB is what one search looks through
_PAIR = struct.Struct("<II")
_PREFIX = struct.Struct(">I")


class Location(NamedTuple):
    """Where one thing lies: in which pack, and its record there."""

    pack: bytes
    offset: int
    stored_len: int
    raw_len: int
    kind: int
    codec: int


class PackEntry(NamedTuple):
    """A pack that a segment speaks of."""

    id: bytes
    size_bytes: int


@value_class
class PackTable:
    """A pack and the rows (pack.ROW) of its own table."""

    id: bytes
    size_bytes: int
    rows: bytes


@value_class
class SegmentLayout:
    """Which bytes of a segment hold what. Ranges are (start, length)."""

    pack_count: int
    row_count: int
    run_count: int

    @property
    def fan_bits(self) -> int:
        """How many leading bits of an id choose its bucket."""
        return max(0, (self.row_count - 1) // BUCKET).bit_length() if self.row_count else 0

    @property
    def fan_at(self) -> int:
        return LAYOUT_SIZE

    @property
    def packs_at(self) -> int:
        return self.fan_at + 4 * ((1 << self.fan_bits) + 1)

    @property
    def ids_at(self) -> int:
        return self.packs_at + self.pack_count * PACK_ROW.size

    @property
    def rows_at(self) -> int:
        return self.ids_at + self.row_count * ID_SIZE

    @property
    def runs_at(self) -> int:
        return self.rows_at + self.row_count * ROW.size

    @property
    def checksum_at(self) -> int:
        return self.runs_at + self.run_count * RUN_ROW.size

    @property
    def size_bytes(self) -> int:
        return self.checksum_at + CHECKSUM_SIZE

    def bucket_of(self, digest: bytes) -> int:
        return int(_PREFIX.unpack_from(digest)[0]) >> (32 - self.fan_bits)

    def fan_range(self, digest: bytes) -> tuple[int, int]:
        """Eight bytes: the bucket's first and last-plus-one row, as two little-endian numbers."""
        return self.fan_at + 4 * self.bucket_of(digest), _PAIR.size

    def bucket_range(self, low: int, high: int) -> tuple[int, int]:
        """The ids of rows `low` to `high`."""
        return self.ids_at + low * ID_SIZE, (high - low) * ID_SIZE

    def row_range(self, position: int) -> tuple[int, int]:
        return self.rows_at + position * ROW.size, ROW.size

    @property
    def packs_range(self) -> tuple[int, int]:
        return self.packs_at, self.pack_count * PACK_ROW.size

    @property
    def runs_range(self) -> tuple[int, int]:
        return self.runs_at, self.run_count * RUN_ROW.size


def decode_layout(head: bytes, total_size: int) -> SegmentLayout:
    """Read the first LAYOUT_SIZE bytes of a segment of `total_size` bytes. Raises FormatError."""
    if len(head) < LAYOUT_SIZE:
        raise _broken("it is cut short")
    magic, version, pack_count, row_count, run_count = _HEADER.unpack_from(head)
    if magic != MAGIC:
        raise _broken("it does not begin like one")
    if version != VERSION:
        raise FormatError(
            "cannot read a segment",
            why=f"its version is {version}, this git-mlvc reads version {VERSION}",
            hint="it was written by a newer git-mlvc: upgrade git-mlvc",
        )
    layout = SegmentLayout(pack_count, row_count, run_count)
    if encode_layout(layout) != bytes(head[:LAYOUT_SIZE]):
        raise _broken("its header's checksum does not match")
    if layout.size_bytes != total_size:
        raise _broken(f"it has {total_size} bytes and should have {layout.size_bytes}")
    return layout


def encode(tables: Iterable[PackTable], runs: Iterable[tuple[bytes, bytes]] = ()) -> bytes:
    """Return the segment over `tables`, and over `runs`: (stage key, id of the run's record).

    An id that several packs hold has a row for each. The segment's name is the BLAKE3 of the result.
    """
    from blake3 import blake3

    chosen = {table.id: table for table in tables}
    keys: list[bytes] = []
    names = sorted(chosen)
    for place, name in enumerate(names):
        mark, rows = place.to_bytes(4, "little"), chosen[name].rows
        # One bytes object for each row, id first: sorting and joining then run in C.
        keys += [
            rows[at : at + ID_SIZE] + mark + rows[at + ID_SIZE : at + pack.ROW_SIZE]
            for at in range(0, len(rows), pack.ROW_SIZE)
        ]
    keys.sort()
    if any(map(eq, keys, islice(keys, 1, None))):
        keys = sorted(set(keys))
    run_rows = sorted(set(runs))
    layout = SegmentLayout(len(names), len(keys), len(run_rows))
    hasher = blake3()
    parts = [
        encode_layout(layout),
        _fan_out(layout, keys),
        b"".join([PACK_ROW.pack(name, chosen[name].size_bytes) for name in names]),
        b"".join([key[:ID_SIZE] for key in keys]),
        b"".join([key[ID_SIZE:] for key in keys]),
        b"".join([RUN_ROW.pack(key, run) for key, run in run_rows]),
    ]
    keys.clear()
    for part in parts:
        hasher.update(part)
    return b"".join([*parts, hasher.digest()])


class SegmentView:
    """A segment, read where it lies: `buffer` is bytes or a mapped file."""

    def __init__(self, buffer: bytes | mmap.mmap) -> None:
        """Look at header and length only; `verify` looks at the rest. Raises FormatError."""
        self.buffer = buffer
        self.layout = layout = decode_layout(buffer[:LAYOUT_SIZE], len(buffer))
        # A look-up is a handful of C calls; attribute chains and properties would cost more than they.
        self._shift = 32 - layout.fan_bits
        self._fan_at = layout.fan_at
        self._ids_at = layout.ids_at
        self._rows_at = layout.rows_at
        self._row_count = layout.row_count
        self._packs: tuple[PackEntry, ...] | None = None
        self._columns: tuple[tuple[bytes, ...], tuple[int, ...]] | None = None

    def __len__(self) -> int:
        return self._row_count

    @property
    def packs(self) -> tuple[PackEntry, ...]:
        if self._packs is None:
            start, length = self.layout.packs_range
            rows = PACK_ROW.iter_unpack(self.buffer[start : start + length])
            self._packs = tuple(map(PackEntry._make, rows))
        return self._packs

    @property
    def pack_columns(self) -> tuple[tuple[bytes, ...], tuple[int, ...]]:
        """The packs' ids and their sizes, for reading many rows."""
        if self._columns is None:
            self._columns = tuple(p[0] for p in self.packs), tuple(p[1] for p in self.packs)
        return self._columns

    def position(self, digest: bytes, start: int = 0) -> int:
        """Return the first row from `start` on that has this id, or -1. Raises FormatError."""
        bucket = _PREFIX.unpack_from(digest)[0] >> self._shift
        low, high = _PAIR.unpack_from(self.buffer, self._fan_at + 4 * bucket)
        if high > self._row_count:
            raise _broken("its fan-out points outside")
        ids_at = self._ids_at
        ids = self.buffer[ids_at + max(low, start) * ID_SIZE : ids_at + high * ID_SIZE]
        at = ids.find(digest)
        while at >= 0:
            place, rest = divmod(at, ID_SIZE)
            if not rest:
                return int(max(low, start) + place)
            at = ids.find(digest, at + 1)  # the end of one id and the start of the next
        return -1

    def __contains__(self, digest: bytes) -> bool:
        return self.position(digest) >= 0

    def find(self, digest: bytes) -> Location | None:
        """Return one place where `digest` is. Raises FormatError if the row is damaged."""
        position = self.position(digest)
        return None if position < 0 else self.location(position)

    def find_all(self, digest: bytes) -> list[Location]:
        """Return every place where `digest` is: one for each pack that holds it."""
        found = []
        position = self.position(digest)
        while position >= 0:
            found.append(self.location(position))
            position = self.position(digest, position + 1)
        return found

    def location(self, position: int) -> Location:
        """Return the row at `position`. Raises FormatError if it is damaged."""
        place, kind, codec, offset, stored_len, raw_len = ROW.unpack_from(
            self.buffer, self._rows_at + position * ROW.size
        )
        packs = self.packs
        if place >= len(packs):
            raise _broken(f"row {position} names pack {place} of {len(packs)}")
        entry = packs[place]
        pack.check_record(kind, codec, offset, stored_len, raw_len)
        if offset + stored_len > entry.size_bytes:
            raise _broken(f"row {position} points behind the end of its pack")
        return Location(entry.id, offset, stored_len, raw_len, kind, codec)

    def ids(self) -> Iterator[bytes]:
        """Every row's id, ascending; an id that is in several packs comes several times."""
        start, length = self.layout.bucket_range(0, self._row_count)
        for block in _blocks(start, length, ID_SIZE):
            for (digest,) in struct.iter_unpack("32s", self.buffer[block]):
                yield digest

    def rows(self) -> Iterator[tuple[bytes, Location]]:
        """Every row, by id. Raises FormatError at a damaged one."""
        return ((digest, self.location(at)) for at, digest in enumerate(self.ids()))

    def tables(self) -> Iterator[PackTable]:
        """What the segment knows, pack by pack, rows in the order of the pack. Raises FormatError."""
        rows: list[list[bytes]] = [[] for _ in self.packs]
        start = self._rows_at
        blocks = _blocks(start, self._row_count * ROW.size, ROW.size)
        ids = self.ids()
        for block in blocks:
            data = self.buffer[block]
            for at in range(0, len(data), ROW.size):
                place = int.from_bytes(data[at : at + 4], "little")
                if place >= len(rows):
                    raise _broken(f"a row names pack {place} of {len(rows)}")
                rows[place].append(next(ids) + data[at + 4 : at + ROW.size])
        for entry, own in zip(self.packs, rows, strict=True):
            own.sort(key=_offset)
            yield PackTable(entry.id, entry.size_bytes, b"".join(own))
            own.clear()

    def runs(self) -> Iterator[tuple[bytes, bytes]]:
        """Every (stage key, id of a run's record), sorted."""
        start, length = self.layout.runs_range
        return RUN_ROW.iter_unpack(self.buffer[start : start + length])

    def runs_of(self, key: bytes) -> list[bytes]:
        """Return the ids of the records of the runs with this stage key, by bisection."""
        buffer, start, size = self.buffer, self.layout.runs_at, RUN_ROW.size
        low, high = 0, self.layout.run_count
        while low < high:
            middle = (low + high) // 2
            at = start + middle * size
            if buffer[at : at + ID_SIZE] < key:
                low = middle + 1
            else:
                high = middle
        found = []
        while low < self.layout.run_count:
            one, run = RUN_ROW.unpack_from(buffer, start + low * size)
            if one != key:
                break
            found.append(run)
            low += 1
        return found

    def verify(self) -> None:
        """Read everything. Raises FormatError unless this is exactly what `encode` writes."""
        from blake3 import blake3

        hasher = blake3()
        layout = self.layout
        for block in _blocks(0, layout.checksum_at, 1):
            hasher.update(self.buffer[block])
        if hasher.digest() != self.buffer[layout.checksum_at :]:
            raise _broken("its checksum does not match")
        names = [entry.id for entry in self.packs]
        if names != sorted(set(names)):
            raise _broken("its packs are not sorted")
        runs = list(self.runs())
        if runs != sorted(set(runs)):
            raise _broken("its runs are not sorted")
        self._verify_rows()

    def _verify_rows(self) -> None:
        counts = [0] * ((1 << self.layout.fan_bits) + 1)
        before = (b"", b"")
        for at, digest in enumerate(self.ids()):
            start, length = self.layout.row_range(at)
            now = (digest, self.buffer[start : start + length])
            if now <= before:
                raise _broken("its rows are not sorted")
            before = now
            counts[self.layout.bucket_of(digest) + 1] += 1
            self.location(at)
        fan = struct.pack(f"<{len(counts)}I", *accumulate(counts))
        if fan != self.buffer[self._fan_at : self._fan_at + len(fan)]:
            raise _broken("its fan-out does not match")


def encode_layout(layout: SegmentLayout) -> bytes:
    """Return the first LAYOUT_SIZE bytes of a segment."""
    head = _HEADER.pack(MAGIC, VERSION, layout.pack_count, layout.row_count, layout.run_count)
    return head + _CRC.pack(crc32(head))


def _fan_out(layout: SegmentLayout, keys: Sequence[bytes]) -> bytes:
    shift = 32 - layout.fan_bits
    counts = [0] * ((1 << layout.fan_bits) + 1)
    for key in keys:
        counts[(int.from_bytes(key[:4], "big") >> shift) + 1] += 1
    return struct.pack(f"<{len(counts)}I", *accumulate(counts))


def _offset(row: bytes) -> bytes:
    return row[41:33:-1]  # little-endian, so the last byte weighs most


def _blocks(start: int, length: int, unit: int) -> Iterator[slice]:
    """Cut a range into slices of whole units, about 1 MiB each."""
    step = max(1, (1 << 20) // unit) * unit
    for at in range(start, start + length, step):
        yield slice(at, min(at + step, start + length))


def _broken(why: str) -> FormatError:
    return FormatError("damaged segment", why=f"segment version {VERSION}: {why}")
