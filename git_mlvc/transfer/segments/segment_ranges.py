"""Look-ups in a segment that is too large to fetch: which of its bytes to ask for. Pure.

Ids are hashes, so where one stands in the sorted column can be told to within a few hundred rows: by the
marks of the segment's summary, and between two marks by proportion. One range of about 10 KiB shows it; then
its row and its pack's entry are read. Bytes read so are not verified: what they say is believed when the
record itself was read and verified, and that an id is not among them is no proof of anything.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from git_mlvc.errors import FormatError
from git_mlvc.formats import pack
from git_mlvc.formats.segment import ID_SIZE, PACK_ROW, ROW, Location
from git_mlvc.transfer.remote_layout import Summary

SIGMAS = 5  # of a binomial distribution: one window in a million is too narrow
SPARE_ROWS = 8
JOIN_BYTES = 1 << 16  # between two wanted ranges: cheaper to read than to ask twice
MAX_SPAN_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Window:
    """The rows among which an id stands if it is there at all."""

    digest: bytes
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Span:
    """One request: a range of a segment's bytes."""

    start: int
    length: int


def window_of(summary: Summary, digest: bytes) -> Window:
    """Return where to look for `digest`; the rows of its whole slice if the slice is short."""
    slices = len(summary.marks) - 1
    bits = slices.bit_length() - 1
    number = int.from_bytes(digest[:8], "big")
    slice_at = number >> (64 - bits)
    low, high = summary.marks[slice_at], summary.marks[slice_at + 1]
    share = (number & ((1 << (64 - bits)) - 1)) / (1 << (64 - bits))
    rows = high - low
    expected = low + rows * share
    reach = SIGMAS * math.sqrt(rows * share * (1 - share)) + SPARE_ROWS
    return Window(
        digest, max(low, math.floor(expected - reach)), min(high, math.ceil(expected + reach))
    )


def whole_slice(summary: Summary, digest: bytes) -> Window:
    """Return all rows between the two marks around `digest`."""
    slices = len(summary.marks) - 1
    at = int.from_bytes(digest[:8], "big") >> (65 - slices.bit_length())
    return Window(digest, summary.marks[at], summary.marks[at + 1])


def ids_span(summary: Summary, window: Window) -> Span:
    return Span(*summary.layout.bucket_range(window.low, window.high))


def positions_in(summary: Summary, window: Window, ids: bytes) -> list[int] | None:
    """Return the rows of the window's id, none if it is not there, None if the window was too narrow.

    Raises FormatError if `ids` are not the sorted ids of that many rows.
    """
    count = window.high - window.low
    if len(ids) != count * ID_SIZE:
        raise FormatError("damaged segment", why="it is shorter than the remote's index says")
    column = [ids[at : at + ID_SIZE] for at in range(0, len(ids), ID_SIZE)]
    if sorted(column) != column:
        raise FormatError("damaged segment", why="its rows are not sorted")
    around = whole_slice(summary, window.digest)
    if (window.low > around.low and column[:1] >= [window.digest]) or (
        window.high < around.high and column[-1:] <= [window.digest]
    ):
        return None
    return [window.low + at for at, digest in enumerate(column) if digest == window.digest]


def row_span(summary: Summary, position: int) -> Span:
    return Span(*summary.layout.row_range(position))


def pack_of_row(summary: Summary, row: bytes) -> tuple[int, Span]:
    """Return the place of a row's pack and where its entry stands. Raises FormatError."""
    if len(row) != ROW.size:
        raise FormatError("damaged segment", why="it is cut short")
    place = ROW.unpack(row)[0]
    if place >= summary.layout.pack_count:
        raise FormatError("damaged segment", why=f"a row names pack {place}")
    start, _ = summary.layout.packs_range
    return place, Span(start + place * PACK_ROW.size, PACK_ROW.size)


def location(row: bytes, entry: bytes) -> tuple[Location, int]:
    """Return where a record is said to be, and its pack's size. Raises FormatError."""
    if len(entry) != PACK_ROW.size:
        raise FormatError("damaged segment", why="it is cut short")
    name, size_bytes = PACK_ROW.unpack(entry)
    _, kind, codec, offset, stored_len, raw_len = ROW.unpack(row)
    pack.check_record(kind, codec, offset, stored_len, raw_len)
    if offset + stored_len > size_bytes:
        raise FormatError("damaged segment", why="a row points behind the end of its pack")
    return Location(name, offset, stored_len, raw_len, kind, codec), size_bytes


def joined(spans: Iterable[Span]) -> Iterator[tuple[Span, list[Span]]]:
    """Yield the requests that bring `spans`, each with those that lie in it: near ones share one."""
    group: list[Span] = []
    start = end = 0
    for span in sorted(set(spans), key=lambda span: (span.start, span.length)):
        new_end = max(end, span.start + span.length)
        if group and (span.start - end > JOIN_BYTES or new_end - start > MAX_SPAN_BYTES):
            yield Span(start, end - start), group
            group = []
        if not group:
            start, new_end = span.start, span.start + span.length
        group.append(span)
        end = new_end
    if group:
        yield Span(start, end - start), group
