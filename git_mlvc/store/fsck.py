"""Is everything in the store what it claims to be? And what can be done where it is not.

`check` only reads. `quarantine` moves a damaged pack aside after saving what is still good in it;
`rebuild` makes segments again from the packs' own tables. Neither deletes a byte of data.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from git_mlvc.errors import FormatError, StoreError
from git_mlvc.formats import store_config
from git_mlvc.formats.pack import ROW_SIZE, Record, iter_rows
from git_mlvc.formats.segment import PackTable
from git_mlvc.fs.atomic import Permissions
from git_mlvc.fs.lock import FileLock
from git_mlvc.progress import Progress, Silent
from git_mlvc.store.disk import Disk, store_error
from git_mlvc.store.dropping import drop_from_segments
from git_mlvc.store.fsck_runs import strange_runs, wrong_runs
from git_mlvc.store.layout import Layout
from git_mlvc.store.pack_files import PackFile
from git_mlvc.store.pack_reading import read_table
from git_mlvc.store.packer import Packer
from git_mlvc.store.quarantine import note as note_lost
from git_mlvc.store.recover import is_sound, survey
from git_mlvc.store.repack import copy_records
from git_mlvc.store.run_contents import StrangeRun
from git_mlvc.store.scrub import scrub
from git_mlvc.store.sealing import ROWS_PER_SEGMENT, publish_segment
from git_mlvc.store.store import Store
from git_mlvc.store.use_lock import make_lock_file


@dataclass(frozen=True, slots=True)
class DamagedPack:
    """A pack that is not what its name, table or records say. `bad`: the records that are not good."""

    id: bytes
    why: str
    bad: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class DamagedSegment:
    """A segment that does not parse, or that says other things than the packs it names."""

    id: bytes
    why: str


@dataclass(frozen=True, slots=True)
class Report:
    """What `check` saw. Ids are raw digests; `lost` are records of which no good copy was found.

    `strange_runs` are no damage: whoever wrote them wrote just that.
    """

    packs: int
    segments: int
    records: int
    size_bytes: int
    damaged_packs: tuple[DamagedPack, ...]
    damaged_segments: tuple[DamagedSegment, ...]
    missing_packs: tuple[bytes, ...]
    unindexed_packs: tuple[bytes, ...]
    dead_journals: tuple[str, ...]
    lost: frozenset[bytes]
    strange_runs: tuple[StrangeRun, ...] = ()

    @property
    def is_sound(self) -> bool:
        """True if nothing is damaged or lost. Work for `recover` or `rebuild` is not damage."""
        return not (self.damaged_packs or self.damaged_segments or self.missing_packs or self.lost)


def check(store: Store, *, deep: bool = True, progress: Progress | None = None) -> Report:
    """Read the whole store: tables and segments, and with `deep` every payload."""
    progress = progress or Silent()
    packs = store.packs()
    progress.begin("checking packs", total_bytes=sum(p.size_bytes for p in packs))
    damaged: list[DamagedPack] = []
    records = 0
    for pack in packs:
        count, problem = _check_pack(store, pack.id, deep=deep)
        records += count
        if problem is not None:
            damaged.append(problem)
        progress.advance(size_bytes=pack.size_bytes)
    present = {p.id for p in packs}
    damaged_segments, named, absent_rows = _check_segments(store, present, {d.id for d in damaged})
    suspects = {digest for pack in damaged for digest in pack.bad} | absent_rows
    progress.end()
    return Report(
        packs=len(packs),
        segments=len(store.segments()),
        records=records,
        size_bytes=sum(p.size_bytes for p in packs),
        damaged_packs=tuple(damaged),
        damaged_segments=tuple(damaged_segments),
        missing_packs=tuple(sorted(named - present)),
        unindexed_packs=tuple(sorted(present - named - _pending(store))),
        dead_journals=tuple(s.name for s in survey(store.layout) if s.alive is False),
        lost=frozenset(d for d in suspects if not _is_readable(store, d)),
        strange_runs=tuple(strange_runs(store)),
    )


def quarantine(store: Store, pack_id: bytes) -> tuple[bytes, ...]:
    """Move a pack to quarantine/; its good records go into a new pack first.

    Where all of its records are good, a whole pack takes its place instead. Returns the ids of the records that could not be saved. Raises StoreError, StoreLocked.
    """
    try:
        make_lock_file(store.layout.lock, store.disk)
        with FileLock(Path(store.layout.lock), timeout_s=10, owner_note="quarantine"):
            return _quarantine(store, pack_id)
    except OSError as exc:
        raise store_error("cannot move a damaged pack aside", exc) from exc


def rebuild(store: Store) -> int:
    """Make segments for the packs that no readable segment names; return how many packs those were.

    Segments that do not parse are moved to quarantine/. Raises StoreError, StoreLocked.
    """
    try:
        make_lock_file(store.layout.lock, store.disk)
        with FileLock(Path(store.layout.lock), timeout_s=10, owner_note="rebuilding segments"):
            return _rebuild(store)
    except OSError as exc:
        raise store_error("cannot rebuild the store's segments", exc) from exc


def mend_format(path: Path, permissions: Permissions) -> str:
    """Write a store's format file anew if it is damaged; return what was wrong with it, "" if nothing.

    Only where there are packs, so that it is a store. Raises FormatError for a newer version, StoreError.
    """
    layout, disk = Layout(path), Disk(permissions)
    try:
        with open(layout.format, "rb") as file:
            store_config.decode(file.read(store_config.MAX_CONFIG_BYTES + 1))
    except FileNotFoundError:
        return ""
    except OSError as exc:
        raise store_error(f"cannot open the store {path}", exc) from exc
    except FormatError as exc:
        if exc.hint or not os.path.isdir(layout.packs):
            raise
        try:
            disk.make_dir(layout.quarantine)
            disk.rename(layout.format, f"{layout.quarantine}/format")
            with Store.open(path, permissions=permissions) as store:
                store.prepare()
        except OSError as refused:
            raise store_error("cannot mend the store's format file", refused) from refused
        return str(exc)
    return ""


def _check_pack(store: Store, pack_id: bytes, *, deep: bool) -> tuple[int, DamagedPack | None]:
    path = store.layout.pack(pack_id)
    try:
        table = read_table(path, pack_id)
        file = PackFile.open(path)
    except FormatError as exc:
        rows = _rows_in_segments(store, pack_id)
        bad = tuple(r.id for r in rows if not _is_sound_at(path, r))
        return len(rows), DamagedPack(pack_id, str(exc), bad)
    except OSError as exc:
        return 0, DamagedPack(pack_id, exc.strerror or str(exc), ())
    count = len(table.rows) // ROW_SIZE
    if not deep:
        return count, None
    try:
        found = scrub(file, iter_rows(table.rows))
    except OSError as exc:
        return count, DamagedPack(pack_id, exc.strerror or str(exc), ())
    if found.bad:
        why = f"{len(found.bad)} of its {count} records are damaged"
        return count, DamagedPack(pack_id, why, found.bad)
    if found.digest != pack_id:
        return count, DamagedPack(pack_id, "its bytes are not the ones it is named by", ())
    return count, None


def _check_segments(
    store: Store, present: set[bytes], damaged_packs: set[bytes]
) -> tuple[list[DamagedSegment], set[bytes], set[bytes]]:
    store.index.reload()
    damaged = [DamagedSegment(s, str(exc)) for s, exc in store.index.damaged().items()]
    named: set[bytes] = set()
    absent_rows: set[bytes] = set()
    for segment_id, view in store.index.views().items():
        try:
            view.verify()
        except FormatError as exc:
            damaged.append(DamagedSegment(segment_id, str(exc)))
            continue
        for table in view.tables():
            named.add(table.id)
            if table.id not in present:
                absent_rows.update(r.id for r in iter_rows(table.rows))
            elif table.id not in damaged_packs and not _agrees(store, table):
                why = f"it says other things than pack {table.id.hex()[:16]} itself"
                damaged.append(DamagedSegment(segment_id, why))
                break
        else:
            why = wrong_runs(store, view)
            if why:
                damaged.append(DamagedSegment(segment_id, why))
    return damaged, named, absent_rows


def _agrees(store: Store, table: PackTable) -> bool:
    try:
        own = read_table(store.layout.pack(table.id), table.id)
    except (FormatError, OSError):
        return True  # the pack is to blame, and was
    if own.size_bytes != table.size_bytes:
        return False
    return own.rows == table.rows or sorted(iter_rows(own.rows)) == sorted(iter_rows(table.rows))


def _pending(store: Store) -> set[bytes]:
    """Packs that are sealed and whose session has yet to publish their segment."""
    store.index.refresh()
    return store.index.journals.all_sealed()


def _is_readable(store: Store, digest: bytes) -> bool:
    try:
        store.read_stored(digest)
    except StoreError:
        return False
    return True


def _rows_in_segments(store: Store, pack_id: bytes) -> list[Record]:
    for view in store.index.views().values():
        for table in view.tables():
            if table.id == pack_id:
                return list(iter_rows(table.rows))
    return []


def _is_sound_at(path: str, record: Record) -> bool:
    try:
        return is_sound(PackFile.open(path), record)
    except OSError:
        return False


def _quarantine(store: Store, pack_id: bytes) -> tuple[bytes, ...]:
    path = store.layout.pack(pack_id)
    try:
        records = list(iter_rows(read_table(path, pack_id).rows))
    except FormatError:
        # Its own table is gone; the segments hold a copy.
        records = _rows_in_segments(store, pack_id)
    packer = Packer(store.layout, store.disk, store.index, prepare=store.prepare)
    damaged = PackFile.open(path)
    lost = copy_records(damaged, records, packer)
    packer.close()
    store.forget_packs({pack_id})
    if os.stat(path).st_ino != os.fstat(damaged.fd).st_ino:
        return ()  # only header, table or footer were bad: the pack has been made again as it was
    nowhere = tuple(digest for digest in lost if not _is_readable(store, digest))
    # First: what the segments know of it is not known any more when they have dropped it.
    note_lost(store, pack_id, nowhere)
    drop_from_segments({pack_id}, store.layout, store.disk, store.index)
    store.disk.make_dir(store.layout.quarantine)
    store.disk.rename(path, f"{store.layout.quarantine}/{pack_id.hex()}")
    store.forget_packs({pack_id})
    return nowhere


def _rebuild(store: Store) -> int:
    store.index.reload()
    named: set[bytes] = set()
    broken = set(store.index.damaged())
    for segment_id, view in store.index.views().items():
        try:
            view.verify()
        except FormatError:
            broken.add(segment_id)
            continue
        agrees = all(_agrees(store, table) for table in view.tables() if _exists(store, table.id))
        if agrees and not wrong_runs(store, view):
            named.update(entry.id for entry in view.packs)
        else:
            broken.add(segment_id)
    # First, because the new one may have the same name; a segment is only a copy of the packs' tables.
    for segment_id in broken:
        store.disk.make_dir(store.layout.quarantine)
        if os.path.exists(store.layout.segment(segment_id)):
            store.disk.rename(
                store.layout.segment(segment_id),
                f"{store.layout.quarantine}/{segment_id.hex()}.segment",
            )
    store.index.forget(broken)
    tables: list[PackTable] = []
    rebuilt = rows = 0
    for pack_id in store.layout.pack_ids():
        if pack_id in named:
            continue
        try:
            table = read_table(store.layout.pack(pack_id), pack_id)
        except FormatError:
            continue
        tables.append(table)
        rebuilt += 1
        rows += len(table.rows)
        if rows >= ROWS_PER_SEGMENT * 50:
            publish_segment(tables, store.layout, store.disk)
            tables, rows = [], 0
    if tables:
        publish_segment(tables, store.layout, store.disk)
    gone = {
        entry.id
        for view in store.index.views().values()
        for entry in view.packs
        if not _exists(store, entry.id)
    }
    for pack_id in gone:
        known = _rows_in_segments(store, pack_id)
        note_lost(store, pack_id, [r.id for r in known if not _is_readable(store, r.id)])
    if gone:
        drop_from_segments(gone, store.layout, store.disk, store.index)
    store.index.reload()
    return rebuilt


def _exists(store: Store, pack_id: bytes) -> bool:
    return os.path.exists(store.layout.pack(pack_id))
