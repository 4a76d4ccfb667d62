"""Where each chunk is: this process's open packs, the sealed segments, other processes' journals.

Segments are memory-mapped and searched at C speed; nothing here grows with the store. A miss looks
once more at the directories, and only if they have changed.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Collection, Iterable, Iterator

from git_mlvc.errors import FormatError
from git_mlvc.formats.pack import iter_rows
from git_mlvc.formats.segment import Location, SegmentView
from git_mlvc.store.layout import Layout
from git_mlvc.store.open_journals import DirectoryStamp, OpenJournals
from git_mlvc.store.pack_files import PackFile

PACK_ID_SIZE = 32
FEW = 8  # ids: one by one they are found sooner than by a search for many


class ChunkIndex:
    """Look-ups for one store. `Location.pack` is a pack's id, or an open pack's name (never 32 bytes)."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._stamp = DirectoryStamp(layout.segments)
        self._views: dict[bytes, SegmentView] = {}
        self._ordered: list[tuple[bytes, SegmentView]] = []
        self._damaged: dict[bytes, FormatError] = {}
        self._loaded = False
        self.own: dict[bytes, Location] = {}
        self.own_runs: dict[bytes, list[bytes]] = {}  # stage key -> ids of the records
        self.open_files: dict[bytes, PackFile] = {}
        self.journals = OpenJournals(layout)

    def find(self, digest: bytes) -> Location | None:
        """Return where `digest` is, as of now."""
        found = self._find_read(digest)
        if found is None and self.refresh():
            found = self._find_read(digest)
        return found

    def find_known(self, digest: bytes) -> Location | None:
        """Return where `digest` is, from own packs and the segments known so far: no system call."""
        found = self.own.get(digest)
        if found is not None:
            return found
        if not self._loaded:
            self.refresh()
        for segment_id, view in self._ordered:
            try:
                found = view.find(digest)
            except FormatError as exc:
                self._set_aside(segment_id, exc)
                continue
            if found is not None:
                return found
        return None

    def find_all(self, digest: bytes) -> Iterator[Location]:
        """Yield every place that claims to hold `digest`: for when the first turns out damaged."""
        self.refresh()
        own = self.own.get(digest)
        if own is not None:
            yield own
        for segment_id, view in self._ordered:
            try:
                yield from view.find_all(digest)
            except FormatError as exc:
                self._set_aside(segment_id, exc)
        found = self.journals.find(digest)
        if found is not None:
            yield found

    def find_many(self, digests: Collection[bytes]) -> dict[bytes, Location]:
        """Return where those are that are anywhere, looking at the directories at most once."""
        if len(digests) < FEW:
            found = {d: at for d in digests if (at := self._find_read(d)) is not None}
        else:
            found = self._find_batch(digests)
        if len(found) < len(digests) and len(found) < len(set(digests)) and self.refresh():
            rest = [digest for digest in digests if digest not in found]
            found |= self._find_batch(rest)
        return found

    def missing(self, digests: Iterable[bytes]) -> list[bytes]:
        """Return those that are nowhere, in order, looking at the directories at most once."""
        asked = list(digests)
        found = self.find_many(asked)
        return [digest for digest in asked if digest not in found]

    def known_many(self, digests: Collection[bytes]) -> dict[bytes, Location]:
        """As `find_known`, for many at once."""
        if not self._loaded:
            self.refresh()
        own = self.own
        found = {d: own[d] for d in digests if d in own} if own else {}
        from git_mlvc.formats.segment_search import find_many, in_groups

        for group in in_groups(d for d in digests if d not in found):
            queries = group
            for segment_id, view in self._ordered:
                if not queries:
                    break
                try:
                    here = find_many(view, queries)
                except FormatError as exc:
                    self._set_aside(segment_id, exc)
                    continue
                if here:
                    found |= here
                    queries = queries.without(here)
        return found

    def _find_batch(self, digests: Collection[bytes]) -> dict[bytes, Location]:
        found = self.known_many(digests)
        if self.journals.is_anything_open:
            for digest in digests:
                if digest not in found and (at := self.journals.find(digest)) is not None:
                    found[digest] = at
        return found

    def _find_read(self, digest: bytes) -> Location | None:
        return self.find_known(digest) or self.journals.find(digest)

    def refresh(self) -> bool:
        """See what other processes have published; return True if anything is new."""
        self._loaded = True
        changed = False
        # Journals first: a journal goes only after the segment that replaces it stands.
        changed |= self.journals.refresh()
        if self._stamp.is_changed():
            changed |= self._reload()
        return changed

    def reload(self) -> None:
        """Look at the directories whatever their time stamps say."""
        self._stamp = DirectoryStamp(self._layout.segments)
        self.refresh()

    def add_segment(self, segment_id: bytes) -> None:
        """Take in a segment that this process has just published."""
        view = self._open_view(segment_id)
        if view is not None:
            self._views = {**self._views, segment_id: view}
            self._order()

    def adopt(self, name: str, file: PackFile) -> None:
        """Take a pack of this process's own: its rows come into `own`, not through its journal."""
        self.journals.own.add(name)
        self.open_files[name.encode()] = file

    def release(self, name: str, rows: bytes) -> None:
        """Let go of an own pack whose segment has been added."""
        key = name.encode()
        for record in iter_rows(rows):
            location = self.own.get(record.id)
            if location is not None and location.pack == key:
                del self.own[record.id]
        for stage_key, runs in list(self.own_runs.items()):
            left = [run for run in runs if run in self.own]
            if left:
                self.own_runs[stage_key] = left
            else:
                del self.own_runs[stage_key]
        self.open_files.pop(key, None)

    def views(self) -> dict[bytes, SegmentView]:
        """Return the readable segments by id, as of now."""
        self.refresh()
        return dict(self._views)

    def damaged(self) -> dict[bytes, FormatError]:
        """Return the segments that do not parse, and why."""
        self.refresh()
        return dict(self._damaged)

    def disown(self, name: str, rows: bytes) -> None:
        """Let go of an own pack that could not be sealed: from now on its journal speaks for it."""
        self.release(name, rows)
        self.journals.disown(name)

    def forget(self, segment_ids: Collection[bytes]) -> None:
        """Let go of segments that have been moved away; others of the same names may come."""
        self._views = {s: v for s, v in self._views.items() if s not in segment_ids}
        self._damaged = {s: why for s, why in self._damaged.items() if s not in segment_ids}
        self._order()

    def _reload(self) -> bool:
        names = set(self._layout.segment_ids())
        changed = names - self._damaged.keys() != self._views.keys()
        views = {}
        for segment_id in names - self._damaged.keys():
            view = self._views.get(segment_id) or self._open_view(segment_id)
            if view is not None:
                views[segment_id] = view
        self._views = views
        self._order()
        return changed

    def _order(self) -> None:
        # The largest first: it answers most questions.
        self._ordered = sorted(self._views.items(), key=lambda item: len(item[1]), reverse=True)

    def _set_aside(self, segment_id: bytes, exc: FormatError) -> None:
        """Ask a segment no more whose rows turn out to be damaged; fsck makes it anew."""
        self._damaged[segment_id] = exc
        self._views = {s: v for s, v in self._views.items() if s != segment_id}
        self._order()

    def _open_view(self, segment_id: bytes) -> SegmentView | None:
        try:
            fd = os.open(self._layout.segment(segment_id), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None  # merged into another meanwhile, which the listing will show
        try:
            size_bytes = os.fstat(fd).st_size
            if size_bytes == 0:
                raise FormatError("an empty segment", why=segment_id.hex())
            view = SegmentView(mmap.mmap(fd, size_bytes, access=mmap.ACCESS_READ))
        except FormatError as exc:
            # Its rows can be had again from the packs' own tables: fsck's affair, not a reader's.
            self._damaged[segment_id] = exc
            return None
        finally:
            os.close(fd)
        return view
