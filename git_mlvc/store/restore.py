"""Content out of the store: to a stream, verified piece by piece, or into a file on several threads.

Into a stream nothing is written that has not been hashed. A file is only somebody's content once it
has been renamed to its place, so there the hash of the whole decides, and the copying of long raw
runs is left to the operating system.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from blake3 import blake3

from git_mlvc.errors import CorruptChunk
from git_mlvc.formats.chunk_codec import ChunkCodec, Codec
from git_mlvc.formats.pack import Kind
from git_mlvc.formats.pointer import Pointer
from git_mlvc.formats.recipe import Recipe
from git_mlvc.fs import reflink
from git_mlvc.store.disk import store_error
from git_mlvc.store.reader import Placed, Reader, run_end

WINDOW_BYTES = 4 << 20
WINDOWS_AHEAD = 4
INLINE_BYTES = 1 << 20
BLOCK = 4096

Pieces = list[bytes | memoryview]


@dataclass(frozen=True, slots=True)
class Window:
    """Consecutive chunks of a content, and where they stand in it."""

    offset: int
    chunks: list[Placed]


class Restorer:
    """Restores one content after another. Not thread-safe; make one per thread."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._local = threading.local()

    def stream(
        self, pointer: Pointer, recipe: Recipe, write: Callable[[bytes | memoryview], object]
    ) -> None:
        """Write the content, each piece after it was verified. Raises MissingChunk, CorruptChunk."""
        hasher = blake3()

        def work(window: Window) -> Pieces:
            return self._reader.read_window(window.chunks, self._codec, verify=True)

        for pieces in self._in_order(pointer, recipe, work):
            for piece in pieces:
                hasher.update(piece)
                write(piece)
        check_whole(pointer, hasher.digest())

    def to_file(self, pointer: Pointer, recipe: Recipe, fd: int) -> None:
        """Write the content from offset 0 on. The file is nothing before this has returned."""
        try:
            digest = self._fill(pointer, recipe, fd, verify=False)
            if digest != pointer.oid.digest:
                # Some chunk is damaged: once more, looking at each and for other copies of it.
                digest = self._fill(pointer, recipe, fd, verify=True)
            os.ftruncate(fd, pointer.size_bytes)
        except OSError as exc:
            raise store_error("cannot write restored content", exc) from exc
        check_whole(pointer, digest)

    def _fill(self, pointer: Pointer, recipe: Recipe, fd: int, *, verify: bool) -> bytes:
        # Fresh memory costs more than the copy into it, so the same few buffers go round.
        buffers: SimpleQueue[bytearray] = SimpleQueue()
        for _ in range(WINDOWS_AHEAD + 2 if pointer.size_bytes > INLINE_BYTES else 0):
            buffers.put(bytearray(WINDOW_BYTES))

        def work(window: Window) -> Pieces:
            try:
                buffer = buffers.get_nowait()
            except Empty:
                buffer = None
            pieces = self._reader.read_window(
                window.chunks, self._codec, verify=verify, buffer=buffer
            )
            if buffer is not None:
                lent[window.offset] = buffer
            # One writer at a time: several would only spin on the file's own lock in the kernel.
            with writing:
                if verify or not self._copied(window, fd):
                    at = window.offset
                    for piece in pieces:
                        at += _pwrite(fd, piece, at)
            return pieces

        lent: dict[int, bytearray] = {}
        writing = threading.Lock()
        hasher = blake3()
        offset = 0
        for pieces in self._in_order(pointer, recipe, work):
            start = offset
            for piece in pieces:
                hasher.update(piece)
                offset += len(piece)
            if start in lent:
                buffers.put(lent.pop(start))
        digest: bytes = hasher.digest()
        return digest

    def _copied(self, window: Window, fd: int) -> bool:
        """Copy a window that is one raw extent inside the kernel: a reflink where blocks line up."""
        first = window.chunks[0].location
        size = window.chunks[-1].location.offset + window.chunks[-1].location.stored_len
        size -= first.offset
        if (
            size < INLINE_BYTES
            or run_end(window.chunks, 0) != len(window.chunks)
            or any(p.location.codec != Codec.RAW for p in window.chunks)
        ):
            return False
        try:
            source = self._reader.open(first)
        except FileNotFoundError:
            return False
        head = -first.offset % BLOCK
        if (first.offset - window.offset) % BLOCK == 0 and head:
            # The part before the first whole block apart, so that the rest can be a reflink.
            reflink.copy_range(source.fd, first.offset, fd, window.offset, head)
        else:
            head = 0
        reflink.copy_range(source.fd, first.offset + head, fd, window.offset + head, size - head)
        return True

    @property
    def _codec(self) -> ChunkCodec:
        codec: ChunkCodec | None = getattr(self._local, "codec", None)
        if codec is None:
            codec = self._local.codec = ChunkCodec()
        return codec

    def _in_order(
        self, pointer: Pointer, recipe: Recipe, work: Callable[[Window], Pieces]
    ) -> Iterator[Pieces]:
        """Yield what `work` makes of each window, in order, a few windows ahead on other threads."""
        if pointer.size_bytes <= INLINE_BYTES:
            for window in self._windows(recipe):
                yield work(window)
            return
        waiting: deque[Future[Pieces]] = deque()
        with ThreadPoolExecutor(min(4, os.cpu_count() or 2), "restore") as pool:
            try:
                for window in self._windows(recipe):
                    waiting.append(pool.submit(work, window))
                    if len(waiting) > WINDOWS_AHEAD:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def _windows(self, recipe: Recipe) -> Iterator[Window]:
        offset = 0
        size = 0
        chunks: list[Placed] = []
        for digest, raw_len in recipe:
            if size + raw_len > WINDOW_BYTES and chunks:
                yield Window(offset, chunks)
                offset += size
                size = 0
                chunks = []
            location = self._reader.locate(digest, Kind.CHUNK)
            if location.raw_len != raw_len:
                raise CorruptChunk(
                    f"chunk {digest.hex()[:16]} has another length than its recipe says",
                    why=f"{location.raw_len} bytes, not {raw_len}",
                    hint="git mlvc fsck",
                )
            chunks.append(Placed(digest, raw_len, location))
            size += raw_len
        if chunks:
            yield Window(offset, chunks)


def check_whole(pointer: Pointer, digest: bytes) -> None:
    """Raises CorruptChunk unless `digest` is the one the pointer names."""
    if digest != pointer.oid.digest:
        raise CorruptChunk(
            f"the content {pointer.oid.short} cannot be put together",
            why="its chunks do not make the content its id names: the recipe is wrong",
            hint="git mlvc fsck --repair",
        )


def _pwrite(fd: int, data: bytes | memoryview, offset: int) -> int:
    view = memoryview(data)
    done = 0
    while done < len(view):
        done += os.pwrite(fd, view[done:], offset + done)
    return done
