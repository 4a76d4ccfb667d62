"""Sends what a remote lacks: packs, then the segment that names them, then the hint.

Law 1: nobody is told of a pack before it is there and has been looked at. A push that dies leaves
packs that nobody names; the next finds them by their names and goes on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from blake3 import blake3

from git_mlvc.backend.base import Capability, require
from git_mlvc.errors import (
    CorruptChunk,
    FormatError,
    MlvcError,
    RemoteRefused,
    RemoteUnavailable,
)
from git_mlvc.formats import pack as pack_format
from git_mlvc.formats import segment
from git_mlvc.formats.pack import Kind
from git_mlvc.formats.pointer import Pointer
from git_mlvc.formats.segment import Location, PackTable
from git_mlvc.oid import DIGEST_SIZE
from git_mlvc.progress import Progress, Silent
from git_mlvc.repo_path import RepoPath
from git_mlvc.store.pack_reading import read_table
from git_mlvc.store.store import Store
from git_mlvc.transfer import parcel, remote_layout
from git_mlvc.transfer.lacking import WAVE_RECORDS, Bases, Survey
from git_mlvc.transfer.parcel import Parcel
from git_mlvc.transfer.plan import LocalPack, MissingData, PushPlan, PushReport, plan_push
from git_mlvc.transfer.queue import Pool
from git_mlvc.transfer.remote_compaction import compact
from git_mlvc.transfer.remote_view import RemoteView

ASK_FIRST_BYTES = 4 << 20  # a pack from this size on is looked for before it is sent
HASH_BLOCK_BYTES = 1 << 20
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
) -> PushReport:
    """Make the remote hold all that the pointers need.

    `bases`: contents that the remote is believed to hold, asked for only where it is too large to be asked
    about everything. Returns only when every record is named by a segment there and its pack has been seen to stand
    there with the right size. Raises MissingData naming all files whose data is nowhere to be had,
    CorruptChunk for damage in the store, RemoteError.
    """
    require(view.backend, Capability.WRITE, "push")
    view.refresh()
    survey = Survey(store, view, wave_records=wave_records, bases=bases)
    pusher = _Pusher(store, view, progress or Silent())
    contents = dict.fromkeys(use.pointer for use in uses)
    for wave in survey.waves(contents):
        pusher.send(wave)
    if survey.lost:
        lost = set(survey.lost)
        named = sorted({str(use.path) for use in uses if use.pointer in lost})
        raise MissingData(tuple(named), view.name)
    pusher.finish()
    return PushReport(
        files=len(contents),
        chunks=pusher.chunks,
        logical_bytes=sum(pointer.size_bytes for pointer in contents),
        raw_sent_bytes=pusher.raw_sent_bytes,
        sent_bytes=pusher.sent_bytes,
        packs=pusher.packs,
        chunks_already_there=survey.records_there,
    )


class _Pusher:
    """What one push has sent so far."""

    def __init__(self, store: Store, view: RemoteView, progress: Progress) -> None:
        self._store = store
        self._view = view
        self._progress = progress
        self.chunks = 0
        self.raw_sent_bytes = 0
        self.sent_bytes = 0
        self.packs = 0
        self._segments = 0

    def send(self, lacking: Mapping[bytes, Location]) -> None:
        """Send what is lacking (id -> where it is locally) and name it, as one wave."""
        plan = plan_push(lacking, self._sealed_packs(lacking))
        self._progress.begin("uploading", total_bytes=plan.stored_bytes)
        self._view.write_format()
        try:
            tables = self._send_packs(plan)
        finally:
            self._progress.end()
        self._publish(segment.encode(tables))
        self.chunks += len(lacking)
        self.raw_sent_bytes += sum(
            location.raw_len for location in lacking.values() if location.kind == Kind.CHUNK
        )

    def finish(self) -> None:
        if self._segments:
            directory = Path(self._store.layout.tmp)
            compact(self._view.segments, directory, allowance_bytes=self.sent_bytes)
            self._view.write_index()

    def _sealed_packs(self, lacking: Mapping[bytes, Location]) -> Iterator[LocalPack]:
        """Yield the sealed packs that hold something lacking."""
        for pack_id in dict.fromkeys(location.pack for location in lacking.values()):
            if len(pack_id) == DIGEST_SIZE:
                table = self._table_of(pack_id)
                if table is not None:
                    ids = frozenset(row.id for row in pack_format.iter_rows(table.rows))
                    yield LocalPack(pack_id, table.size_bytes, ids)

    def _table_of(self, pack_id: bytes) -> PackTable | None:
        try:
            return read_table(str(self._store.pack_path(pack_id)), pack_id)
        except (OSError, FormatError):
            return None  # its records are read one by one, which says what is wrong with it

    def _send_packs(self, plan: PushPlan) -> list[PackTable]:
        pool: Pool[Parcel, int] = Pool(
            self._upload, cost=lambda parcel: parcel.size_bytes, budget_bytes=UPLOAD_BUDGET_BYTES
        )
        tables = []
        parcels: list[Parcel] = []
        try:
            for sent, outcome in pool.run(self._parcels(plan, parcels)):
                if isinstance(outcome, MlvcError):
                    raise outcome
                tables.append(sent.table)
                self.sent_bytes += outcome
                self.packs += 1 if outcome else 0
        finally:
            for unsent in parcels:
                _discard(unsent)
        return tables

    def _parcels(self, plan: PushPlan, made: list[Parcel]) -> Iterator[Parcel]:
        for pack in plan.copies:
            table = self._table_of(pack.id)
            if table is None:
                raise CorruptChunk(
                    f"pack {pack.id.hex()[:16]} of the store vanished while it was sent",
                    hint="push again",
                )
            yield Parcel(self._store.pack_path(pack.id), table, False)
        directory = Path(self._store.layout.tmp)
        for built in parcel.repack(plan.repacked, self._store.read_stored, directory):
            made.append(built)
            yield built

    def _upload(self, sent: Parcel) -> int:
        """Put one pack where it belongs and look at it; return the bytes that travelled."""
        key = remote_layout.pack_key(sent.id)
        backend = self._view.backend
        try:
            if sent.size_bytes >= ASK_FIRST_BYTES:
                found = backend.stat(key)
                if found is not None and found.size_bytes == sent.size_bytes:
                    return 0  # an interrupted push, or somebody else's, has been here
            if not sent.is_temporary:
                _check_whole(sent)
            if not backend.put_if_absent(key, sent.path):
                found = backend.stat(key)
                if found is not None and found.size_bytes == sent.size_bytes:
                    return 0
                # Right name, wrong length: not what its name says, so nothing is lost by this.
                backend.put(key, sent.path)
            self._check_arrival(key, sent.size_bytes)
            return sent.size_bytes
        finally:
            self._progress.advance(size_bytes=sent.size_bytes)
            _discard(sent)

    def _publish(self, data: bytes) -> None:
        key = remote_layout.segment_key(blake3(data).digest())
        if not self._view.backend.put_if_absent(key, data):
            found = self._view.backend.stat(key)
            if found is None or found.size_bytes != len(data):
                self._view.backend.put(key, data)
        self._check_arrival(key, len(data))
        self._view.add_segment(data)
        self.sent_bytes += len(data)
        self._segments += 1

    def _check_arrival(self, key: str, size_bytes: int) -> None:
        """Raise unless what was sent stands there: a server's word is not enough."""
        found = self._view.backend.stat(key)
        if found is None:
            raise RemoteUnavailable(
                f"remote '{self._view.name}' took {key} and does not have it",
                hint="push again; nothing was told of it yet",
            )
        if found.size_bytes != size_bytes:
            raise RemoteRefused(
                f"remote '{self._view.name}' kept {found.size_bytes} of {size_bytes} bytes of {key}",
                hint="push again; if it happens again, that server cannot be used",
            )


def _check_whole(sent: Parcel) -> None:
    """Law 3: what leaves the store under a name is what the name says."""
    hasher = blake3()
    block = memoryview(bytearray(HASH_BLOCK_BYTES))
    try:
        # Not mapped: mapped packs of several threads would count as memory of this process.
        with sent.path.open("rb", buffering=0) as stream:
            while length := stream.readinto(block):
                hasher.update(block[:length])
    except OSError as exc:
        raise CorruptChunk(f"cannot read {sent.path}", why=exc.strerror or str(exc)) from exc
    if hasher.digest() != sent.id:
        raise CorruptChunk(
            f"pack {sent.id.hex()[:16]} of the store is damaged",
            why="its bytes are not the ones its name says",
            hint="git mlvc fsck --repair, then push again",
        )


def _discard(sent: Parcel) -> None:
    if sent.is_temporary:
        with contextlib.suppress(OSError):
            sent.path.unlink()
