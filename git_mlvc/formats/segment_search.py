"""Many ids looked up in a segment at once: a few C calls for each id, and nothing is kept.

Sorted queries go through fan-out and ids in order. One byte of every id in a bucket, the fifth, shows
nearly always that an id is not there (those before it chose the bucket); the rest is compared in full.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from operator import add, le

from git_mlvc.formats.chunk_codec import MAX_RAW_LEN, Codec
from git_mlvc.formats.pack import MAX_OFFSET, Kind
from git_mlvc.formats.segment import ID_SIZE, ROW, Location, SegmentView

GROUP = 2048  # ids: measured; larger groups are slower
_TAG = 4  # which byte of an id is looked at first


class Queries:
    """Ids to look up, sorted, each once, with the columns that every segment's search needs."""

    def __init__(self, digests: Iterable[bytes]) -> None:
        self._take(sorted(set(digests)))

    def _take(self, ids: list[bytes]) -> None:
        self.ids = ids
        joined = b"".join(ids)
        if len(joined) != ID_SIZE * len(ids):
            raise ValueError(f"an id has {ID_SIZE} bytes")
        self.prefixes = array("I", memoryview(joined).cast("I")[:: ID_SIZE // 4].tobytes())
        if sys.byteorder == "little":
            self.prefixes.byteswap()
        self.tags = joined[_TAG::ID_SIZE]

    def __len__(self) -> int:
        return len(self.ids)

    def without(self, found: Container[bytes]) -> Queries:
        """Return those that are not in `found`."""
        rest = Queries(())
        rest._take([digest for digest in self.ids if digest not in found])
        return rest


def in_groups(digests: Iterable[bytes]) -> Iterator[Queries]:
    """Yield all as groups of neighbours, small enough to stay in a processor's cache."""
    ids = sorted(set(digests))
    for at in range(0, len(ids), GROUP):
        group = Queries(())
        group._take(ids[at : at + GROUP])
        yield group


def positions(view: SegmentView, queries: Queries) -> list[tuple[bytes, int]]:
    """Return (id, first row that has it) for the ids that are there, ascending. Raises FormatError."""
    buffer, layout = view.buffer, view.layout
    shift = 32 - layout.fan_bits
    ids_at = layout.ids_at
    tags_at = ids_at + _TAG
    found = []
    with _fan_out(view) as fan:
        likely = [
            (digest, fan[bucket], tags.index(tag))
            for digest, prefix, tag in zip(queries.ids, queries.prefixes, queries.tags, strict=True)
            if tag
            in (
                tags := buffer[
                    tags_at + fan[bucket := prefix >> shift] * ID_SIZE : ids_at
                    + fan[bucket + 1] * ID_SIZE : ID_SIZE
                ]
            )
        ]
    for digest, low, nth in likely:
        position = low + nth
        at = ids_at + position * ID_SIZE
        if buffer[at : at + ID_SIZE] != digest or position >= layout.row_count:
            position = view.position(digest)  # another id of the bucket has the same fifth byte
        elif nth and buffer[at - ID_SIZE : at] == digest:
            position = view.position(digest)
        if position >= 0:
            found.append((digest, position))
    return found


def find_many(view: SegmentView, queries: Queries) -> dict[bytes, Location]:
    """Return one place of each id that is there. Raises FormatError if a row of one is damaged."""
    buffer, rows_at = view.buffer, view.layout.rows_at
    placed = positions(view, queries)
    rows = list(
        ROW.iter_unpack(
            b"".join(
                [buffer[at : at + ROW.size] for at in [rows_at + p * ROW.size for _, p in placed]]
            )
        )
    )
    if not rows:
        return {}
    names, sizes = view.pack_columns
    if not _are_sound(rows, sizes):
        return {digest: view.location(position) for digest, position in placed}  # raises
    new = tuple.__new__
    return {
        digest: new(Location, (names[place], offset, stored_len, raw_len, kind, codec))
        for (digest, _), (place, kind, codec, offset, stored_len, raw_len) in zip(
            placed, rows, strict=True
        )
    }


def _are_sound(rows: Sequence[tuple[int, ...]], sizes: Sequence[int]) -> bool:
    """True if no row is one that `SegmentView.location` refuses."""
    places, kinds, codecs, offsets, stored, raw = zip(*rows, strict=True)
    return (
        max(places) < len(sizes)
        and max(kinds) <= max(Kind)
        and max(codecs) <= max(Codec)
        and max(offsets) <= MAX_OFFSET
        and 0 < min(stored) <= max(stored) <= MAX_RAW_LEN
        and 0 < min(raw) <= max(raw) <= MAX_RAW_LEN
        and all(map(le, map(add, offsets, stored), map(sizes.__getitem__, places)))
        and (stored == raw or all(row[2] or row[4] == row[5] for row in rows))
    )


@contextmanager
def _fan_out(view: SegmentView) -> Iterator[Sequence[int]]:
    """Hand out the fan-out as numbers, where it lies; a mapped file may be closed afterwards."""
    layout = view.layout
    if sys.byteorder == "big":
        copied = array("I", view.buffer[layout.fan_at : layout.packs_at])
        copied.byteswap()
        yield copied
        return
    with (
        memoryview(view.buffer) as whole,
        whole[layout.fan_at : layout.packs_at] as part,
        part.cast("I") as fan,
    ):
        yield fan
