"""The segments of a remote that are too large to fetch for a few look-ups: asked by ranges.

Which ranges is worked out in `segment_ranges.py`. Nothing read so is verified: see there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from git_mlvc.backend.base import Backend
from git_mlvc.errors import FormatError, MlvcError
from git_mlvc.formats import segment as segment_format
from git_mlvc.formats.segment import LAYOUT_SIZE, Location
from git_mlvc.transfer import remote_layout
from git_mlvc.transfer.queue import Lanes, Pool
from git_mlvc.transfer.remote_layout import Summary
from git_mlvc.transfer.segments import run_tables, segment_ranges
from git_mlvc.transfer.segments.segment_ranges import Span, Window

ASK_BYTES = 16 << 10  # what one look-up in one segment costs, about
_Wanted = Mapping[bytes, Collection[Span]]


class RangedSegments:
    """Look-ups by id. Every request may raise RemoteError; NotFound: a segment has gone since.

    `damaged` is called with a segment whose bytes cannot be true; it is asked no more.
    """

    def __init__(
        self,
        backend: Backend,
        damaged: Callable[[bytes], object],
        lanes: Lanes | None = None,
    ) -> None:
        self._backend = backend
        self._lanes = lanes or Lanes()
        self._damaged = damaged
        self.summaries: dict[bytes, Summary] = {}
        self._named: dict[bytes, bytes] = {}  # by which segment: it still does while it is there
        self._absent: set[bytes] = set()  # what no segment showed when it was asked for

    def __bool__(self) -> bool:
        return bool(self.summaries)

    @property
    def size_bytes(self) -> int:
        return sum(one.layout.size_bytes for one in self.summaries.values())

    def add(self, summary: Summary) -> None:
        self.summaries[summary.id] = summary
        self._absent.clear()

    def add_by_asking(self, segment_id: bytes, size_bytes: int) -> None:
        """Take in a segment of which no summary is known. Raises FormatError, RemoteError."""
        key = remote_layout.segment_key(segment_id)
        layout = segment_format.decode_layout(
            self._backend.get_range(key, 0, LAYOUT_SIZE), size_bytes
        )
        fan_size = layout.packs_at - layout.fan_at
        fan = self._backend.get_range(key, layout.fan_at, fan_size)
        self.add(remote_layout.summarise(segment_id, layout, fan))

    def remove(self, segment_id: bytes) -> None:
        self.summaries.pop(segment_id, None)

    def clear(self) -> None:
        self.summaries.clear()
        self._absent.clear()

    def named(self, digests: Collection[bytes]) -> set[bytes]:
        """Return those that some segment names; what one named a moment ago is not asked for again."""
        found = {digest for digest in digests if self._named.get(digest) in self.summaries}
        for segment_id, here in self._positions(set(digests) - found).items():
            self._named.update(dict.fromkeys(here, segment_id))
            found.update(here)
        return found

    def places(
        self, digests: Collection[bytes], pack_sizes: dict[bytes, int]
    ) -> dict[bytes, list[Location]]:
        """Return every place where each is said to be; note how large the packs are."""
        positions = self._positions(digests)
        row_spans = {
            segment_id: {
                segment_ranges.row_span(self.summaries[segment_id], at)
                for rows in found.values()
                for at in rows
            }
            for segment_id, found in positions.items()
        }
        rows = self._read(row_spans)
        entry_spans: dict[bytes, dict[Span, Span]] = {}
        for (segment_id, span), row in rows.items():
            if segment_id not in self.summaries:
                continue  # set aside a moment ago
            with self._checking(segment_id):
                _, entry = segment_ranges.pack_of_row(self.summaries[segment_id], row)
                entry_spans.setdefault(segment_id, {})[span] = entry
        entries = self._read({one: set(spans.values()) for one, spans in entry_spans.items()})
        found_places: dict[bytes, list[Location]] = {}
        for segment_id, found in positions.items():
            for digest, at_rows in found.items():
                for at in at_rows:
                    if segment_id not in self.summaries:
                        break
                    with self._checking(segment_id):
                        span = segment_ranges.row_span(self.summaries[segment_id], at)
                        its_pack = entries[segment_id, entry_spans[segment_id][span]]
                        place, size = segment_ranges.location(rows[segment_id, span], its_pack)
                        pack_sizes.setdefault(place.pack, size)
                        found_places.setdefault(digest, []).append(place)
        return found_places

    def runs(self, keys: Collection[bytes] | None) -> set[tuple[bytes, bytes]]:
        """Return what the run tables say of `keys`, or of all: (stage key, id of the record)."""
        layouts = {one: of.layout for one, of in self.summaries.items() if of.layout.run_count}
        found: set[tuple[bytes, bytes]] = set()
        narrowed = keys
        while layouts:
            wanted = {one: run_tables.spans(layout, narrowed) for one, layout in layouts.items()}
            read = self._read(wanted)
            for segment_id, layout in list(layouts.items()):
                with self._checking(segment_id):
                    here = {span: read[segment_id, span] for span in wanted[segment_id]}
                    found |= run_tables.runs_in(here)
                    if narrowed is None or run_tables.are_shown(layout, here, narrowed):
                        del layouts[segment_id]
            layouts = {one: layout for one, layout in layouts.items() if one in self.summaries}
            narrowed = None  # once more, where the ranges were too narrow
        return found if keys is None else {run for run in found if run[0] in keys}

    def _positions(self, digests: Collection[bytes]) -> dict[bytes, dict[bytes, list[int]]]:
        """Return, by segment and id, the rows that have it."""
        asked = [digest for digest in digests if digest not in self._absent]
        found: dict[bytes, dict[bytes, list[int]]] = {}
        windows = {
            segment_id: [segment_ranges.window_of(summary, digest) for digest in asked]
            for segment_id, summary in self.summaries.items()
        }
        for _ in range(2):
            narrow: dict[bytes, list[Window]] = {}
            wanted = {
                segment_id: {segment_ranges.ids_span(self.summaries[segment_id], w) for w in many}
                for segment_id, many in windows.items()
            }
            read = self._read(wanted)
            for segment_id, many in windows.items():
                with self._checking(segment_id):
                    summary = self.summaries[segment_id]
                    for window in many:
                        ids = read[segment_id, segment_ranges.ids_span(summary, window)]
                        rows = segment_ranges.positions_in(summary, window, ids)
                        if rows is None:
                            again = segment_ranges.whole_slice(summary, window.digest)
                            narrow.setdefault(segment_id, []).append(again)
                        elif rows:
                            found.setdefault(segment_id, {})[window.digest] = rows
            windows = {one: many for one, many in narrow.items() if one in self.summaries}
            if not windows:
                break
        shown = set().union(*found.values(), set())
        self._absent.update(digest for digest in asked if digest not in shown)
        return {
            segment_id: rows for segment_id, rows in found.items() if segment_id in self.summaries
        }

    def _read(self, wanted: _Wanted) -> dict[tuple[bytes, Span], bytes]:
        """Read ranges of segments, several at once, near ones together."""
        jobs = [
            (segment_id, request, members)
            for segment_id, spans in wanted.items()
            for request, members in segment_ranges.joined(span for span in spans if span.length)
        ]
        out = {
            (segment_id, span): b""
            for segment_id, spans in wanted.items()
            for span in spans
            if not span.length
        }
        pool: Pool[tuple[bytes, Span, list[Span]], bytes] = Pool(
            lambda job: self._backend.get_range(
                remote_layout.segment_key(job[0]), job[1].start, job[1].length
            ),
            cost=lambda job: job[1].length,
            lanes=self._lanes,
        )
        for (segment_id, request, members), outcome in pool.run(jobs):
            if isinstance(outcome, MlvcError):
                raise outcome
            for span in members:
                start = span.start - request.start
                out[segment_id, span] = outcome[start : start + span.length]
        return out

    def _checking(self, segment_id: bytes) -> _Checking:
        return _Checking(self, segment_id)

    def set_aside(self, segment_id: bytes) -> None:
        self.remove(segment_id)
        self._damaged(segment_id)


class _Checking:
    """Sets a segment aside whose bytes turn out to be damaged, and goes on."""

    def __init__(self, segments: RangedSegments, segment_id: bytes) -> None:
        self._segments = segments
        self._segment_id = segment_id

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        if kind is not None and issubclass(kind, FormatError):
            self._segments.set_aside(self._segment_id)
            return True
        return False
