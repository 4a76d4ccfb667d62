"""Large contents on several threads: read and cut │ hash, look up, compress │ append.

The caller's thread reads into a window of 4 MiB, finds the cut points and hashes the whole content;
workers hash and compress the chunks of a window; one thread appends in order, raw neighbours as one
write. There are few windows and they are used again, so memory is bounded whatever the content.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from blake3 import blake3

from git_mlvc import chunking
from git_mlvc.formats.chunk_codec import Codec
from git_mlvc.formats.chunk_encoder import ChunkEncoder
from git_mlvc.formats.pack import Kind
from git_mlvc.formats.recipe import ROW
from git_mlvc.store.packer import Packer

WINDOW_BYTES = 4 << 20
WINDOWS = 8

Fill = Callable[[memoryview], int]


def filler(blocks: Iterator[bytes | memoryview]) -> Fill:
    """Return a function that copies the next bytes of `blocks` into a buffer; 0 at the end."""
    rest = memoryview(b"")

    def fill(target: memoryview) -> int:
        nonlocal rest
        while not len(rest):
            block = next(blocks, None)
            if block is None:
                return 0
            rest = memoryview(block).cast("B")
        size = min(len(rest), len(target))
        target[:size] = rest[:size]
        rest = rest[size:]
        return size

    return fill


def filler_of_file(head: bytes, fd: int) -> Fill:
    """Return a function that reads `head` and then the descriptor into a buffer; 0 at the end."""
    rest = memoryview(head)

    def fill(target: memoryview) -> int:
        nonlocal rest
        if len(rest):
            size = min(len(rest), len(target))
            target[:size] = rest[:size]
            rest = rest[size:]
            return size
        return os.readv(fd, [target])

    return fill


@dataclass(slots=True)
class _Piece:
    """A chunk that is new, and where it stands in its window (raw: the payload is there too)."""

    digest: bytes
    codec: int
    start: int
    end: int
    payload: bytes | memoryview


@dataclass(slots=True)
class _Window:
    buffer: bytearray
    content_offset: int
    cuts: list[int]


_Prepared = tuple[bytes, list[_Piece]]  # rows of the recipe; the pieces that are new


class Pipeline:
    """One content's way into the store."""

    def __init__(self, packer: Packer, is_known: Callable[[bytes], bool]) -> None:
        self._packer = packer
        self._is_known = is_known
        self._rows = bytearray()
        self._free: queue.SimpleQueue[bytearray] = queue.SimpleQueue()
        self._made = 0
        self._ordered: queue.SimpleQueue[tuple[_Window, Future[_Prepared]] | None]
        self._ordered = queue.SimpleQueue()
        self._failure: BaseException | None = None
        self._local = threading.local()
        self.new_chunks = 0
        self.new_raw_bytes = 0

    def run(self, fill: Fill) -> tuple[bytes, int, bytes]:
        """Return the content's digest, its size and the rows of its recipe."""
        appender = threading.Thread(target=self._append_all, name="append", daemon=True)
        appender.start()
        workers = min(8, max(2, os.cpu_count() or 2))
        try:
            with ThreadPoolExecutor(workers, thread_name_prefix="pack") as pool:
                digest, size_bytes = self._read(fill, pool)
        finally:
            self._ordered.put(None)
            appender.join()
        if self._failure is not None:
            raise self._failure
        return digest, size_bytes, bytes(self._rows)

    def _read(self, fill: Fill, pool: ThreadPoolExecutor) -> tuple[bytes, int]:
        hasher = blake3()
        offset = 0  # of the window in the content
        window = self._take()
        filled = 0
        final = False
        while not final and self._failure is None:
            view = memoryview(window)
            fresh = filled
            while filled < WINDOW_BYTES:
                got = fill(view[filled:])
                if got == 0:
                    final = True
                    break
                filled += got
            hasher.update(view[fresh:filled])
            cuts = chunking.cut_points(view[:filled], final=final)
            used = cuts[-1] if cuts else 0
            following = window if final else self._take()
            if not final:
                following[: filled - used] = view[used:filled]
            done = _Window(window, offset, cuts)
            self._ordered.put((done, pool.submit(self._prepare, done)))
            offset += used
            filled -= used
            window = following
        return hasher.digest(), offset

    def _take(self) -> bytearray:
        if self._made < WINDOWS:
            self._made += 1
            return bytearray(WINDOW_BYTES)
        return self._free.get()

    def _prepare(self, window: _Window) -> _Prepared:
        encoder = getattr(self._local, "encoder", None)
        if encoder is None:
            encoder = self._local.encoder = ChunkEncoder()
        series = encoder.series()
        view = memoryview(window.buffer)
        rows = bytearray()
        pieces = []
        start = 0
        for end in window.cuts:
            raw = view[start:end]
            digest = blake3(raw).digest()
            rows += ROW.pack(digest, end - start)
            if not self._is_known(digest):
                chosen, payload = series.encode(raw)
                pieces.append(_Piece(digest, chosen, start, end, payload))
            start = end
        return bytes(rows), pieces

    def _append_all(self) -> None:
        while (item := self._ordered.get()) is not None:
            window, future = item
            try:
                rows, pieces = future.result()
                if self._failure is None:
                    self._rows += rows
                    self._append(window, pieces)
            except BaseException as exc:  # noqa: BLE001 (handed to the thread that waits)
                self._failure = self._failure or exc
            finally:
                self._free.put(window.buffer)

    def _append(self, window: _Window, pieces: list[_Piece]) -> None:
        run: list[_Piece] = []
        taken: set[bytes] = set()
        for piece in pieces:
            # A worker may have looked before the same chunk, met earlier in this content, was written.
            if piece.digest in taken or self._is_known(piece.digest):
                continue
            taken.add(piece.digest)
            self.new_chunks += 1
            self.new_raw_bytes += piece.end - piece.start
            if run and (piece.codec != Codec.RAW or piece.start != run[-1].end):
                self._append_run(window, run)
                run = []
            if piece.codec == Codec.RAW:
                run.append(piece)
            else:
                self._packer.append(
                    piece.digest, Kind.CHUNK, piece.codec, piece.end - piece.start, piece.payload
                )
        if run:
            self._append_run(window, run)

    def _append_run(self, window: _Window, run: list[_Piece]) -> None:
        start, end = run[0].start, run[-1].end
        self._packer.append_run(
            [(piece.digest, piece.end - piece.start) for piece in run],
            memoryview(window.buffer)[start:end],
            content_offset=window.content_offset + start,
        )
