"""Brings contents from remotes into the store: whole packs where most of one is wanted, else chunks.

What has come is kept: an interrupted fetch goes on where it was. Law 3: nothing enters the store
that is not what its id says; a remote with wrong bytes is named and the next one is asked.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from types import MappingProxyType

from git_mlvc.errors import (
    CorruptChunk,
    FormatError,
    MissingChunk,
    MlvcError,
    RemoteError,
    RemoteRefused,
    RemoteUnavailable,
    StoreError,
)
from git_mlvc.formats import recipe as recipe_format
from git_mlvc.formats.pack import PACK_TARGET_BYTES, Kind, iter_rows
from git_mlvc.formats.pointer import Pointer
from git_mlvc.formats.segment import Location
from git_mlvc.progress import Progress, Silent
from git_mlvc.store.session import Session
from git_mlvc.store.store import Store
from git_mlvc.transfer import open_packs, plan
from git_mlvc.transfer.adopt import adopt
from git_mlvc.transfer.content import levels, receive
from git_mlvc.transfer.plan import FetchReport
from git_mlvc.transfer.remote_view import RemoteView
from git_mlvc.units import count_text, size_text

BATCH_POINTERS = 1 << 16
LEFT_FREE_BYTES = 4 << 20  # for git's index, refs and stubs
WINDOW_RECORDS = 1 << 15
WINDOW_BYTES = 1 << 30  # of content: all of it is committed before more is asked for
COMMIT_BYTES = 16 << 20
GROUP_RECORDS = 1 << 13  # looked up together


def fetch(
    store: Store,
    views: Sequence[RemoteView],
    pointers: Iterable[Pointer],
    *,
    progress: Progress | None = None,
    likely: Mapping[Pointer, str] = MappingProxyType({}),
    on_commit: Callable[[], None] | None = None,
) -> FetchReport:
    """Make the store hold the contents, asking `views` in order for what is lacking.

    `likely`: the name of the one to ask first for a content, where it is known. `on_commit` is called when
    something new can be read. What could not be had in full is in the report's `failed`, each with the
    reason. Raises StoreError when the store itself cannot take it.
    """
    remaining = iter(dict.fromkeys(pointers))
    progress = progress or Silent()
    report = _Tally()
    fetcher: _Fetcher | None = None
    try:
        while batch := list(islice(remaining, BATCH_POINTERS)):
            report.seen(batch)
            wanted = store.incomplete(batch)
            if not wanted:
                continue
            progress.begin(
                "fetching",
                total_bytes=sum(pointer.size_bytes for pointer in wanted),
                total_files=len(wanted),
            )
            if fetcher is None:
                fetcher = _Fetcher(store, store.session(), views, progress, on_commit)
            report.failed.update(fetcher.bring(wanted, likely))
    finally:
        if fetcher is not None:
            progress.end()
            fetcher.close()
    return report.report(fetcher)


class _Tally:
    def __init__(self) -> None:
        self.files = 0
        self.logical_bytes = 0
        self.failed: dict[Pointer, MlvcError] = {}

    def seen(self, pointers: Sequence[Pointer]) -> None:
        self.files += len(pointers)
        self.logical_bytes += sum(pointer.size_bytes for pointer in pointers)

    def report(self, fetcher: _Fetcher | None) -> FetchReport:
        failed_bytes = sum(pointer.size_bytes for pointer in self.failed)
        logical_bytes = self.logical_bytes - failed_bytes
        return FetchReport(
            files=self.files - len(self.failed),
            chunks=fetcher.chunks if fetcher else 0,
            logical_bytes=logical_bytes,
            received_bytes=fetcher.received_bytes if fetcher else 0,
            saved_bytes=max(0, logical_bytes - (fetcher.raw_bytes if fetcher else 0)),
            failed=self.failed,
        )


class _Fetcher:
    """One fetch: a session of the store, and what each remote has failed to give."""

    def __init__(
        self,
        store: Store,
        session: Session,
        views: Sequence[RemoteView],
        progress: Progress,
        on_commit: Callable[[], None] | None,
    ) -> None:
        self._store = store
        self._session = session
        self._views = views
        self._progress = progress
        self._on_commit = on_commit or (lambda: None)
        self._ready: set[int] = set()
        self._silent: dict[int, RemoteError] = {}  # by place in `views`: why it is asked no more
        self._failures: dict[bytes, MlvcError] = {}
        self._uncommitted_bytes = 0
        self._adoption = store.adoption()
        self.chunks = 0
        self.raw_bytes = 0
        self.received_bytes = 0

    def close(self) -> None:
        """Keep what has come, whatever ends the fetch."""
        try:
            self._session.commit()
        finally:
            try:
                self._adoption.close()
            finally:
                self._session.close()

    def bring(
        self, pointers: Sequence[Pointer], likely: Mapping[Pointer, str]
    ) -> dict[Pointer, MlvcError]:
        """Fetch a batch; return why some of it could not be had."""
        self._failures.clear()
        remaining = list(pointers)
        names = set(likely.values())
        for place, view in enumerate(self._views):
            if view.name in names:
                self._ask(place, [p for p in remaining if likely.get(p) == view.name])
        if names:
            remaining = self._store.incomplete(remaining)
        for place in range(len(self._views)):
            if not remaining:
                break
            if self._ask(place, remaining):
                remaining = self._store.incomplete(remaining)
        remaining = self._from_open_packs(remaining)
        self._progress.advance(files=len(pointers) - len(remaining))
        return {pointer: self._why(pointer) for pointer in remaining}

    def _ask(self, place: int, pointers: Sequence[Pointer]) -> bool:
        """Fetch what one remote has of them; False if nothing was asked, because it fell silent before."""
        if place in self._silent or not pointers:
            return False
        view = self._views[place]
        try:
            with view.traffic.shown_in(self._progress):
                if place not in self._ready:
                    view.refresh(from_index=True)
                    self._ready.add(place)
                self._from_view(view, pointers)
        except RemoteError as exc:
            self._silent[place] = exc
        finally:
            self._commit()
        return True

    def _from_open_packs(self, pointers: list[Pointer]) -> list[Pointer]:
        """Ask the repositories on this machine for what they have not sealed yet; return what remains."""
        for view in self._views:
            if pointers and view.directory is not None:
                open_packs.take(self._session, view.directory, pointers, self._store.path)
                pointers = self._store.incomplete(pointers)
        return pointers

    def _from_view(self, view: RemoteView, pointers: Sequence[Pointer]) -> None:
        """Raises RemoteError when the remote falls silent."""
        of_chunks = self._structure(view, pointers)
        window: dict[bytes, int] = {}
        window_bytes = 0
        for pointer in of_chunks:
            for digest, raw_len in self._lacking_chunks(pointer):
                if digest in window:
                    self._progress.spare(raw_len)
                    continue
                window[digest] = raw_len
                window_bytes += raw_len
                if len(window) >= WINDOW_RECORDS or window_bytes >= WINDOW_BYTES:
                    window = self._receive_all_but_tail(view, window)
                    window_bytes = sum(window.values())
        if window:
            self._receive(view, window)

    def _receive_all_but_tail(self, view: RemoteView, window: dict[bytes, int]) -> dict[bytes, int]:
        """Fetch a window; return what of it is left for the next: it may end in the middle of a pack.

        A content goes through its packs one after another, and a pack is worth bringing whole only
        when most of it is wanted at once. More than half of a window is never left.
        """
        located = view.known_many(window)
        last = next((located[digest].pack for digest in reversed(window) if digest in located), b"")
        tail = {d: n for d, n in window.items() if d in located and located[d].pack == last}
        if 2 * sum(tail.values()) > sum(window.values()):
            tail = {}
        self._receive(view, [digest for digest in window if digest not in tail], located)
        return tail

    def _structure(self, view: RemoteView, pointers: Sequence[Pointer]) -> list[Pointer]:
        """Fetch what says what the contents are made of: single chunks, recipes, nested ones.

        Return those contents whose recipe is here now.
        """
        asked: set[bytes] = set()
        recipes: list[Pointer] = []
        for _ in range(recipe_format.MAX_DEPTH + 2):
            found = self._store.index.find_many([pointer.oid.digest for pointer in pointers])
            lacking = {p.oid.digest for p in pointers if p.oid.digest not in found}
            recipes = [
                pointer
                for pointer in pointers
                if (at := found.get(pointer.oid.digest)) is not None and at.kind == Kind.RECIPE
            ]
            for pointer in recipes:
                lacking.update(self._lacking_structure(pointer))
            lacking -= asked
            asked |= lacking
            if not lacking or not self._receive(view, lacking):
                break
        return recipes

    def _lacking_structure(self, pointer: Pointer) -> list[bytes]:
        """Return the pieces of a nested recipe that are not here."""
        try:
            encoded = self._store.read_record(pointer.oid.digest, Kind.RECIPE)
            for recipe in levels(encoded, self._store.read_chunk):
                if recipe.depth:
                    lacking = self._store.missing(list(recipe.digests()))
                    if lacking:
                        return lacking
        except (MlvcError, FormatError) as exc:
            self._failures.setdefault(pointer.oid.digest, exc)
        return []

    def _lacking_chunks(self, pointer: Pointer) -> Iterator[tuple[bytes, int]]:
        try:
            entries = self._store.entries(pointer)
            while group := list(islice(entries, GROUP_RECORDS)):
                known = self._store.index.known_many([digest for digest, _ in group])
                for digest, raw_len in group:
                    if digest in known:
                        self._progress.spare(raw_len)
                    else:
                        yield digest, raw_len
        except (MissingChunk, CorruptChunk, FormatError) as exc:
            self._failures.setdefault(pointer.oid.digest, exc)

    def _receive(
        self,
        view: RemoteView,
        wanted: Collection[bytes],
        located: Mapping[bytes, Location] | None = None,
    ) -> bool:
        """Fetch records and commit them; return whether any came. `located`: where they are."""
        before = self.chunks
        found = view.known_many(wanted) if located is None else located
        found = {digest: found[digest] for digest in wanted if digest in found}
        packs = plan.whole_packs(found, view.pack_sizes)
        self._make_sure_of_room(found, packs)
        rest = self._adopt(view, packs, wanted, plan.content_in(packs, found))
        receipt = receive(view, rest, self._take)
        self.received_bytes += receipt.received_bytes
        for digest, failure in receipt.failed.items():
            if not isinstance(self._failures.get(digest), CorruptChunk):
                self._failures[digest] = failure
        if self._failures:
            for digest in wanted:
                if digest not in receipt.failed and digest not in receipt.absent:
                    self._failures.pop(digest, None)
        self._commit()
        return self.chunks > before

    def _adopt(
        self,
        view: RemoteView,
        packs: Mapping[bytes, int],
        wanted: Iterable[bytes],
        shown_bytes: Mapping[bytes, int],
    ) -> set[bytes]:
        """Bring packs as they are; return what of `wanted` is not in those that came."""
        rest = set(wanted)
        for table in adopt(view, packs, self._adoption, shown_bytes):
            self.received_bytes += table.size_bytes
            raw_bytes = 0
            for record in iter_rows(table.rows):
                if record.id in rest:
                    rest.remove(record.id)
                    self.chunks += 1
                    raw_bytes += record.raw_len if record.kind == Kind.CHUNK else 0
            self.raw_bytes += raw_bytes
            self._progress.advance(size_bytes=raw_bytes)
            self._uncommitted_bytes += table.size_bytes
            if self._uncommitted_bytes >= max(PACK_TARGET_BYTES, self.received_bytes // 8):
                self._commit()  # not each of many packs: each time there is one segment more
        return rest

    def _make_sure_of_room(
        self, located: Mapping[bytes, Location], packs: Mapping[bytes, int]
    ) -> None:
        """Raise StoreError rather than fill the disk: git is in the middle of a command (law 8)."""
        needed_bytes = sum(packs.values())
        needed_bytes += sum(loc.stored_len for loc in located.values() if loc.pack not in packs)
        place = self._store.path
        while not place.exists() and place != place.parent:
            place = place.parent
        free_bytes = shutil.disk_usage(place).free
        if needed_bytes and needed_bytes + LEFT_FREE_BYTES > free_bytes:
            raise StoreError(
                f"there is no room for {size_text(needed_bytes)} of data in {self._store.path}",
                why=f"{size_text(free_bytes)} are free, of which git needs some itself",
                hint="free some space, then git mlvc pull",
            )

    def _take(self, digest: bytes, location: Location, payload: bytes) -> None:
        self._session.add_stored(digest, location.kind, location.codec, location.raw_len, payload)
        self.chunks += 1
        if location.kind == Kind.CHUNK:
            self.raw_bytes += location.raw_len
            self._progress.advance(size_bytes=location.raw_len)
        self._uncommitted_bytes += len(payload)
        if self._uncommitted_bytes >= COMMIT_BYTES:
            self._commit()

    def _commit(self) -> None:
        self._session.commit()
        self._adoption.publish()
        self._uncommitted_bytes = 0
        self._on_commit()

    # -- why not

    def _why(self, pointer: Pointer) -> MlvcError:
        """Return the most telling reason: damage, then silence (law 9), then absence."""
        try:
            lacking = self._store.missing_of(pointer)
        except MlvcError as exc:
            return exc
        reasons = [self._failures[d] for d in [*lacking, pointer.oid.digest] if d in self._failures]
        for reason in reasons:
            if isinstance(reason, CorruptChunk):
                return reason
        if self._silent:
            return self._silence()
        if reasons:
            return reasons[0]
        names = ", ".join(f"'{view.name}'" for view in self._views)
        return MissingChunk(
            f"the data of {pointer.oid.short} cannot be had",
            why=f"{count_text(len(lacking), 'chunk')} of it on none of the remotes asked: {names or 'none'}",
            hint="ask whoever committed it to run `git mlvc push`",
        )

    def _silence(self) -> MlvcError:
        if len(self._silent) == 1:
            return next(iter(self._silent.values()))
        why = "; ".join(
            f"'{self._views[place].name}': {failure.what}"
            for place, failure in self._silent.items()
        )
        unknown = any(isinstance(f, RemoteUnavailable) for f in self._silent.values())
        kind = RemoteUnavailable if unknown else RemoteRefused
        return kind("several remotes failed", why=why, hint="git mlvc remote list")
