"""Segments merged into one, piece by piece: memory does not grow with them.

All are sorted, so a range of ids can be cut out of each, sorted together and written before the next is
looked at. The result is what `segment.encode` makes of the same packs, to the byte.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Container, Iterator, Sequence
from itertools import accumulate, islice
from operator import eq
from struct import iter_unpack

from git_mlvc.errors import FormatError
from git_mlvc.formats import segment
from git_mlvc.formats.segment import ID_SIZE, PACK_ROW, ROW, RUN_ROW, SegmentLayout, SegmentView

BLOCK_ROWS = 1 << 16  # sorted at once: about 20 MB
WriteAt = Callable[[bytes, int], object]
_ROW_REST = f"<I{ROW.size - 4}s"


def write_merged(
    views: Sequence[SegmentView],
    write_at: WriteAt,
    *,
    drop_packs: Container[bytes] = (),
    block_rows: int = BLOCK_ROWS,
) -> SegmentLayout:
    """Write one segment that says what `views` say together, but for its last CHECKSUM_SIZE bytes.

    `write_at(data, offset)` is called for pieces of it, in no particular order. Of a pack that several
    views name the last one's word counts. Raises FormatError where a view is damaged.
    """
    marks, sizes = _chosen_packs(views, drop_packs)
    rows = sum(_kept_rows(view, chosen) for view, chosen in zip(views, marks, strict=True))
    runs = sorted(
        {run for view, chosen in zip(views, marks, strict=True) for run in _runs(view, chosen)}
    )
    layout = SegmentLayout(len(sizes), rows, len(runs))
    counts = array("I", bytes(4 * ((1 << layout.fan_bits) + 1)))
    shift = 32 - layout.fan_bits
    written = 0
    for keys in _blocks(views, marks, block_rows):
        if any(map(eq, keys, islice(keys, 1, None))):
            raise FormatError("damaged segment", why="a row comes twice")
        ids = b"".join([key[:ID_SIZE] for key in keys])
        write_at(ids, layout.ids_at + written * ID_SIZE)
        write_at(b"".join([key[ID_SIZE:] for key in keys]), layout.rows_at + written * ROW.size)
        written += len(keys)
        for prefix in _prefixes(ids):
            counts[(prefix >> shift) + 1] += 1
    if written != rows:
        raise FormatError("damaged segment", why="its rows are not sorted")
    fan = array("I", accumulate(counts))
    if sys.byteorder == "big":
        fan.byteswap()
    write_at(segment.encode_layout(layout) + fan.tobytes(), 0)
    write_at(
        b"".join([PACK_ROW.pack(name, sizes[name]) for name in sorted(sizes)]), layout.packs_at
    )
    write_at(b"".join([RUN_ROW.pack(key, run) for key, run in runs]), layout.runs_at)
    return layout


def _chosen_packs(
    views: Sequence[SegmentView], drop_packs: Container[bytes]
) -> tuple[list[list[bytes | None]], dict[bytes, int]]:
    """Return for each view what its packs' places become (None: its rows are left out), and the packs."""
    owner: dict[bytes, int] = {}
    sizes: dict[bytes, int] = {}
    for number, view in enumerate(views):
        for name, size_bytes in view.packs:
            if name not in drop_packs:
                owner[name] = number
                sizes[name] = size_bytes
    place = {name: at.to_bytes(4, "little") for at, name in enumerate(sorted(sizes))}
    return [
        [place[name] if owner.get(name) == number else None for name, _ in view.packs]
        for number, view in enumerate(views)
    ], sizes


def _kept_rows(view: SegmentView, marks: Sequence[bytes | None]) -> int:
    if None not in marks:
        return len(view)
    kept = 0
    for start in range(0, len(view), BLOCK_ROWS):
        places = Counter(
            place for place, _ in _rows(view, start, min(start + BLOCK_ROWS, len(view)))
        )
        kept += sum(count for place, count in places.items() if _mark(marks, place) is not None)
    return kept


def _runs(view: SegmentView, marks: Sequence[bytes | None]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the runs whose records are in packs that are kept."""
    if None not in marks:
        yield from view.runs()
        return
    kept = {name for (name, _), mark in zip(view.packs, marks, strict=True) if mark is not None}
    for key, run in view.runs():
        if any(location.pack in kept for location in view.find_all(run)):
            yield key, run


def _mark(marks: Sequence[bytes | None], place: int) -> bytes | None:
    if place >= len(marks):
        raise FormatError("damaged segment", why=f"a row names pack {place} of {len(marks)}")
    return marks[place]


def _blocks(
    views: Sequence[SegmentView], marks: Sequence[Sequence[bytes | None]], block_rows: int
) -> Iterator[list[bytes]]:
    """Yield the rows of all, sorted: the id, then the row with its new place. Equal ids stay together."""
    largest = max(views, key=len, default=None)
    if largest is None:
        return
    total = sum(map(len, views))
    step = max(1, block_rows * len(largest) // max(total, 1))
    reached = [0] * len(views)
    for at in range(step, len(largest) + step, step):
        keys: list[bytes] = []
        bound = _Ids(largest)[at] if at < len(largest) else None
        for number, view in enumerate(views):
            start = reached[number]
            end = len(view) if bound is None else bisect_left(_Ids(view), bound, start)
            reached[number] = end
            keys += _keys(view, marks[number], start, end)
        keys.sort()
        if keys:
            yield keys


def _keys(view: SegmentView, marks: Sequence[bytes | None], start: int, end: int) -> list[bytes]:
    pairs = zip(_ids(view, start, end), _rows(view, start, end), strict=True)
    try:
        if None not in marks:
            return [digest + marks[place] + rest for (digest,), (place, rest) in pairs]  # type: ignore[operator]
        return [
            digest + mark + rest
            for (digest,), (place, rest) in pairs
            if (mark := marks[place]) is not None
        ]
    except IndexError:
        raise FormatError("damaged segment", why=f"a row names one of {len(marks)} packs") from None


def _ids(view: SegmentView, start: int, end: int) -> Iterator[tuple[bytes]]:
    first, length = view.layout.bucket_range(start, end)
    return iter_unpack("32s", view.buffer[first : first + length])


def _rows(view: SegmentView, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    first, _ = view.layout.row_range(start)
    return iter_unpack(_ROW_REST, view.buffer[first : first + (end - start) * ROW.size])


def _prefixes(ids: bytes) -> array[int]:
    prefixes = array("I", memoryview(ids).cast("I")[:: ID_SIZE // 4].tobytes())
    if sys.byteorder == "little":
        prefixes.byteswap()
    return prefixes


class _Ids(Sequence[bytes]):
    """The id column, for bisection."""

    def __init__(self, view: SegmentView) -> None:
        self._view = view

    def __len__(self) -> int:
        return len(self._view)

    def __getitem__(self, position):  # type: ignore[no-untyped-def]
        start, length = self._view.layout.bucket_range(position, position + 1)
        return self._view.buffer[start : start + length]
