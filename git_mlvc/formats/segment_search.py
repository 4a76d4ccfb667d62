"""Many ids looked up in a segment at once: a few C calls for each id, and nothing is kept.

Sorted queries go through fan-out and ids in order. One byte of every id in a bucket, the fifth, shows
nearly always that an id is not there (those before it chose the bucket); the rest is compared in full.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager

from git_mlvc.errors import FormatError
from git_mlvc.formats.chunk_codec import MAX_RAW_LEN, Codec
from git_mlvc.formats.pack import MAX_OFFSET, Kind
from git_mlvc.formats.segment import ID_SIZE, ROW, Location, SegmentView

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


def positions(view: SegmentView, queries: Queries) -> list[tuple[bytes, int]]:
    """Return (id, first row that has it) for the ids that are there, ascending. Raises FormatError."""
    buffer, layout = view.buffer, view.layout
    shift = 32 - layout.fan_bits
    ids_at = layout.ids_at
    tags_at = ids_at + _TAG
    found = []
    with _fan_out(view) as fan:
        likely = [
            (digest, bucket)
            for digest, prefix, tag in zip(queries.ids, queries.prefixes, queries.tags, strict=True)
            if tag
            in buffer[
                tags_at + fan[bucket := prefix >> shift] * ID_SIZE : ids_at
                + fan[bucket + 1] * ID_SIZE : ID_SIZE
            ]
        ]
        for digest, bucket in likely:
            low, high = fan[bucket], fan[bucket + 1]
            if high > layout.row_count:
                raise FormatError("damaged segment", why="its fan-out points outside")
            at = buffer[ids_at + low * ID_SIZE : ids_at + high * ID_SIZE].find(digest)
            if at >= 0:
                # At no multiple it is the end of one id and the start of the next.
                position = view.position(digest) if at % ID_SIZE else low + at // ID_SIZE
                if position >= 0:
                    found.append((digest, position))
    return found


def find_many(view: SegmentView, queries: Queries) -> dict[bytes, Location]:
    """Return one place of each id that is there. Raises FormatError if a row of one is damaged."""
    buffer, rows_at, packs = view.buffer, view.layout.rows_at, view.packs
    unpack, make = ROW.unpack_from, Location._make
    last_kind, last_codec = int(max(Kind)), int(max(Codec))
    found = {}
    for digest, position in positions(view, queries):
        place, kind, codec, offset, stored_len, raw_len = unpack(
            buffer, rows_at + position * ROW.size
        )
        if (
            place < len(packs)
            and kind <= last_kind
            and codec <= last_codec
            and 0 < stored_len <= MAX_RAW_LEN
            and 0 < raw_len <= MAX_RAW_LEN
            and (codec or stored_len == raw_len)
            and offset <= MAX_OFFSET
            and offset + stored_len <= packs[place][1]
        ):
            pack = packs[place][0]
            found[digest] = make((pack, offset, stored_len, raw_len, kind, codec))
        else:
            found[digest] = view.location(position)  # says what is wrong with it
    return found


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
