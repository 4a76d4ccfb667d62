"""A session: contents go in, pointers come out; at the end its packs are sealed.

Small contents take the short way in `ingest_bytes`, on the caller's thread. Large ones stream
through `pipeline`. Either way the pointer is returned only after the journal vouches for every
chunk and the recipe (law 1).
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING

from blake3 import blake3

from git_mlvc import chunking
from git_mlvc.errors import FormatError
from git_mlvc.formats import recipe as recipe_format
from git_mlvc.formats.chunk_codec import ChunkCodec
from git_mlvc.formats.chunk_encoder import ChunkEncoder, Series
from git_mlvc.formats.pack import Kind
from git_mlvc.formats.pointer import Pointer
from git_mlvc.formats.recipe import ROW, Recipe
from git_mlvc.oid import Oid
from git_mlvc.store.chunk_index import PACK_ID_SIZE, ChunkIndex
from git_mlvc.store.disk import Disk
from git_mlvc.store.layout import Layout
from git_mlvc.store.packer import Packer
from git_mlvc.store.use_lock import UseLock
from git_mlvc.store.verified import verify_stored
from git_mlvc.values import value_class

if TYPE_CHECKING:
    from git_mlvc.store.recognise import Recognised

INLINE_BYTES = 1 << 20  # above this, threads pay


@value_class(frozen=False)
class Stats:
    """What went through a session. `dedup_bytes` of the raw bytes were in the store already."""

    files: int = 0
    raw_bytes: int = 0
    new_chunks: int = 0
    new_raw_bytes: int = 0
    stored_bytes: int = 0

    @property
    def dedup_bytes(self) -> int:
        return self.raw_bytes - self.new_raw_bytes


class Session:
    """One open pack and its journal; any number of processes may have one on the same store.

    May be used from several threads at once. `close` (or the end of the `with` block) seals.
    """

    def __init__(
        self,
        layout: Layout,
        disk: Disk,
        index: ChunkIndex,
        *,
        prepare: Callable[[], None],
        closed: Callable[[], None],
        recipes_of: Callable[[bytes], list[bytes]],
        entries_of: Callable[[Pointer], Iterator[tuple[bytes, int]]],
    ) -> None:
        self._recipes_of = recipes_of
        self._entries_of = entries_of
        self._stats = Stats()
        self._layout = layout
        self._index = index
        self._use = UseLock(layout, disk)
        self._packer = Packer(layout, disk, index, prepare=prepare)
        self._closed = closed
        self._local = threading.local()
        self._counting = threading.Lock()
        self._fresh: dict[bytes, bool] = {}

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def stats(self) -> Stats:
        """What went through so far, as a value of its own."""
        from dataclasses import replace  # slow to import, and git's filter asks for no statistics

        return replace(self._stats, stored_bytes=self._packer.stored_bytes)

    def ingest(self, blocks: Iterable[bytes | memoryview]) -> Pointer | None:
        """Take in the content that `blocks` are, back to back; None if it is empty.

        Raises StoreError; then nothing was promised, the store is sound, and the next call may work.
        """
        stream = iter(blocks)
        head: list[bytes | memoryview] = []
        size_bytes = 0
        for block in stream:
            head.append(block)
            size_bytes += len(block)
            if size_bytes > INLINE_BYTES:
                break
        else:
            return self.ingest_bytes(bytes(head[0]) if len(head) == 1 else b"".join(head))
        from git_mlvc.store.pipeline import filler

        return self._ingest_stream(filler(itertools.chain(head, stream)))

    def ingest_from(
        self,
        read_into: Callable[[memoryview], int],
        like: Callable[[], Pointer | None] | None = None,
    ) -> Pointer | None:
        """Take in a large content that `read_into` lays into our memory, without a copy between.

        It fills what it is given and returns how many bytes it put there, 0 at the end. `like` names a
        content that this one may be, or begin like: what is the same is compared, and not cut again. It is
        asked for where that pays. As `ingest`.
        """
        if like is None:
            return self._ingest_stream(read_into)
        from git_mlvc.store.recognise import Recognised, is_longer_than_a_window, recognise

        is_long, read_into = is_longer_than_a_window(read_into)
        pointer = like() if is_long else None
        if pointer is None or pointer.size_bytes <= chunking.MAX:
            return self._ingest_stream(read_into)
        self._use.acquire_shared()
        recognised = Recognised(self.is_known)
        rest = recognise(read_into, recognised, self._entries_of(pointer))
        if rest is not None:
            return self._ingest_stream(rest, after=recognised)
        digest = recognised.hasher.digest()
        return self._taken_in(digest, recognised.size_bytes, bytes(recognised.rows))

    def ingest_file(self, fd: int) -> Pointer | None:
        """Take in what a descriptor gives from where it stands to its end. As `ingest`."""
        head = os.read(fd, INLINE_BYTES)
        if len(head) < INLINE_BYTES:
            more = os.read(fd, INLINE_BYTES - len(head))
            while more and len(head) + len(more) < INLINE_BYTES:
                head += more
                more = os.read(fd, INLINE_BYTES - len(head))
            if not more:
                return self.ingest_bytes(head)
            head += more
        from git_mlvc.store.pipeline import filler_of_file

        return self._ingest_stream(filler_of_file(head, fd))

    def ingest_bytes(self, data: bytes) -> Pointer | None:
        """Take in a content that is in memory. As `ingest`."""
        size_bytes = len(data)
        if size_bytes > INLINE_BYTES:
            from git_mlvc.store.pipeline import filler

            return self._ingest_stream(filler(iter((data,))))
        if size_bytes == 0:
            return None
        self._use.acquire_shared()
        cuts = chunking.cut_points(data, final=True) if size_bytes > chunking.MIN else [size_bytes]
        digest = blake3(data).digest()
        if len(cuts) == 1:
            self._add(digest, data, self._neighbours)
        else:
            view = memoryview(data)
            rows = bytearray()
            series = self._encoder.series()
            start = 0
            for end in cuts:
                piece = view[start:end]
                piece_digest = blake3(piece).digest()
                self._add(piece_digest, piece, series)
                rows += ROW.pack(piece_digest, end - start)
                start = end
            self.add_recipe(digest, Recipe(size_bytes, bytes(rows)))
        self._packer.commit()
        self._count(size_bytes)
        return Pointer(Oid(digest), size_bytes)

    def add_stored(
        self, digest: bytes, kind: int, codec: int, raw_len: int, payload: bytes
    ) -> None:
        """Take a record as another store keeps it. Verified here, whoever sent it (law 3).

        Counts once `commit` has returned. Raises CorruptChunk if the payload is not what it claims.
        """
        raw = verify_stored(digest, kind, codec, raw_len, payload, self._codec)
        self._use.acquire_shared()
        if not self.is_known(digest, kind) and self._packer.append(
            digest, kind, codec, raw_len, payload
        ):
            self._count_new(raw_len)
            if kind == Kind.RUN:
                from git_mlvc.formats import run_record

                with contextlib.suppress(FormatError):  # fsck's affair, as in `runs_in`
                    self._note_run(run_record.key_of(raw), digest)

    def add_run(self, key: bytes, record: bytes) -> bytes:
        """Remember a run (docs/formats/run.md) of this stage key; return the id of its record.

        What it made is in the store by now (law 1); when this returns, the journal vouches for the run too.
        Raises StoreError.
        """
        from git_mlvc.formats import run_record

        if run_record.key_of(record) != key:
            raise ValueError("a run is found by the key that it holds")
        self._use.acquire_shared()
        digest: bytes = blake3(record).digest()
        if not self.is_known(digest, Kind.RUN):
            codec, payload = self._encoder.encode(record)
            self._packer.append(digest, Kind.RUN, codec, len(record), payload)
            self._note_run(key, digest)
        self._packer.commit()  # also what another thread has just written
        return digest

    def commit(self) -> None:
        """Make what `add_stored` took survive the end of this process."""
        self._packer.commit()

    def close(self) -> None:
        """Seal the pack, publish its segment, drop the journal. May be called twice.

        Raises StoreError when the disk refuses; what was promised is then still vouched for by the
        journal, and the next session of any process seals it.
        """
        try:
            if self._packer.close():
                self._closed()
        finally:
            self._use.release()

    # -- for the pipeline

    def is_known(self, digest: bytes, kind: int = Kind.CHUNK) -> bool:
        """True if a record is where it will stay: in an own pack, or in a sealed one kept from gc."""
        location = self._index.find_known(digest)
        if location is None or location.kind != kind:
            return False
        return len(location.pack) != PACK_ID_SIZE or self._keep(location.pack)

    def add_recipe(self, digest: bytes, recipe: Recipe) -> None:
        """Store the recipe of the content that `digest` names, cut into chunks where it is long."""
        encoded = recipe_format.encode(recipe)
        while len(encoded) > chunking.MAX:
            view = memoryview(encoded)
            rows = bytearray()
            start = 0
            for end in chunking.cut_points(encoded, final=True):
                piece_digest = blake3(view[start:end]).digest()
                self._add(piece_digest, view[start:end])
                rows += ROW.pack(piece_digest, end - start)
                start = end
            recipe = Recipe(len(encoded), bytes(rows), recipe.depth + 1)
            encoded = recipe_format.encode(recipe)
        # What was fetched under this id may be a well-formed recipe of something else: only one that
        # says the same spares us writing ours. `Store` tells true from false when there are two.
        if self.is_known(digest, Kind.RECIPE) and encoded in self._recipes_of(digest):
            return
        codec, payload = self._encoder.encode(encoded)
        self._packer.append(digest, Kind.RECIPE, codec, len(encoded), payload, anew=True)

    def _ingest_stream(
        self, fill: Callable[[memoryview], int], *, after: Recognised | None = None
    ) -> Pointer | None:
        from git_mlvc.store.pipeline import Pipeline

        self._use.acquire_shared()
        pipeline = Pipeline(self._packer, self.is_known, after)
        digest, size_bytes, rows = pipeline.run(fill)
        self._count_new(pipeline.new_raw_bytes, pipeline.new_chunks)
        return self._taken_in(digest, size_bytes, rows)

    def _taken_in(self, digest: bytes, size_bytes: int, rows: bytes) -> Pointer | None:
        """See to the recipe of a content whose chunks are here, and vouch for all of it."""
        if len(rows) > ROW.size:
            self.add_recipe(digest, Recipe(size_bytes, rows))
        self._packer.commit()
        self._count(size_bytes)
        return Pointer(Oid(digest), size_bytes)

    def _add(
        self, digest: bytes, raw: bytes | memoryview, encoder: ChunkEncoder | Series | None = None
    ) -> None:
        if not self.is_known(digest):
            codec, payload = (encoder or self._encoder).encode(raw)
            if self._packer.append(digest, Kind.CHUNK, codec, len(raw), payload):
                self._count_new(len(raw))

    def _keep(self, pack_id: bytes) -> bool:
        """Renew a pack's time stamp, once a session, so that gc leaves it alone for a while.

        False if the pack has gone or cannot be marked: then its chunks are stored anew.
        """
        known = self._fresh.get(pack_id)
        if known is None:
            try:
                os.utime(self._layout.pack(pack_id))
                known = True
            except OSError as exc:
                known = exc.errno == errno.EROFS and os.path.exists(self._layout.pack(pack_id))
            self._fresh[pack_id] = known
        return known

    @property
    def _codec(self) -> ChunkCodec:
        try:
            codec: ChunkCodec = self._local.codec
        except AttributeError:
            codec = self._local.codec = ChunkCodec()
        return codec

    @property
    def _encoder(self) -> ChunkEncoder:
        try:
            encoder: ChunkEncoder = self._local.encoder
        except AttributeError:
            encoder = self._local.encoder = ChunkEncoder()
        return encoder

    @property
    def _neighbours(self) -> Series:
        """Small contents in a row are most often of a kind: so a trial for each is not needed."""
        try:
            series: Series = self._local.series
        except AttributeError:
            series = self._local.series = self._encoder.series()
        return series

    def _note_run(self, key: bytes, digest: bytes) -> None:
        with self._counting:
            self._index.own_runs.setdefault(key, []).append(digest)

    def _count(self, size_bytes: int) -> None:
        with self._counting:
            self._stats.files += 1
            self._stats.raw_bytes += size_bytes

    def _count_new(self, raw_bytes: int, chunks: int = 1) -> None:
        with self._counting:
            self._stats.new_chunks += chunks
            self._stats.new_raw_bytes += raw_bytes
