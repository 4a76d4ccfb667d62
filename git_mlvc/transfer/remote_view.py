"""What a remote has, as its segments say.

Segments are immutable and named by their hash. Small ones are fetched once and kept; in large ones only
ranges are read, until so much is asked that fetching is cheaper. What a segment says is a claim: `confirmed`
checks that the pack stands there, whoever reads verifies the bytes. What cannot be known raises; it is never
False (law 9), and that an id was not among the ranges read is no proof that it is not there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from git_mlvc.backend.base import Backend, NotFound
from git_mlvc.backend.meter import Traffic
from git_mlvc.errors import FormatError, RemoteError
from git_mlvc.formats import store_config
from git_mlvc.formats.segment import Location
from git_mlvc.formats.segment_search import find_many, in_groups
from git_mlvc.transfer import doubts, remote_layout
from git_mlvc.transfer.neighbours import TAIL_BYTES, Neighbours
from git_mlvc.transfer.pack_presence import PackPresence
from git_mlvc.transfer.pack_ranges import PackRanges
from git_mlvc.transfer.plan import Read
from git_mlvc.transfer.queue import Lanes
from git_mlvc.transfer.remote_layout import FORMAT_KEY, INDEX_KEY
from git_mlvc.transfer.segments.ranged_segments import ASK_BYTES
from git_mlvc.transfer.segments.remote_segments import LISTING_ATTEMPTS, RemoteSegments
from git_mlvc.transfer.segments.segment_cache import SegmentCache

CERTAIN_BYTES = 64 << 20  # of segments that are fetched before something is called missing
FIRST_SAMPLE = 8  # ids asked for at first: what was pushed together is found with them
EXPECTED_YIELD = 64  # ids that one of a sample leads to, until it is known better


class RemoteView:
    """One remote, as of the last `refresh`. Use from one thread; `read` from any.

    `cache_dir` may be lost at any time. `name` is for messages. `directory`: where it is, if it is here.
    `pack_sizes` are those of the packs met so far. `lanes`: how many requests at once; `traffic`: what
    its driver's meter belongs to.
    """

    def __init__(
        self,
        backend: Backend,
        cache_dir: Path,
        *,
        name: str = "",
        directory: Path | None = None,
        lanes: Lanes | None = None,
        traffic: Traffic | None = None,
    ) -> None:
        self.backend = backend
        self.directory = directory
        self.name = name or backend.url
        self.lanes = lanes or Lanes()
        self.traffic = traffic or Traffic()
        self._cache = SegmentCache(cache_dir)
        self.segments = RemoteSegments(backend, self._cache, self.name, self.lanes)
        self.pack_sizes = self.segments.pack_sizes
        self._neighbours = Neighbours(backend, self.pack_sizes, self.lanes)
        self.packs = PackRanges(backend, cache_dir)
        self.presence = PackPresence(backend, self.pack_sizes, self.lanes)
        self._is_fresh = False
        self._wrote_format = False
        self._distrusted: set[tuple[bytes | None, bytes]] = set()

    # -- what is there

    def refresh(self, *, from_index: bool = False, for_certain: bool = False) -> None:
        """Learn what the remote has now. Raises RemoteUnavailable, RemoteRefused.

        With `from_index` its own index is believed, without a listing; before anything is called missing
        there will be one. Not for whoever is about to delete: that is `for_certain`, where each pack is looked at
        and no listing counts.
        """
        self.presence.forget(for_certain=for_certain)
        self._neighbours.forget()
        self._distrusted.clear()
        self.packs.forget()
        self.segments.refresh(from_index=from_index)
        self._is_fresh = True

    def recall(self) -> bool:
        """Take the segments kept here from the last time for what the remote has; it is not asked.

        False if nothing is kept, so that nothing is known.
        """
        self._is_fresh = self.segments.recall()
        return self._is_fresh

    def known(self, digest: bytes) -> Location | None:
        """As `known_many`, for one. None: not known to be there."""
        return self.known_many([digest]).get(digest)

    def known_many(self, digests: Collection[bytes]) -> dict[bytes, Location]:
        """Return where records are said to be; what is not known to be there is left out.

        Raises RemoteError when a large remote has to be asked and does not answer.
        """
        self._ensure_fresh()
        for _ in range(LISTING_ATTEMPTS):
            try:
                found = self.offhand(digests)
                lacking = _without(digests, found)
                if lacking and self.segments.ranged:
                    found |= self._asked_for(lacking)
                return found
            except NotFound:  # a segment was merged into another since it was named
                self.segments.refresh(from_index=False)
        raise doubts.unstable(self.name)

    def offhand(self, digests: Collection[bytes]) -> dict[bytes, Location]:
        """As `known_many`, by what is known here: the remote is not asked for any of them."""
        self._ensure_fresh()
        found = {}
        for digest in digests:
            place = self._neighbours.get(digest)
            if place is not None and self._is_trusted(digest, place.pack):
                found[digest] = place
        for queries in in_groups(digest for digest in digests if digest not in found):
            for segment_id, view in list(self.segments.whole.items()):
                try:
                    here = find_many(view, queries)
                    for digest in [d for d, at in here.items() if not self._is_trusted(d, at.pack)]:
                        self._prefer_trusted(here, digest, view.find_all(digest))
                except FormatError:
                    self.segments.set_aside(segment_id)
                    continue
                if here:
                    found |= here
                    queries = queries.without(here)
        return found

    def find(self, digest: bytes) -> Location | None:
        """As `find_many`, for one. None: the remote certainly names it nowhere."""
        return self.find_many([digest]).get(digest)

    def find_many(self, digests: Collection[bytes]) -> dict[bytes, Location]:
        """Return where records are said to be; what is left out is certainly named nowhere.

        Raises RemoteError when that cannot be told.
        """
        found, doubt = self.locate(digests)
        if doubt is not None:
            raise doubt
        return found

    def locate(
        self, digests: Collection[bytes]
    ) -> tuple[dict[bytes, Location], RemoteError | None]:
        """Return where records are said to be, and why it cannot be told of the rest, if it cannot."""
        found = self.known_many(digests)
        lacking = _without(digests, found)
        if lacking and self.segments.list_now():
            found |= self.known_many(lacking)
            lacking = _without(lacking, found)
        if lacking and 0 < self.segments.ranged.size_bytes <= CERTAIN_BYTES:
            self._see_all()
            found |= self.known_many(lacking)
            lacking = _without(lacking, found)
        return found, self._doubt() if lacking else None

    def confirmed(self, digest: bytes) -> Location | None:
        """As `confirmed_many`, for one."""
        return self.confirmed_many([digest]).get(digest)

    def confirmed_many(
        self, digests: Collection[bytes], *, offhand: bool = False
    ) -> dict[bytes, Location]:
        """Return where records are, in packs that stand there now with the right size.

        A pack is asked for once between two refreshes. With `offhand` only what is known here is looked
        at. Raises RemoteError.
        """
        confirmed: dict[bytes, Location] = {}
        rest: Collection[bytes] = digests
        while rest:
            found = self.offhand(rest) if offhand else self.known_many(rest)
            packs = {location.pack for location in found.values()}
            absent = self.presence.absent(packs, on_remote=self.segments.pack_count)
            for pack in absent:
                self.distrust(None, pack)
            confirmed |= {d: at for d, at in found.items() if at.pack not in absent}
            rest = [digest for digest, at in found.items() if at.pack in absent]
        return confirmed

    def named(self, digests: Collection[bytes]) -> set[bytes]:
        """Return those that some segment names, wherever the records are."""
        found = self.offhand(digests)
        lacking = _without(digests, found)
        return {*found, *(self.segments.ranged.named(lacking) if lacking else ())}

    def runs(self, keys: Collection[bytes] | None = None) -> set[tuple[bytes, bytes]]:
        """Return the runs that segments name: (stage key, id of the record), of `keys` or of all.

        None of it is verified, and of a segment that was not listed or not read whole there may be more.
        Raises RemoteError.
        """
        self._ensure_fresh()
        for _ in range(LISTING_ATTEMPTS):
            try:
                return self.segments.runs(keys)
            except NotFound:  # a segment was merged into another since it was named
                self.segments.refresh(from_index=False)
        raise doubts.unstable(self.name)

    def distrust(self, digest: bytes | None, pack: bytes) -> None:
        """Do not find `digest` in `pack` again, nor anything if None: it is gone or damaged there."""
        self._distrusted.add((digest, pack))
        if digest is None:
            self._neighbours.forget_pack(pack)

    @property
    def damaged_packs(self) -> list[bytes]:
        """Those in which wrong bytes were read since the last refresh."""
        return sorted({pack for digest, pack in self._distrusted if digest is not None})

    @property
    def segment_ids(self) -> list[bytes]:
        return sorted(self.segments.ids())

    @property
    def unseen_bytes(self) -> int:
        """Of segments that have not been fetched: what it costs to know all that is there."""
        return self.segments.ranged.size_bytes

    @property
    def has_format(self) -> bool:
        return self.segments.has_format

    @property
    def was_used_before(self) -> bool:
        """True if it was a place for data when we last looked."""
        return self._cache.was_used_before

    # -- reading and writing

    def read(self, read: Read) -> bytes:
        """Return a range of a pack: fewer bytes where the pack ends too early. Raises RemoteError."""
        return self.packs.read(read.pack, read.start, read.length)

    def see_all(self) -> None:
        """Fetch all segments, so that look-ups are exact and ask nobody. Raises RemoteError."""
        self._ensure_fresh()
        self._see_all()

    def add_segment(self, data: bytes) -> None:
        """Take in a segment that was just published, whose packs were just checked."""
        view = self.segments.add(data)
        for entry in view.packs:
            self.presence.note([entry.id])
            self._distrusted.discard((None, entry.id))

    def write_format(self) -> bool:
        """Say what this remote is, before anything else is put there; once, whatever its index said of it.

        True if nothing said so before.
        """
        if self._wrote_format:
            return False
        data = store_config.encode(store_config.StoreConfig())
        is_first = self.backend.put_if_absent(FORMAT_KEY, data)
        self._wrote_format = self.segments.has_format = True
        self._cache.remember_use()
        return is_first

    def write_index(self) -> None:
        """Leave what is known of all segments, for readers of ranges and those that cannot list.

        Where listing is possible it is no more than a hint, and failing to leave it does no harm.
        """
        if not self.segments.keeps_index:
            return
        harmless = (RemoteError,) if self.segments.can_list else ()
        with contextlib.suppress(*harmless):
            index = remote_layout.encode_index(self.segments.summaries())
            self.backend.put(INDEX_KEY, index)

    def close(self) -> None:
        self.packs.forget()
        self.backend.close()

    # -- inside

    def _ensure_fresh(self) -> None:
        if not self._is_fresh:
            self.refresh()

    def _is_trusted(self, digest: bytes, pack: bytes) -> bool:
        return not self._distrusted or (
            (None, pack) not in self._distrusted and (digest, pack) not in self._distrusted
        )

    def _prefer_trusted(
        self, found: dict[bytes, Location], digest: bytes, places: Iterable[Location]
    ) -> None:
        found.pop(digest, None)
        for place in places:
            if self._is_trusted(digest, place.pack):
                found[digest] = place
                return

    def _doubt(self) -> RemoteError | None:
        if self.segments.doubt is None and self.segments.ranged:
            return doubts.only_parts_read(self.name)
        return self.segments.doubt

    def _see_all(self) -> None:
        for _ in range(LISTING_ATTEMPTS):
            try:
                self.segments.make_whole(self.segments.ids())
                return
            except NotFound:
                self.segments.refresh(from_index=False)
        self.segments.make_whole(self.segments.ids())

    def _asked_for(self, digests: Sequence[bytes]) -> dict[bytes, Location]:
        """Ask a large remote: for a sample, then in the packs that this leads to, and so on.

        When samples lead to little, so that asking for all would cost more than the segments themselves,
        these are fetched.
        """
        found: dict[bytes, Location] = {}
        rest = list(digests)
        sample_size, led_to = FIRST_SAMPLE, float(EXPECTED_YIELD)
        while rest:
            if len(rest) > 1:
                self._read_neighbours(1 + len(rest) // EXPECTED_YIELD)
                found |= self.offhand(rest)
                rest = _without(rest, found)
            if not rest:
                break
            asked = len(rest) / led_to
            cost = asked * (len(self.segments.ranged.summaries) * ASK_BYTES + TAIL_BYTES)
            if cost > self.segments.ranged.size_bytes:
                self.segments.make_whole(self.segments.ids())
                return found | self.offhand(rest)
            sample = _spread(rest, sample_size)
            places = self.segments.ranged.places(sample, self.pack_sizes)
            here: dict[bytes, Location] = {}
            for digest, choice in places.items():
                self._prefer_trusted(here, digest, choice)
            self._neighbours.met(here)
            found |= here
            before = len(rest)
            asked_for = set(sample)
            rest = [digest for digest in rest if digest not in asked_for]
            if rest:
                self._read_neighbours(len(sample))
                found |= self.offhand(rest)
                rest = _without(rest, found)
            led_to = max(1.0, (before - len(rest)) / len(sample))
            sample_size *= 2
        return found

    def _read_neighbours(self, most: int) -> None:
        whole, broken = self._neighbours.read_on(most)
        self.presence.note(whole)
        for pack in broken:
            self.distrust(None, pack)


def _without(digests: Collection[bytes], found: Collection[bytes]) -> list[bytes]:
    """Return those not found, in order, each once."""
    return [digest for digest in dict.fromkeys(digests) if digest not in found]


def _spread(digests: Sequence[bytes], count: int) -> list[bytes]:
    """Return about `count` of them, the first and then at even distances."""
    return list(digests[:: max(1, -(-len(digests) // count))])
