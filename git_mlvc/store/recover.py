"""What dead processes left behind: their open packs are verified, sealed and indexed.

Only a journal's word counts: what it vouches for is checked byte by byte and kept, what stands after
it in the pack was promised to nobody and is cut off. Nothing of a living process is touched, and
nothing of another host's before its journal is seven days old. One process recovers at a time;
another that comes meanwhile reads through the journals.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from git_mlvc.errors import CorruptChunk, FormatError, StoreLocked
from git_mlvc.formats import journal as journal_format
from git_mlvc.formats import pack as pack_format
from git_mlvc.formats.chunk_codec import ChunkCodec
from git_mlvc.formats.journal import Entries
from git_mlvc.formats.pack import HEADER, Record
from git_mlvc.formats.segment import PackTable
from git_mlvc.fs.lock import FileLock
from git_mlvc.fs.owner import Owner, is_alive
from git_mlvc.store.disk import Disk
from git_mlvc.store.layout import JOURNAL_SUFFIX, PACK_SUFFIX, Layout, listing
from git_mlvc.store.pack_files import PackFile
from git_mlvc.store.pack_reading import read_table
from git_mlvc.store.sealing import finish_file, move_in, publish_segment
from git_mlvc.store.use_lock import make_lock_file
from git_mlvc.store.verified import verify_stored
from git_mlvc.values import value_class

FOREIGN_PATIENCE_S = 7 * 24 * 3600
ORPHAN_PATIENCE_S = 24 * 3600
TORN_PATIENCE_S = 600
_HEADER_BYTES = 8192


@value_class
class Left:
    """One journal under tmp/ and whose it is. `alive` None: another host's, and still fresh."""

    name: str
    owner: Owner | None
    alive: bool | None


def survey(layout: Layout, *, now_s: float | None = None) -> list[Left]:
    """Return every journal that stands under tmp/, with what can be known of its owner."""
    now = time.time() if now_s is None else now_s
    found = []
    for name in sorted(layout.journal_names()):
        path = layout.journal(name)
        try:
            age_s = now - os.stat(path).st_mtime
            with open(path, "rb") as stream:
                data = stream.read(_HEADER_BYTES)
        except OSError:
            continue  # its owner has just finished
        owner = None
        try:
            header, _ = journal_format.decode_header(data)
            owner = Owner.decode(header.owner)
            alive = is_alive(owner)
        except FormatError:
            # Torn header: it vouches for nothing; but its owner may be writing it this very moment.
            alive = None if age_s < TORN_PATIENCE_S else False
        if alive is None and owner is not None and age_s > FOREIGN_PATIENCE_S:
            alive = False
        found.append(Left(name, owner, alive))
    return found


def recover(layout: Layout, disk: Disk, *, now_s: float | None = None) -> int:
    """Seal what dead owners' journals vouch for; return how many packs that were.

    Does nothing when another process is at it already. Raises OSError when the disk refuses.
    """
    if all(left.alive is not False for left in survey(layout, now_s=now_s)):
        return 0
    make_lock_file(layout.lock, disk)
    try:
        with FileLock(Path(layout.lock), timeout_s=0, owner_note="recovering"):
            # Again, now that nobody else is at it.
            dead = [left.name for left in survey(layout, now_s=now_s) if left.alive is False]
            recovered = [_recover_one(name, layout, disk) for name in dead]
            _remove_orphans(layout, disk, now_s or time.time())
    except StoreLocked:
        return 0
    return sum(recovered)


def _recover_one(name: str, layout: Layout, disk: Disk) -> bool:
    journal_path, pack_path = layout.journal(name), layout.open_pack(name)
    data = Path(journal_path).read_bytes()
    try:
        _, start = journal_format.decode_header(data)
        entries = journal_format.decode_entries(data, start)
    except FormatError:
        # What it vouched for cannot be told; somebody may still be able to (law 11).
        return _set_aside(name, layout, disk)
    table = None
    if os.path.exists(pack_path):
        table = _seal_vouched(name, entries, layout, disk)
    elif entries.sealed is not None and os.path.exists(layout.pack(entries.sealed)):
        # Renamed, but no segment yet.
        table = read_table(layout.pack(entries.sealed), entries.sealed)
        disk.sync_dir(os.path.dirname(layout.pack(entries.sealed)))
    if table is not None and table.rows:
        publish_segment([table], layout, disk)
    disk.remove(journal_path)
    return table is not None


def _set_aside(name: str, layout: Layout, disk: Disk) -> bool:
    pack_path = layout.open_pack(name)
    if not os.path.exists(pack_path) or os.stat(pack_path).st_size <= len(HEADER):
        # Killed while the two were being made: there is nothing to vouch for.
        disk.remove(pack_path)
        disk.remove(layout.journal(name))
        return False
    disk.make_dir(layout.quarantine)
    for path in (layout.open_pack(name), layout.journal(name)):
        if os.path.exists(path):
            disk.rename(path, f"{layout.quarantine}/{os.path.basename(path)}")
    return False


def _seal_vouched(name: str, entries: Entries, layout: Layout, disk: Disk) -> PackTable | None:
    path = layout.open_pack(name)
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    file = PackFile(fd)
    good = [record for record in pack_format.iter_rows(entries.rows) if is_sound(file, record)]
    if not good:
        disk.remove(path)
        return None
    end = good[-1].offset + good[-1].stored_len
    disk.pwrite(fd, HEADER, 0)
    table = finish_file(fd, end, pack_format.encode_table(good), disk)
    # Readers that find the pack's temporary name gone learn its new one from the journal.
    journal_fd = os.open(layout.journal(name), os.O_RDWR | os.O_CLOEXEC)
    try:
        disk.pwrite(journal_fd, journal_format.encode_sealed(table.id), entries.end)
    finally:
        os.close(journal_fd)
    disk.sync_dir(move_in(path, table.id, layout, disk))
    return table


def is_sound(file: PackFile, record: Record) -> bool:
    """True if the payload is there and is what the record's id promises."""
    payload = file.read(record.offset, record.stored_len)
    if len(payload) != record.stored_len:
        return False
    try:
        verify_stored(record.id, record.kind, record.codec, record.raw_len, payload, ChunkCodec())
    except CorruptChunk:
        return False
    return True


def _remove_orphans(layout: Layout, disk: Disk, now_s: float) -> None:
    """Remove files under tmp/ that were on their way to a rename, or to a remote, when their process died."""
    names = set(listing(layout.tmp))
    for name in names:
        stem, dot, suffix = name.rpartition(".")
        if suffix not in (PACK_SUFFIX[1:], "segment", "format", "tmp") or not dot:
            continue
        if suffix == PACK_SUFFIX[1:] and stem + JOURNAL_SUFFIX in names:
            continue
        path = f"{layout.tmp}/{name}"
        try:
            if now_s - os.stat(path).st_mtime > ORPHAN_PATIENCE_S:
                disk.remove(path)
        except FileNotFoundError:
            continue
