"""Adoption: a pack of another store comes in as it is, once every record in it was found to be true.

That a pack's bytes are the ones it is named by says nothing of the ids in its table: whoever wrote it
could name bytes by ids that are not theirs, and a content taken in later would then not be stored,
because it seems to be here. So each record is decoded and hashed at the door (law 3), as one that
comes alone would be. The rest is as in `sealing`: fsync, the journal's SEALED entry, rename, segment.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from blake3 import blake3

from git_mlvc.errors import CorruptChunk, FormatError, StoreError
from git_mlvc.formats import journal as journal_format
from git_mlvc.formats import pack as pack_format
from git_mlvc.formats.chunk_codec import ChunkCodec, Codec
from git_mlvc.formats.pack import Kind, Record
from git_mlvc.formats.segment import PackTable
from git_mlvc.store.chunk_index import ChunkIndex
from git_mlvc.store.disk import Disk, store_error
from git_mlvc.store.layout import Layout
from git_mlvc.store.open_pack import OpenPack
from git_mlvc.store.pack_files import PackFile
from git_mlvc.store.pack_reading import read_table
from git_mlvc.store.sealing import ROWS_PER_SEGMENT, move_in, publish_segment
from git_mlvc.store.use_lock import UseLock
from git_mlvc.store.verified import verify_stored

WINDOW_BYTES = 1 << 20  # stays in the processor's cache while it is hashed twice


@dataclass(frozen=True, slots=True)
class Guest:
    """A pack that has come, is true and is on the disk, and waits for its name."""

    table: PackTable
    pack: OpenPack


class Adoption:
    """Takes in packs until `publish`. `fetch` may be called from several threads, the rest from one."""

    def __init__(
        self,
        layout: Layout,
        disk: Disk,
        index: ChunkIndex,
        *,
        prepare: Callable[[], None],
        closed: Callable[[], None],
    ) -> None:
        self._layout = layout
        self._disk = disk
        self._index = index
        self._prepare = prepare
        self._closed = closed
        self._use = UseLock(layout, disk)
        self._lock = threading.Lock()
        self._is_closed = False
        self._arrived: dict[bytes, Guest] = {}  # without a place yet
        self._waiting: list[Guest] = []  # without a segment yet
        self._rows = 0
        self._published = False

    def fetch(self, pack_id: bytes, write_to: Callable[[int], None]) -> Guest:
        """Have `write_to` write a pack into an empty file, and verify all of it.

        Raises CorruptChunk for bytes that are no true pack of that name, StoreError when the disk
        refuses, and what `write_to` raises; then nothing of it stays.
        """
        try:
            with self._lock:
                self._use.acquire_shared()  # before anything is made: gc waits from here on
                self._prepare()
            pack = OpenPack(self._layout, self._disk)
            try:
                self._disk.truncate(pack.file.fd, 0)
                write_to(pack.file.fd)
                table = verified_table(pack.path, pack_id)
                self._disk.sync(pack.file.fd)
                guest = Guest(table, pack)
                with self._lock:
                    if self._is_closed:
                        raise StoreError("a pack came when nobody waited for it any more")
                    self._arrived[pack.key] = guest
            except BaseException:
                self._turn_away(pack)
                raise
        except OSError as exc:
            raise store_error(f"cannot write to the store {self._layout.top}", exc) from exc
        return guest

    def keep(self, guest: Guest) -> None:
        """Give a pack its place. Raises StoreError."""
        with self._lock:
            del self._arrived[guest.pack.key]
        try:
            guest.pack.journal(journal_format.encode_sealed(guest.table.id))
            shard = move_in(guest.pack.path, guest.table.id, self._layout, self._disk)
            self._disk.sync_dir(shard)
        except OSError as exc:
            self._turn_away(guest.pack)
            raise store_error(f"cannot write to the store {self._layout.top}", exc) from exc
        self._waiting.append(guest)
        self._rows += len(guest.table.rows) // pack_format.ROW_SIZE
        if self._rows >= ROWS_PER_SEGMENT:
            self.publish()

    def publish(self) -> None:
        """Name what was kept in a segment, so that it is found. Raises StoreError.

        Where that fails, journals still say which packs they are: the next session names them.
        """
        waiting, self._waiting, self._rows = self._waiting, [], 0
        if not waiting:
            return
        try:
            tables = [guest.table for guest in waiting]
            self._index.add_segment(publish_segment(tables, self._layout, self._disk))
            for guest in waiting:
                self._disk.remove(guest.pack.journal_path)
            self._published = True
        except OSError as exc:
            raise store_error(f"cannot write to the store {self._layout.top}", exc) from exc
        finally:
            for guest in waiting:
                guest.pack.close_journal()

    def close(self) -> None:
        """Publish, turn away what came and was not kept, and let gc go on."""
        with self._lock:
            self._is_closed = True
            unkept, self._arrived = self._arrived, {}
        try:
            for guest in unkept.values():
                self._turn_away(guest.pack)
            self.publish()
            if self._published:
                self._closed()
        finally:
            self._use.release()

    def _turn_away(self, pack: OpenPack) -> None:
        pack.close_journal()
        self._disk.remove(pack.path)
        self._disk.remove(pack.journal_path)


def verified_table(path: str, pack_id: bytes) -> PackTable:
    """Return a pack's table after its bytes were found to be those of `pack_id`, each record true.

    Raises CorruptChunk, OSError.
    """
    try:
        table = read_table(path, pack_id)
    except FormatError as exc:
        raise CorruptChunk(f"damaged pack {pack_id.hex()[:16]}", why=str(exc)) from exc
    file = PackFile.open(path)
    hasher = blake3()
    codec = ChunkCodec()
    space = memoryview(bytearray(WINDOW_BYTES))
    at = 0
    for run in _runs(pack_format.iter_rows(table.rows)):
        start, end = run[0].offset, _end(run[-1])
        _hash(file, at, start, hasher, space)
        if end - start > len(space):
            space = memoryview(bytearray(end - start))
        window = file.read_into(start, space[: end - start])
        hasher.update(window)
        for record in run:
            _verify(record, window[record.offset - start : _end(record) - start], codec)
        at = end
    _hash(file, at, table.size_bytes, hasher, space)
    if hasher.digest() != pack_id:
        raise CorruptChunk(
            f"damaged pack {pack_id.hex()[:16]}", why="its bytes are not the ones it is named by"
        )
    return table


def _runs(records: Iterable[Record]) -> Iterator[list[Record]]:
    """Yield consecutive records that fit a window together; one alone may be larger."""
    run: list[Record] = []
    for record in records:
        if run and _end(record) - run[0].offset > WINDOW_BYTES:
            yield run
            run = []
        run.append(record)
    if run:
        yield run


def _hash(file: PackFile, start: int, end: int, hasher: blake3, space: memoryview) -> None:
    while start < end:
        window = file.read_into(start, space[: end - start])
        if not window:
            return
        hasher.update(window)
        start += len(window)


def _end(record: Record) -> int:
    return record.offset + record.stored_len


def _verify(record: Record, payload: memoryview, codec: ChunkCodec) -> None:
    if record.codec == Codec.RAW and record.kind != Kind.RECIPE:
        if blake3(payload).digest() == record.id:
            return
        raise CorruptChunk(
            f"damaged record {record.id.hex()[:16]}",
            why="its bytes are not the ones it is named by",
        )
    verify_stored(record.id, record.kind, record.codec, record.raw_len, bytes(payload), codec)
