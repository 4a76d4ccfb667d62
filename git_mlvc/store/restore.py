"""Content out of the store: to a stream, verified piece by piece, or into a file on several threads.

Into a stream nothing is written that has not been hashed. A file is only somebody's content once it
has been renamed to its place, so there the hash of the whole decides: what is written is the very
memory that was hashed, or, where the file system can share blocks, the range of the pack that was read
into it. A pack is written once (law 2), so these are the same bytes.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, TypeVar

from blake3 import blake3

from git_mlvc.errors import CorruptChunk
from git_mlvc.formats.chunk_codec import ChunkCodec, Codec
from git_mlvc.formats.pack import Kind
from git_mlvc.formats.pointer import Pointer
from git_mlvc.fs import reflink
from git_mlvc.store.disk import store_error
from git_mlvc.store.holes import ZEROS, is_hole
from git_mlvc.store.reader import Placed, Reader, run_end

if TYPE_CHECKING:
    from concurrent.futures import Future

WINDOW_BYTES = 1 << 20
INLINE_BYTES = 1 << 20  # above this, threads pay
MOST_THREADS = 4
BLOCK = 4096

Entries = Iterable[tuple[bytes, int]]  # chunk id, raw length
Pieces = list[bytes | memoryview]
Made = TypeVar("Made")


@dataclass(slots=True)
class Window:
    """Consecutive chunks of a content, and where they stand in it.

    `goes_on`: the first stands raw and back to back with the last of the window before. A window of
    `holes` has no other chunks: it is so often `ZEROS`.
    """

    offset: int
    chunks: list[Placed]
    goes_on: bool = False
    holes: int = 0


class Restorer:
    """Restores one content after another; memory is a few windows. Not thread-safe."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._local = threading.local()

    def stream(
        self, pointer: Pointer, entries: Entries, write: Callable[[bytes | memoryview], object]
    ) -> None:
        """Write the content, each piece after it was verified. Raises MissingChunk, CorruptChunk."""
        hasher = blake3()

        def work(window: Window) -> Pieces:
            if window.holes:
                return [ZEROS] * window.holes
            return self._reader.read_window(window.chunks, self._codec, verify=True)

        for pieces in self._in_order(pointer, entries, work):
            for piece in pieces:
                hasher.update(piece)
                write(piece)
        check_whole(pointer, hasher.digest())

    def to_file(self, pointer: Pointer, entries: Callable[[], Entries], fd: int) -> None:
        """Write the content from offset 0 on into an empty file; long stretches of zeros stay holes.

        The file is nothing before this has returned.
        """
        try:
            digest = self._fill(pointer, entries(), fd, verify=False)
            if digest != pointer.oid.digest:
                # Some chunk is damaged: once more, looking at each and for other copies of it.
                digest = self._fill(pointer, entries(), fd, verify=True)
            os.ftruncate(fd, pointer.size_bytes)
        except OSError as exc:
            raise store_error("cannot write restored content", exc) from exc
        check_whole(pointer, digest)

    def _fill(self, pointer: Pointer, entries: Entries, fd: int, *, verify: bool) -> bytes:
        # Fresh memory costs more than the copy into it, so the same few buffers go round.
        buffers: SimpleQueue[bytearray] = SimpleQueue()
        target = _Target(fd, self._reader, can_share=not verify)

        def work(window: Window) -> tuple[bytearray | None, Pieces]:
            if window.holes:
                return None, [ZEROS] * window.holes
            try:
                buffer = buffers.get_nowait()
            except Empty:
                buffer = bytearray(min(WINDOW_BYTES, pointer.size_bytes))
            pieces = self._reader.read_window(
                window.chunks, self._codec, verify=verify, buffer=buffer
            )
            target.put(window, pieces)
            return buffer, pieces

        hasher = blake3()
        for buffer, pieces in self._in_order(pointer, entries, work):
            for piece in pieces:
                hasher.update(piece)
            if buffer is not None:
                buffers.put(buffer)
        digest: bytes = hasher.digest()
        return digest

    @property
    def _codec(self) -> ChunkCodec:
        codec: ChunkCodec | None = getattr(self._local, "codec", None)
        if codec is None:
            codec = self._local.codec = ChunkCodec()
        return codec

    def _in_order(
        self, pointer: Pointer, entries: Entries, work: Callable[[Window], Made]
    ) -> Iterator[Made]:
        """Yield what `work` makes of each window, in order, a few windows ahead on other threads."""
        if pointer.size_bytes <= INLINE_BYTES:
            for window in self._windows(entries):
                yield work(window)
            return
        from concurrent.futures import ThreadPoolExecutor

        threads = min(MOST_THREADS, os.cpu_count() or 2)
        waiting: deque[Future[Made]] = deque()
        with ThreadPoolExecutor(threads, "restore") as pool:
            try:
                for window in self._windows(entries):
                    waiting.append(pool.submit(work, window))
                    if len(waiting) > 2 * threads:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def _windows(self, entries: Entries) -> Iterator[Window]:
        offset = 0
        window = Window(0, [])
        size = 0
        for digest, raw_len in entries:
            placed = None if is_hole(digest, raw_len) else self._placed(digest, raw_len)
            is_other = bool(window.holes) if placed is not None else bool(window.chunks)
            if size and (is_other or size + raw_len > WINDOW_BYTES):
                yield window
                offset += size
                size = 0
                before = window.chunks[-1:]
                window = Window(offset, [])
                if placed is not None and before:
                    window.goes_on = _is_one_raw_extent([*before, placed])
            if placed is None:
                window.holes += 1
            else:
                window.chunks.append(placed)
            size += raw_len
        if size:
            yield window

    def _placed(self, digest: bytes, raw_len: int) -> Placed:
        location = self._reader.locate(digest, Kind.CHUNK)
        if location.raw_len != raw_len:
            raise CorruptChunk(
                f"chunk {digest.hex()[:16]} has another length than its recipe says",
                why=f"{location.raw_len} bytes, not {raw_len}",
                hint="git mlvc fsck",
            )
        return Placed(digest, raw_len, location)


