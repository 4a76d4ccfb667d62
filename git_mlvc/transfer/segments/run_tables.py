"""The run table of a segment that is too large to fetch: which of its bytes to ask for. Pure.

Keys are hashes and the table is sorted, so where the runs of one key stand can be told as for ids (`segment_ranges.py`).
As there, what is read so is a claim, and what is not among it may be there all the same.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from itertools import pairwise
from struct import iter_unpack

from git_mlvc.errors import FormatError
from git_mlvc.formats.segment import RUN_ROW, SegmentLayout
from git_mlvc.transfer.segments.segment_ranges import MAX_SPAN_BYTES, SIGMAS, Span

FEW_ROWS = 1 << 12  # read as a whole: 256 KiB
SPARE_ROWS = 64  # one key may have many runs, and all stand together
Run = tuple[bytes, bytes]


def spans(layout: SegmentLayout, keys: Collection[bytes] | None) -> list[Span]:
    """Return where the runs of `keys` stand, very likely; the whole table for None, or where it is short."""
    count = layout.run_count
    windows = None if keys is None else [_window(count, key) for key in keys]
    if windows is None or count <= FEW_ROWS or sum(map(len, windows)) >= count:
        step = MAX_SPAN_BYTES // RUN_ROW.size
        windows = [range(at, min(at + step, count)) for at in range(0, count, step)]
    return [_span(layout, window) for window in windows]


def runs_in(read: Mapping[Span, bytes]) -> set[Run]:
    """Return the runs in those ranges. Raises FormatError if they are none."""
    return {run for span, data in read.items() for run in _rows(span, data)}


def are_shown(layout: SegmentLayout, read: Mapping[Span, bytes], keys: Collection[bytes]) -> bool:
    """True if no run of `keys` can stand outside of the ranges. Raises FormatError."""
    columns = [
        ([key for key, _ in _rows(span, data)], *_ends(layout, span)) for span, data in read.items()
    ]
    return all(any(_encloses(column, key) for column in columns) for key in keys)


def _window(count: int, key: bytes) -> range:
    share = int.from_bytes(key[:8], "big") / (1 << 64)
    reach = SIGMAS * math.sqrt(count * share * (1 - share)) + SPARE_ROWS
    expected = count * share
    return range(max(0, math.floor(expected - reach)), min(count, math.ceil(expected + reach)))


def _span(layout: SegmentLayout, window: range) -> Span:
    return Span(layout.runs_at + window.start * RUN_ROW.size, len(window) * RUN_ROW.size)


def _rows(span: Span, data: bytes) -> Iterator[Run]:
    if len(data) != span.length:
        raise FormatError("damaged segment", why="it is shorter than the remote's index says")
    rows = list(iter_unpack(RUN_ROW.format, data))
    if any(one >= other for one, other in pairwise(rows)):
        raise FormatError("damaged segment", why="its runs are not sorted")
    return iter(rows)


def _ends(layout: SegmentLayout, span: Span) -> tuple[bool, bool]:
    """Whether the range begins and ends where the table does."""
    end = layout.runs_at + layout.run_count * RUN_ROW.size
    return span.start == layout.runs_at, span.start + span.length == end


def _encloses(column: tuple[list[bytes], bool, bool], key: bytes) -> bool:
    keys, is_first, is_last = column
    return (is_first or keys[:1] < [key]) and (is_last or [key] < keys[-1:])
