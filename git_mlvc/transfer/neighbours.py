"""What lies beside a record on a remote: the tables of the packs in which look-ups have ended.

What was pushed together lies together. So when a recipe was found, the end of its pack tells most often where
all its chunks are, for one request.
"""

from __future__ import annotations

from collections.abc import Mapping

from git_mlvc.backend.base import Backend, NotFound
from git_mlvc.errors import FormatError, MlvcError
from git_mlvc.formats import pack as pack_format
from git_mlvc.formats.pack import FOOTER_SIZE, iter_rows
from git_mlvc.formats.segment import Location
from git_mlvc.transfer import remote_layout
from git_mlvc.transfer.queue import Lanes, Pool

TAIL_BYTES = 128 << 10  # the tables of most packs of 64 MiB: 2600 records
MAX_ROWS = 1 << 18  # kept; some 60 MB


class Neighbours:
    """Places of records by id, out of packs' own tables. Not verified: readers verify the records."""

    def __init__(
        self, backend: Backend, pack_sizes: Mapping[bytes, int], lanes: Lanes | None = None
    ) -> None:
        self._backend = backend
        self._lanes = lanes or Lanes()
        self._pack_sizes = pack_sizes
        self._places: dict[bytes, Location] = {}
        self._read: set[bytes] = set()
        self._due: dict[bytes, None] = {}

    def forget(self) -> None:
        self._places.clear()
        self._read.clear()
        self._due.clear()

    def forget_pack(self, pack: bytes) -> None:
        self._due.pop(pack, None)
        self._places = {d: at for d, at in self._places.items() if at.pack != pack}

    def met(self, places: Mapping[bytes, Location]) -> None:
        """Note where something was found: so it is not asked for again, and its pack's table may be worth
        reading.
        """
        self._make_room(len(places))
        self._places.update(places)
        for pack in dict.fromkeys(place.pack for place in places.values()):
            if pack not in self._read:
                self._due.pop(pack, None)
                self._due[pack] = None

    def get(self, digest: bytes) -> Location | None:
        return self._places.get(digest)

    def read_on(self, most: int) -> tuple[set[bytes], set[bytes]]:
        """Read the tables of up to `most` packs, those met last first.

        Return the packs that stand there whole, and those that do not. Raises RemoteError.
        """
        packs = [self._due.popitem()[0] for _ in range(min(most, len(self._due)))]
        self._read.update(packs)
        pool: Pool[bytes, list[pack_format.Record]] = Pool(
            self._table_of, cost=lambda pack: TAIL_BYTES, lanes=self._lanes
        )
        whole: set[bytes] = set()
        broken: set[bytes] = set()
        for pack, outcome in pool.run(packs):
            if isinstance(outcome, NotFound | FormatError):
                broken.add(pack)
            elif isinstance(outcome, MlvcError):
                raise outcome
            else:
                whole.add(pack)
                self._make_room(len(outcome))
                for r in outcome:
                    self._places[r.id] = Location(
                        pack, r.offset, r.stored_len, r.raw_len, r.kind, r.codec
                    )
        return whole, broken

    def _make_room(self, rows: int) -> None:
        if len(self._places) + rows > MAX_ROWS:
            self._places.clear()
            self._read.clear()

    def _table_of(self, pack: bytes) -> list[pack_format.Record]:
        """Raises FormatError, RemoteError."""
        key, size_bytes = remote_layout.pack_key(pack), self._pack_sizes[pack]
        tail_at = max(0, size_bytes - TAIL_BYTES)
        tail = self._backend.get_range(key, tail_at, size_bytes - tail_at + 1)
        if len(tail) != size_bytes - tail_at:
            raise FormatError("a pack has another size than its segment says")
        footer = pack_format.decode_footer(tail[-FOOTER_SIZE:], size_bytes)
        start = footer.table_offset - tail_at
        if start < 0:
            tail = self._backend.get_range(key, footer.table_offset, -start) + tail
            start = 0
        table = tail[start : start + footer.table_size]
        pack_format.check_table(table, footer)
        pack_format.decode_table(table, table_offset=footer.table_offset)
        return list(iter_rows(table))
