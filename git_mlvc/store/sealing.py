"""Sealing: an open pack becomes a file nobody changes any more, and a segment says what is in it.

The order is the point (laws 1, 2, 10): table and footer, fsync, the journal's SEALED entry with the
pack's id, rename, fsync of the directory; then the segment; then the journal goes. Killed anywhere
between, `recover` goes on from what it finds.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Sequence

from git_mlvc.formats import journal as journal_format
from git_mlvc.formats import pack as pack_format
from git_mlvc.formats import segment as segment_format
from git_mlvc.formats.segment import PackTable
from git_mlvc.store.disk import Disk, store_error
from git_mlvc.store.layout import Layout, unique_name
from git_mlvc.store.open_pack import OpenPack
from git_mlvc.store.pack_digest import RunningDigest, file_digest
from git_mlvc.store.pack_runs import runs_in

ROWS_PER_SEGMENT = 65536


def finish_file(
    fd: int, end: int, rows: bytes, disk: Disk, written: RunningDigest | None = None
) -> PackTable:
    """Write table and footer after the payloads, make all of it durable, return what it became.

    `written` is the digest of the first `end` bytes if it was taken while they were written.
    """
    tail = rows + pack_format.encode_footer(rows, end)
    disk.pwrite(fd, tail, end)
    size_bytes = end + len(tail)
    disk.truncate(fd, size_bytes)
    pack_id = None
    if written is not None and written.size_bytes == end:
        written.add(tail)
        pack_id = written.digest(size_bytes)
    if pack_id is None:
        pack_id = file_digest(fd, size_bytes)
    disk.sync(fd)
    return PackTable(pack_id, size_bytes, rows)


def move_in(tmp_path: str, pack_id: bytes, layout: Layout, disk: Disk) -> str:
    """Rename a finished pack to its place; return the directory that still wants an fsync."""
    target = layout.pack(pack_id)
    shard = os.path.dirname(target)
    if disk.make_dir(shard):
        disk.sync_dir(os.path.dirname(shard))
    disk.rename(tmp_path, target)
    return shard


def publish_segment(packs: Sequence[PackTable], layout: Layout, disk: Disk) -> bytes:
    """Write the segment over these packs; return its id. The packs are durable by now, and in their places.

    It lists the runs in them. Raises OSError.
    """
    runs = [run for pack in packs for run in runs_in(layout.pack(pack.id), pack.rows)]
    return write_segment(segment_format.encode(packs, runs), layout, disk)


def write_segment(data: bytes, layout: Layout, disk: Disk) -> bytes:
    """Publish an encoded segment under the name its bytes give it."""
    from blake3 import blake3

    segment_id: bytes = blake3(data).digest()
    disk.make_dir(layout.segments)
    target = layout.segment(segment_id)
    if not os.path.exists(target):
        disk.write_new(layout.tmp, unique_name() + ".segment", data, target)
    return segment_id


class Sealer:
    """Seals full packs on a thread of its own while the next one fills.

    Errors do not lose anything (the journal still vouches for the pack); the first is raised by the
    next `submit` or by `finish`.
    """

    def __init__(
        self,
        layout: Layout,
        disk: Disk,
        published: Callable[[bytes, Sequence[OpenPack]], None],
        failed: Callable[[OpenPack], None],
    ) -> None:
        self._layout = layout
        self._disk = disk
        self._published = published
        self._failed = failed
        self._queue: queue.SimpleQueue[OpenPack | None] = queue.SimpleQueue()
        self._slots = threading.Semaphore(2)
        self._thread: threading.Thread | None = None
        self._failure: OSError | None = None
        self._sealed: list[tuple[PackTable, OpenPack]] = []
        self._rows = 0
        self._shards: set[str] = set()

    def submit(self, pack: OpenPack) -> None:
        """Take a committed pack. Waits while two are still on their way to the disk."""
        self._raise_failure()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="seal", daemon=True)
            self._thread.start()
        self._slots.acquire()
        self._queue.put(pack)

    def finish(self, last: OpenPack | None) -> None:
        """Seal `last` here, wait for the others, publish what has no segment yet."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None
        if last is not None:
            self._try_to_seal(last)
        try:
            self._publish()
        except OSError as exc:
            self._failure = self._failure or exc
            for _, pack in self._sealed:
                self._failed(pack)
            self._sealed = []
        self._raise_failure()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise store_error(f"cannot seal a pack in {self._layout.top}", failure) from failure

    def _run(self) -> None:
        while (pack := self._queue.get()) is not None:
            self._try_to_seal(pack)
            if self._rows >= ROWS_PER_SEGMENT:
                try:
                    self._publish()
                except OSError as exc:
                    self._failure = self._failure or exc
            self._slots.release()

    def _try_to_seal(self, pack: OpenPack) -> None:
        try:
            self._seal(pack)
        except OSError as exc:
            self._failure = self._failure or exc
            self._failed(pack)

    def _seal(self, pack: OpenPack) -> None:
        table = finish_file(pack.file.fd, pack.end, bytes(pack.rows), self._disk, pack.written)
        pack.journal(journal_format.encode_sealed(table.id))
        self._shards.add(move_in(pack.path, table.id, self._layout, self._disk))
        self._sealed.append((table, pack))
        self._rows += len(table.rows) // pack_format.ROW_SIZE

    def _publish(self) -> None:
        if not self._sealed:
            return
        for shard in self._shards:
            self._disk.sync_dir(shard)
        self._shards.clear()
        sealed = self._sealed
        segment_id = publish_segment([table for table, _ in sealed], self._layout, self._disk)
        self._sealed, self._rows = [], 0
        self._published(segment_id, [pack for _, pack in sealed])
        for _, pack in sealed:
            pack.close_journal()
            self._disk.remove(pack.journal_path)