class _Target:
    """The file a content is written into, by several threads."""

    def __init__(self, fd: int, reader: Reader, *, can_share: bool) -> None:
        self._fd = fd
        self._reader = reader
        self._can_share = can_share
        # One writer at a time: several would only spin on the file's own lock in the kernel.
        self._writing = threading.Lock()

    def put(self, window: Window, pieces: Pieces) -> None:
        """Have the window stand in the file. Raises OSError."""
        with self._writing:
            if self._can_share and self._shared(window, pieces):
                return
            at = window.offset
            for piece in pieces:
                at += _pwrite(self._fd, piece, at)

    def _shared(self, window: Window, pieces: Pieces) -> bool:
        """Share the blocks of a window that is one raw extent; False if it is none, or they cannot be."""
        if len(pieces) != 1 or not _is_one_raw_extent(window.chunks):
            return False
        data, place = pieces[0], window.chunks[0].location
        if (place.offset - window.offset) % BLOCK:
            return False
        # Whole blocks only. The one that begins in the window before goes along if that is the same
        # extent; other odd ends are written.
        first = -(place.offset % BLOCK) if window.goes_on else -place.offset % BLOCK
        last = len(data) - (place.offset + len(data)) % BLOCK
        if last <= first:
            return False
        try:
            source = self._reader.open(place).fd
        except FileNotFoundError:
            return False
        if not reflink.clone_range(
            source, place.offset + first, self._fd, window.offset + first, last - first
        ):
            self._can_share = False
            return False
        view = memoryview(data)
        if first > 0:
            _pwrite(self._fd, view[:first], window.offset)
        _pwrite(self._fd, view[last:], window.offset + last)
        return True


def check_whole(pointer: Pointer, digest: bytes) -> None:
    """Raises CorruptChunk unless `digest` is the one the pointer names."""
    if digest != pointer.oid.digest:
        raise CorruptChunk(
            f"the content {pointer.oid.short} cannot be put together",
            why="its chunks do not make the content its id names: the recipe is wrong",
            hint="git mlvc fsck --repair",
        )


def _is_one_raw_extent(chunks: list[Placed]) -> bool:
    return run_end(chunks, 0) == len(chunks) and all(
        placed.location.codec == Codec.RAW for placed in chunks
    )


def _pwrite(fd: int, data: bytes | memoryview, offset: int) -> int:
    view = memoryview(data)
    done = 0
    while done < len(view):
        done += os.pwrite(fd, view[done:], offset + done)
    return done
