"""Sends what a remote lacks: packs, then the segment that names them, then the hint.

Law 1: nobody is told of a pack before it is there and has been looked at. A push that dies leaves
packs that nobody names; the next finds them by their names and goes on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple, Protocol

from blake3 import blake3

from git_mlvc.backend.base import Capability, require
from git_mlvc.errors import MlvcError, StoreError
from git_mlvc.formats import pack as pack_format
from git_mlvc.formats import segment
from git_mlvc.formats.pack import Kind
from git_mlvc.formats.pointer import Pointer
from git_mlvc.formats.segment import Location, PackTable
from git_mlvc.progress import Progress, Silent
from git_mlvc.repo_path import RepoPath
from git_mlvc.store.store import Store
from git_mlvc.transfer import remote_layout, verify
from git_mlvc.transfer.arrival import check_arrival, stands
from git_mlvc.transfer.bundle_choice import choose
from git_mlvc.transfer.bundles import Bundle, RunName
from git_mlvc.transfer.lacking import WAVE_RECORDS, Bases, Survey
from git_mlvc.transfer.parcel import Parcel, repack
from git_mlvc.transfer.plan import LocalPack, MissingData, PushPlan, PushReport, plan_push
from git_mlvc.transfer.queue import Pool
from git_mlvc.transfer.remote_compaction import compact
from git_mlvc.transfer.remote_view import RemoteView
from git_mlvc.transfer.source import Source, StoreSource, check_whole

MANY_PACKS = 4
ASK_FIRST_BYTES = 4 << 20  # a pack from this size on is looked for before it is sent
UPLOAD_BUDGET_BYTES = 4 * pack_format.PACK_TARGET_BYTES + (1 << 20)  # temporary files on disk


class Use(Protocol):
    """A pointer, and a path to name in messages."""

    @property
    def pointer(self) -> Pointer: ...

    @property
    def path(self) -> RepoPath: ...


def push(
    store: Store,
    view: RemoteView,
    uses: Collection[Use],
    *,
    progress: Progress | None = None,
    wave_records: int = WAVE_RECORDS,
    bases: Bases = tuple,
    bundles: Sequence[Bundle] = (),
) -> PushReport:
    """Make the remote hold all that the pointers need, and those of `bundles` that can be had whole.

    `bases`: contents that the remote is believed to hold, asked for only where it is too large to be asked
    about everything. Returns only when every record is named by a segment there and its pack has been seen to stand
    there with the right size. Raises MissingData naming all files whose data is nowhere to be had,
    CorruptChunk for damage in the store, RemoteError.
    """
    source = StoreSource(store, partial(verify.read_chunk, view))
    try:
        return push_from(
            source,
            view,
            uses,
            progress=progress,
            wave_records=wave_records,
            bases=bases,
            bundles=bundles,
        )
    except StoreError as exc:
        if not bundles or (isinstance(exc, MissingData) and exc.paths):
            raise
        # Runs are a cache: what is wrong with the data of one is no reason to refuse all others theirs.
        report = push_from(
            source, view, uses, progress=progress, wave_records=wave_records, bases=bases
        )
        return replace(report, left=tuple(bundles))


def push_from(
    source: Source,
    view: RemoteView,
    uses: Collection[Use],
    *,
    progress: Progress | None = None,
    wave_records: int = WAVE_RECORDS,
    bases: Bases = tuple,
    bundles: Sequence[Bundle] = (),
) -> PushReport:
    """As `push`, from any source."""
    require(view.backend, Capability.WRITE, "push")
    progress = progress or Silent()
    with view.traffic.shown_in(progress):
        return _push(source, view, uses, progress, wave_records, bases, bundles)


def _push(
    source: Source,
    view: RemoteView,
    uses: Collection[Use],
    progress: Progress,
    wave_records: int,
    bases: Bases,
    bundles: Sequence[Bundle],
) -> PushReport:
    progress.begin(f"asking {view.name}")
    view.refresh()
    chosen = choose(source, view, bundles)
    progress.end()
    survey = Survey(source, view, wave_records=wave_records, bases=bases)
    pusher = Pusher(source, view, progress)
    contents = dict.fromkeys(use.pointer for use in uses)
    for wave in survey.waves(dict.fromkeys(chain(contents, chosen.contents()))):
        pusher.send(wave, chosen.runs_among(wave))
    if survey.lost:
        raise MissingData(paths_of(survey.lost, uses), view.name, source.name)
    pusher.finish()
    contents.update(dict.fromkeys(chosen.files_of(pusher.runs)))
    report = pusher.report(contents, survey.records_there)
    return replace(report, left=chosen.left)


def paths_of(pointers: Iterable[Pointer], uses: Iterable[Use]) -> tuple[str, ...]:
    """Return the paths that are known for `pointers`, sorted."""
    meant = set(pointers)
    return tuple(sorted({str(use.path) for use in uses if use.pointer in meant}))


class _Errand(NamedTuple):
    """A pack to be sent: its size, what brings it (None: it cannot go as it is), and what is in it then."""

    size_bytes: int
    fetch: Callable[[], Parcel | None]
    ids: Sequence[bytes] = ()


class Pusher:
    """What one push has sent so far. `finish` when all waves are there."""

    def __init__(self, source: Source, view: RemoteView, progress: Progress) -> None:
        self._source = source
        self._view = view
        self._progress = progress
        self.chunks = 0
        self.raw_sent_bytes = 0
        self.sent_bytes = 0
        self.packs = 0
        self.found_bytes = 0
        self.runs: set[RunName] = set()
        self._segments = 0
        self._was_emptied = view.segments.is_emptied  # asked now: a push fills it
        self._standing: Mapping[bytes, int] | None = None  # packs by size, where that is known
        self._folders: frozenset[str] | None = None  # that have packs, where only that is known
        self._looks_once = False
        self._is_first_here = False

    def send(self, lacking: Mapping[bytes, Location], runs: Collection[RunName] = ()) -> None:
        """Send what is lacking (id -> where it is at the source) and name it, as one wave.

        `runs`: those whose records are among it.
        """
        plan = plan_push(lacking, self._source.packs(lacking))
        self._progress.begin("uploading", total_bytes=plan.stored_bytes)
        # `format` comes before all packs: who has just put it is the first here.
        if self._view.write_format() and not self._view.segments.pack_count:
            self._is_first_here = True
        expected = len(plan.copies) + -(-plan.repacked_bytes // pack_format.PACK_TARGET_BYTES)
        self._looks_once = self._view.presence.is_listing_cheaper(
            expected, on_remote=self._view.segments.pack_count
        )
        if self._is_first_here:
            self._standing = {}
        elif self._looks_once:
            self._standing = self._view.presence.list_now()
        else:
            self._standing = None
            self._folders = self._view.presence.folders_now() if expected > 1 else None
        try:
            tables = self._send_packs(plan)
            if self._looks_once:
                self._look(tables)
        finally:
            self._progress.end()
        self._publish(segment.encode(tables, runs))
        self.runs.update(runs)
        self.chunks += len(lacking)
        self.raw_sent_bytes += sum(
            location.raw_len for location in lacking.values() if location.kind == Kind.CHUNK
        )

    def finish(self) -> None:
        if self.packs > MANY_PACKS:  # that took a while: others may have pushed meanwhile
            self._view.segments.list_again()
        if self._segments:
            compact(self._view, self._source.scratch, allowance_bytes=self.sent_bytes)
        if self._segments or self._view.segments.is_index_behind:
            self._view.write_format()
            self._view.write_index()

    def report(self, contents: Collection[Pointer], records_there: int) -> PushReport:
        """Return what was done for `contents`, of which so many records were there before."""
        return PushReport(
            files=len(contents),
            chunks=self.chunks,
            logical_bytes=sum(pointer.size_bytes for pointer in contents),
            raw_sent_bytes=self.raw_sent_bytes,
            sent_bytes=self.sent_bytes,
            packs=self.packs,
            chunks_already_there=records_there,
            found_bytes=self.found_bytes,
            was_emptied=self._was_emptied,
            runs=len(self.runs),
        )

    def _send_packs(self, plan: PushPlan) -> list[PackTable]:
        built: list[Parcel] = []
        try:
            whole = (_whole(self._source, pack) for pack in plan.copies)
            tables, untrue = self._run(chain(whole, self._build(plan.repacked, built)))
            if untrue:
                tables += self._run(self._build(untrue, built))[0]
        finally:
            for unsent in built:
                _discard(unsent)
        return tables

    def _run(self, errands: Iterable[_Errand]) -> tuple[list[PackTable], list[bytes]]:
        """Return the tables of the packs sent, and the ids in those that cannot be sent as they are."""
        pool: Pool[_Errand, tuple[PackTable, int] | None] = Pool(
            self._deliver,
            cost=lambda errand: errand.size_bytes,
            lanes=self._view.lanes,
            budget_bytes=UPLOAD_BUDGET_BYTES,
        )
        tables: list[PackTable] = []
        untrue: list[bytes] = []
        for errand, outcome in pool.run(errands):
            if isinstance(outcome, MlvcError):
                raise outcome
            if outcome is None:
                untrue += errand.ids
                continue
            table, sent_bytes = outcome
            tables.append(table)
            self.sent_bytes += sent_bytes
            self.packs += 1 if sent_bytes else 0
            self.found_bytes += 0 if sent_bytes else table.size_bytes
        return tables, untrue

    def _build(self, digests: Iterable[bytes], built: list[Parcel]) -> Iterator[_Errand]:
        for parcel in repack(self._source.stored(digests), self._source.scratch):
            built.append(parcel)
            yield _Errand(parcel.size_bytes, partial(_itself, parcel))

    def _deliver(self, errand: _Errand) -> tuple[PackTable, int] | None:
        parcel = errand.fetch()
        return None if parcel is None else (parcel.table, self._upload(parcel))

    def _upload(self, sent: Parcel) -> int:
        """Put one pack where it belongs; return the bytes that travelled."""
        key = remote_layout.pack_key(sent.id)
        try:
            # An interrupted push, or somebody else's, may have been here.
            if self._may_stand(sent) and stands(self._view, key, sent.size_bytes):
                return 0
            if not sent.is_temporary:
                check_whole(sent)
            with self._view.traffic.journey(sent.size_bytes):
                if not self._put(key, sent.path, sent.size_bytes):
                    return 0
            if not self._looks_once:
                check_arrival(self._view, key, sent.size_bytes)
            return sent.size_bytes
        finally:
            self._progress.advance(size_bytes=sent.size_bytes)
            _discard(sent)

    def _may_stand(self, sent: Parcel) -> bool:
        if self._standing is None:
            folder = remote_layout.pack_key(sent.id).rpartition("/")[0] + "/"
            is_worth_it = sent.size_bytes >= ASK_FIRST_BYTES
            return is_worth_it and (self._folders is None or folder in self._folders)
        return self._standing.get(sent.id) == sent.size_bytes

    def _put(self, key: str, source: bytes | Path, size_bytes: int) -> bool:
        """Send it; return whether it had to be."""
        if self._view.backend.put_if_absent(key, source):
            return True
        if stands(self._view, key, size_bytes):
            return False
        # Right name, wrong length: not what its name says, so nothing is lost by this.
        self._view.backend.put(key, source)
        return True

    def _look(self, tables: Iterable[PackTable]) -> None:
        """Look at what was sent with one listing; at what it does not show, alone."""
        shown = self._view.presence.list_now()
        for table in tables:
            if shown.get(table.id) != table.size_bytes:
                check_arrival(self._view, remote_layout.pack_key(table.id), table.size_bytes)

    def _publish(self, data: bytes) -> None:
        key = remote_layout.segment_key(blake3(data).digest())
        self._put(key, data, len(data))
        check_arrival(self._view, key, len(data))
        self._view.add_segment(data)
        self.sent_bytes += len(data)
        self._segments += 1


def _whole(source: Source, pack: LocalPack) -> _Errand:
    return _Errand(pack.size_bytes, partial(source.parcel, pack), sorted(pack.ids))


def _itself(parcel: Parcel) -> Parcel:
    return parcel


def _discard(sent: Parcel) -> None:
    if sent.is_temporary:
        with contextlib.suppress(OSError):
            sent.path.unlink()
