"""Which segments a remote has: small ones and those kept here whole, large ones by what is known of them.

The remote's `index` says it in one request, and is a hint; a listing says what is there now. What cannot be
known is kept as a doubt, for whoever would say "missing" (law 9).
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from blake3 import blake3

from git_mlvc.backend.base import Backend, Capability, NotFound, can
from git_mlvc.errors import FormatError, MlvcError, RemoteError, RemoteRefused
from git_mlvc.formats import store_config
from git_mlvc.formats.segment import SegmentView
from git_mlvc.transfer import doubts, remote_layout
from git_mlvc.transfer.queue import Lanes, Pool
from git_mlvc.transfer.remote_layout import FORMAT_KEY, INDEX_KEY, Index, Summary
from git_mlvc.transfer.segments import segment_listing
from git_mlvc.transfer.segments.ranged_segments import RangedSegments
from git_mlvc.transfer.segments.segment_cache import BLOCK_BYTES, SegmentCache
from git_mlvc.transfer.segments.succession import Listing

WHOLE_BYTES = 256 << 10  # a segment up to this size is fetched rather than asked
LISTING_ATTEMPTS = 3
NO_INDEX = Index({}, False)


class RemoteSegments:
    """As of the last `refresh`. `whole` are verified; of `ranged` only ranges were ever seen."""

    def __init__(
        self, backend: Backend, cache: SegmentCache, name: str, lanes: Lanes | None = None
    ) -> None:
        self.backend = backend
        self.lanes = lanes or Lanes()
        self._cache = cache
        self._name = name
        self.whole: dict[bytes, SegmentView] = {}
        self.ranged = RangedSegments(backend, self._doubt_segment, self.lanes)
        self._doubt: RemoteError | None = None
        self.is_emptied = False  # it had data when it was last read, and there is nothing now
        self._index_trouble: FormatError | None = None
        self.has_format = False
        self.is_listed = False
        self.listing = Listing({})
        self._index = NO_INDEX
        self._damaged: set[bytes] = set()
        self.pack_sizes: dict[bytes, int] = {}

    # -- what there is

    def refresh(self, *, from_index: bool) -> None:
        """Learn what segments there are now; with `from_index`, by the remote's own word if it gives one.

        Raises RemoteUnavailable, RemoteRefused.
        """
        for left in reversed(range(LISTING_ATTEMPTS)):
            try:
                self._refresh(from_index, is_last=not left)
                return
            except NotFound:
                from_index = False  # merged into another since it was named
        raise doubts.unstable(self._name)

    def list_now(self) -> bool:
        """Ask for a listing if there was none yet; True if that may have shown anything new."""
        return not self.is_listed and self.list_again()

    def list_again(self) -> bool:
        """Ask for a listing, if that is possible; True if it shows anything new."""
        if not self.can_list:
            return False
        before = self.ids()
        for left in reversed(range(LISTING_ATTEMPTS)):
            with contextlib.suppress(NotFound):
                self._take_listed(dict(self.ranged.summaries), is_last=not left)
                self.is_listed = True
                return self.ids() != before
        raise doubts.unstable(self._name)

    def make_whole(self, segment_ids: Iterable[bytes]) -> None:
        """Fetch what was asked by ranges so far. Raises RemoteError."""
        ranged = self.ranged.summaries
        sizes = {one: ranged[one].layout.size_bytes for one in segment_ids if one in ranged}
        self._fetch(sizes)
        for segment_id in sizes:
            self.ranged.remove(segment_id)
        self._settle()
        self._cache.note_partial(bool(self.ranged))

    def replace(self, segment_ids: Iterable[bytes], merged: bytes, path: Path) -> None:
        """Know one segment, which was just published and lies at `path`, in the place of others."""
        view = self._cache.adopt(merged, path)
        for segment_id in segment_ids:
            self.whole.pop(segment_id, None)
        self.whole[merged] = view
        self._settle()

    def sizes(self) -> dict[bytes, int]:
        """Return how large the segments are."""
        whole = {one: view.layout.size_bytes for one, view in self.whole.items()}
        ranged = {one: of.layout.size_bytes for one, of in self.ranged.summaries.items()}
        return whole | ranged

    def recall(self) -> bool:
        """Take the segments kept from the last time for what there is; False if there are none."""
        self.is_listed = True  # what is remembered counts, and nobody is asked
        if self._cache.is_partial:
            self._doubt = doubts.too_large_to_keep(self._name)
        for segment_id in self._cache.ids():
            view = self._cached(segment_id)
            if view is not None:
                self.whole[segment_id] = view
        self._settle()
        return bool(self.whole)

    def add(self, data: bytes) -> SegmentView:
        """Take in a segment that this process has just published."""
        segment_id = blake3(data).digest()
        view = self.whole[segment_id] = self._cache.put(segment_id, data)
        self._settle()
        return view

    def set_aside(self, segment_id: bytes) -> None:
        """Ask a segment no more whose rows turn out to be damaged: it was written wrong."""
        del self.whole[segment_id]
        self._doubt_segment(segment_id)

    def ids(self) -> set[bytes]:
        return {*self.whole, *self.ranged.summaries}

    def runs(self, keys: Collection[bytes] | None) -> set[tuple[bytes, bytes]]:
        """Return what the run tables say of `keys`, or of all. Raises RemoteError, NotFound for one that has gone."""
        found = self.ranged.runs(keys)
        for view in self.whole.values():
            found.update(run for run in view.runs() if keys is None or run[0] in keys)
        return found

    def summaries(self) -> Iterator[Summary]:
        """Yield what the `index` is to say."""
        for segment_id, view in self.whole.items():
            with contextlib.suppress(FormatError):
                yield remote_layout.summary_of(segment_id, view)
        yield from self.ranged.summaries.values()
        if not self.can_list:
            # What the index names and a server does not find is on its way there, for all that can be known.
            for segment_id, summary in self._index.summaries.items():
                if summary is not None and segment_id not in self.ids():
                    yield summary

    @property
    def keeps_index(self) -> bool:
        """False where it would say nothing: who lists, and fetches segments whole, learns nothing from it."""
        return can(self.backend, Capability.RANGES) or not self.can_list

    @property
    def is_index_behind(self) -> bool:
        """True if the remote's index was not there or does not name what is."""
        named = self._index.summaries.keys()
        if not self.keeps_index:
            return False
        if not self._index.names_format:
            return bool(self.ids())
        return self.ids() != named if self.can_list else not self.ids() <= named

    @property
    def pack_count(self) -> int:
        ranged = sum(one.layout.pack_count for one in self.ranged.summaries.values())
        return ranged + sum(view.layout.pack_count for view in self.whole.values())

    @property
    def doubt(self) -> RemoteError | None:
        """Why what is not known to be there may be there all the same; None if it is not."""
        if self._doubt is not None or self.is_listed or self.can_list:
            return self._doubt
        trouble = self._index_trouble
        if trouble is not None:
            return doubts.damaged_index(self._name, str(trouble), trouble.hint)
        return doubts.only_an_index(self._name)

    @property
    def can_list(self) -> bool:
        return can(self.backend, Capability.LIST)

    # -- inside

    def _refresh(self, from_index: bool, *, is_last: bool) -> None:
        self._doubt = None
        self._damaged.clear()
        index = self._index = self._read_index()
        self.has_format = index.names_format or self._check_format()
        if self.has_format:
            self._cache.remember_use()
        sizes: Mapping[bytes, int | None]
        by_index = from_index and index.names_format  # then nobody asks what else the remote can
        self.is_listed = not by_index and self.can_list
        if self.is_listed:
            self._take_listed(index.summaries, is_last=is_last)
            sizes = self.listing.live
        else:
            sizes = {
                one: summary.layout.size_bytes if summary else None
                for one, summary in index.summaries.items()
            }
            self._take(sizes, index.summaries, skips_gone=not by_index)
        self.is_emptied = not self.has_format and not sizes and self._cache.was_used_before
        if self.is_emptied:
            self._doubt = doubts.emptied(self._name)
        if self.is_listed or (not sizes.keys() >= set(self._cache.ids()) and not self.can_list):
            self._cache.forget_all_but(sizes)

    def _take_listed(self, summaries: Mapping[bytes, Summary | None], *, is_last: bool) -> None:
        """Take what a listing shows now. In the last try, what it shows and is not there is a doubt."""
        self.listing = segment_listing.listed(self.backend, named={*summaries, *self.ids()})
        self._take(self.listing.live, summaries, skips_gone=is_last)
        if self._damaged:  # what the damaged ones replace is still there, while its grace lasts
            more = self.listing.without(self._damaged).live
            self._load({o: s for o, s in more.items() if o not in self.ids()}, summaries, is_last)
            self._settle()

    def _take(
        self,
        sizes: Mapping[bytes, int | None],
        summaries: Mapping[bytes, Summary | None],
        *,
        skips_gone: bool,
    ) -> None:
        self.whole = {one: view for one, view in self.whole.items() if one in sizes}
        self.ranged.clear()
        self._load(sizes, summaries, skips_gone)
        self._settle()
        if bool(self.ranged) != self._cache.is_partial:
            self._cache.note_partial(bool(self.ranged))

    def _read_index(self) -> Index:
        self._index_trouble = None
        if not self.keeps_index:
            return NO_INDEX
        try:
            data = self.backend.get_range(INDEX_KEY, 0, remote_layout.MAX_INDEX_BYTES)
            return remote_layout.decode_index(data)
        except NotFound:
            return NO_INDEX
        except FormatError as exc:
            self._index_trouble = exc
            return NO_INDEX

    def _check_format(self) -> bool:
        try:
            data = self.backend.get_range(FORMAT_KEY, 0, store_config.MAX_CONFIG_BYTES + 1)
        except NotFound:
            return False
        try:
            store_config.decode(data)
        except FormatError as exc:
            raise RemoteRefused(
                f"cannot use remote '{self._name}'", why=exc.why or exc.what, hint=exc.hint
            ) from exc
        return True

    def _load(
        self,
        sizes: Mapping[bytes, int | None],
        summaries: Mapping[bytes, Summary | None],
        skips_gone: bool,
    ) -> None:
        """Open segments that are kept here, fetch small ones, note what is known of large ones.

        Raises NotFound for one that has gone, unless it is to be skipped.
        """
        has_ranges = can(self.backend, Capability.RANGES)
        wanted: dict[bytes, int | None] = {}
        for segment_id, size_bytes in sizes.items():
            if segment_id in self.whole:
                continue
            cached = self._cached(segment_id)
            summary = summaries.get(segment_id)
            if cached is not None:
                self.whole[segment_id] = cached
            elif size_bytes is None or size_bytes <= WHOLE_BYTES or not has_ranges:
                wanted[segment_id] = size_bytes
            elif summary is not None and summary.layout.size_bytes == size_bytes:
                self.ranged.add(summary)
            else:
                try:
                    self.ranged.add_by_asking(segment_id, size_bytes)
                except FormatError as exc:
                    self._refuse_newer(exc)
                    self._doubt_segment(segment_id)
                except NotFound:
                    if not skips_gone:
                        raise
                    self._note_gone()
        self._fetch(wanted, skips_gone=skips_gone)

    def _fetch(self, wanted: Mapping[bytes, int | None], *, skips_gone: bool = False) -> None:
        pool: Pool[bytes, SegmentView | None] = Pool(
            self._fetch_one,
            cost=lambda one: min(wanted[one] or BLOCK_BYTES, BLOCK_BYTES),
            lanes=self.lanes,
        )
        for segment_id, outcome in pool.run(wanted):
            if isinstance(outcome, NotFound) and skips_gone:
                self._note_gone()
                continue
            if isinstance(outcome, FormatError):
                self._refuse_newer(outcome)
                outcome = None
            if isinstance(outcome, MlvcError):
                raise outcome
            if outcome is None:
                self._doubt_segment(segment_id)
            else:
                self.whole[segment_id] = outcome

    def _note_gone(self) -> None:
        """A segment was named and is not there: the index is a hint, and a listing may lag behind."""
        if self.can_list:
            self._doubt = doubts.unstable(self._name)

    def _fetch_one(self, segment_id: bytes) -> SegmentView | None:
        return self._cache.fetch(segment_id, self.backend)

    def _cached(self, segment_id: bytes) -> SegmentView | None:
        try:
            return self._cache.get(segment_id)
        except FormatError as exc:
            self._refuse_newer(exc)
            return None

    def _refuse_newer(self, exc: FormatError) -> None:
        if "newer" in exc.hint:
            raise RemoteRefused(
                f"cannot use remote '{self._name}'", why=str(exc), hint=exc.hint
            ) from exc

    def _doubt_segment(self, segment_id: bytes) -> None:
        self._damaged.add(segment_id)
        self._doubt = doubts.damaged_segment(self._name, segment_id)

    def _settle(self) -> None:
        # The largest first: it answers most questions.
        self.whole = dict(sorted(self.whole.items(), key=lambda item: (-len(item[1]), item[0])))
        for view in self.whole.values():
            self.pack_sizes.update(view.packs)
