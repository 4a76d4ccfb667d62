"""Appends payloads to this session's pack, rolls to the next when it is full, and seals at the end.

Every method may be called from any thread; one lock keeps pack, journal and index in step.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from git_mlvc.errors import StoreError
from git_mlvc.formats.pack import ALIGN_FROM_BYTES, ALIGNMENT
from git_mlvc.store.chunk_index import ChunkIndex
from git_mlvc.store.disk import Disk, store_error
from git_mlvc.store.layout import Layout
from git_mlvc.store.open_pack import OpenPack, RunItem
from git_mlvc.store.sealing import Sealer


class Packer:
    """The writing side of one session."""

    def __init__(
        self,
        layout: Layout,
        disk: Disk,
        index: ChunkIndex,
        *,
        prepare: Callable[[], None],
    ) -> None:
        self._layout = layout
        self._disk = disk
        self._index = index
        self._prepare = prepare
        self._lock = threading.RLock()
        self._open: OpenPack | None = None
        self._sealer = Sealer(layout, disk, self._on_published, self._on_failed)
        self._wrote = False
        self.stored_bytes = 0

    def append(
        self,
        digest: bytes,
        kind: int,
        codec: int,
        raw_len: int,
        payload: bytes | memoryview,
        *,
        anew: bool = False,
    ) -> bool:
        """Write one payload unless it is here by now (or `anew`); return whether it was written.

        Raises StoreError; nothing is promised for the payload until `commit`.
        """
        with self._lock:
            known = self._index.own.get(digest)
            if not anew and known is not None and kind == known.kind:
                return False
            try:
                pack = self._room_for(len(payload))
                self._index.own[digest] = pack.append(digest, kind, codec, raw_len, payload)
            except OSError as exc:
                raise self._failure(exc) from exc
            self.stored_bytes += len(payload)
            return True

    def append_run(
        self, items: Sequence[RunItem], payload: memoryview, *, content_offset: int | None
    ) -> None:
        """Write chunks that stand back to back in `payload`, as long extents as packs allow.

        `content_offset` is where a run of raw chunks stands in its content; a long one gets the same
        remainder modulo 4096 in the pack, which is what a reflink needs. None for other chunks.
        """
        with self._lock:
            at = 0
            first = 0
            try:
                while first < len(items):
                    pack = self._room_for(items[first][2])
                    room, size, last = pack.room, 0, first
                    while last < len(items) and (last == first or size + items[last][2] <= room):
                        size += items[last][2]
                        last += 1
                    run = items[first:last]
                    padding = 0
                    if content_offset is not None and size >= ALIGN_FROM_BYTES:
                        padding = (content_offset + at - pack.end) % ALIGNMENT
                    locations = pack.append_run(run, payload[at : at + size], padding=padding)
                    for item, location in zip(run, locations, strict=True):
                        self._index.own[item[0]] = location
                    self.stored_bytes += size
                    at += size
                    first = last
            except OSError as exc:
                raise self._failure(exc) from exc

    def commit(self) -> None:
        """Journal all that was appended (law 1): what `append` wrote now survives this process."""
        with self._lock:
            if self._open is not None:
                try:
                    self._open.commit()
                except OSError as exc:
                    raise self._failure(exc) from exc

    def close(self) -> bool:
        """Seal the open pack, wait for those being sealed, publish their segment.

        Return whether anything was written since the last call.
        """
        with self._lock:
            last, self._open = self._open, None
            if last is not None:
                try:
                    last.commit()
                except OSError as exc:
                    self._index.disown(last.name, bytes(last.rows))
                    raise self._failure(exc) from exc
        wrote, self._wrote = self._wrote, False
        self._sealer.finish(last)
        return wrote

    def _room_for(self, length: int) -> OpenPack:
        pack = self._open
        if pack is not None and length > pack.room and pack.rows:
            pack.commit()
            self._open = None
            self._sealer.submit(pack)
            pack = None
        if pack is None:
            self._prepare()
            pack = self._open = OpenPack(self._layout, self._disk)
            self._wrote = True
            self._index.adopt(pack.name, pack.file)
        return pack

    def _on_published(self, segment_id: bytes, packs: Sequence[OpenPack]) -> None:
        # The segment is visible before the rows go, so that no look-up falls between.
        self._index.add_segment(segment_id)
        for pack in packs:
            self._index.release(pack.name, bytes(pack.rows))

    def _on_failed(self, pack: OpenPack) -> None:
        # The journal still vouches for it and readers find it there, but nothing new is promised on
        # the strength of a pack that may never be made durable.
        self._index.disown(pack.name, bytes(pack.rows))

    def _failure(self, exc: OSError) -> StoreError:
        return store_error(f"cannot write to the store {self._layout.top}", exc)
