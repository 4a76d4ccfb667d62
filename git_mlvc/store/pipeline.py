"""Large contents on several threads: read and cut │ hash the whole │ hash, look up, compress │ append.

The caller's thread reads into a window of 4 MiB and finds the cut points: git is kept waiting by
nothing else. A second thread hashes the whole content; workers hash and compress the chunks of a
window; a last one appends in order, neighbours as one write. There are few windows, they are used
again, and what a chunk became takes the place of the chunk: so memory is bounded whatever the content.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from blake3 import blake3

from git_mlvc import chunking
from git_mlvc.formats.chunk_codec import Codec
from git_mlvc.formats.chunk_encoder import ChunkEncoder
from git_mlvc.formats.recipe import ROW
from git_mlvc.store.packer import Packer
from git_mlvc.store.recognise import Recognised

WINDOW_BYTES = 4 << 20
_MOST_WINDOWS = 8
_MOST_WORKERS = 5

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
    """A chunk that is new: where it was in its window, and where what it became is now."""

    digest: bytes
    codec: int
    raw_start: int
    raw_len: int
    at: int
    stored_len: int


_Prepared = tuple[bytes, list[_Piece]]  # rows of the recipe; the pieces that are new


@dataclass(slots=True)
class _Window:
    buffer: bytearray
    content_offset: int
    cuts: list[int]  # the last is where the next window begins
    prepared: queue.SimpleQueue[_Prepared | BaseException] = field(
        default_factory=queue.SimpleQueue
    )  # of one value


class Pipeline:
    """One content's way into the store. `after`: what of it went before, and is in the store."""

    def __init__(
        self,
        packer: Packer,
        is_known: Callable[[bytes], bool],
        after: Recognised | None = None,
    ) -> None:
        self._packer = packer
        self._is_known = is_known
        self._hasher = blake3() if after is None else after.hasher
        self._rows = bytearray() if after is None else after.rows
        self._begin = 0 if after is None else after.size_bytes
        self._workers = min(_MOST_WORKERS, max(2, os.cpu_count() or 2))
        # One is being read, one hashed, one appended: then none ever waits for lack of a window.
        self._windows = min(_MOST_WINDOWS, self._workers + 4)
        self._free: queue.SimpleQueue[bytearray] = queue.SimpleQueue()
        self._cut: queue.SimpleQueue[_Window | None] = queue.SimpleQueue()
        self._hashed: queue.SimpleQueue[_Window | None] = queue.SimpleQueue()
        self._ordered: queue.SimpleQueue[_Window | None] = queue.SimpleQueue()
        self._failure: BaseException | None = None
        self.new_chunks = 0
        self.new_raw_bytes = 0

    def run(self, fill: Fill) -> tuple[bytes, int, bytes]:
        """Return the content's digest, its size and the rows of its recipe."""
        stages = [self._start("hash", self._hash_all), self._start("append", self._append_all)]
        try:
            size_bytes = self._read(fill)
        finally:
            self._cut.put(None)
            for stage in stages:
                stage.join()
        if self._failure is not None:
            raise self._failure
        return self._hasher.digest(), size_bytes, bytes(self._rows)

    def _read(self, fill: Fill) -> int:
        offset = self._begin  # of the window in the content
        window = self._take()
        filled = 0
        final = False
        while not final and self._failure is None:
            view = memoryview(window)
            while filled < WINDOW_BYTES:
                got = fill(view[filled:])
                if got == 0:
                    final = True
                    break
                filled += got
            cuts = chunking.cut_points(view[:filled], final=final)
            used = cuts[-1] if cuts else 0
            following = window if final else self._take()
            if not final:
                following[: filled - used] = view[used:filled]
            self._cut.put(_Window(window, offset, cuts))
            offset += used
            filled -= used
            window = following
        return offset

    def _take(self) -> bytearray:
        if self._windows:
            self._windows -= 1
            return bytearray(WINDOW_BYTES)
        return self._free.get()

    def _start(self, name: str, work: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=work, name=name, daemon=True)
        thread.start()
        return thread

    def _hash_all(self) -> None:
        """Hash the content window by window; only then may a worker write over one."""
        workers: list[threading.Thread] = []
        while (window := self._cut.get()) is not None:
            try:
                if window.cuts:
                    self._hasher.update(memoryview(window.buffer)[: window.cuts[-1]])
                if len(workers) < self._workers:
                    workers.append(self._start("prepare", self._prepare_all))
            except BaseException as exc:  # noqa: BLE001 (handed to the thread that waits)
                window.prepared.put(exc)
            else:
                self._hashed.put(window)
            self._ordered.put(window)
        for _ in workers:
            self._hashed.put(None)
        for worker in workers:
            worker.join()
        self._ordered.put(None)

    def _prepare_all(self) -> None:
        encoder = ChunkEncoder()
        while (window := self._hashed.get()) is not None:
            try:
                window.prepared.put(self._prepare(window, encoder))
            except BaseException as exc:  # noqa: BLE001 (handed to the thread that waits)
                window.prepared.put(exc)

    def _prepare(self, window: _Window, encoder: ChunkEncoder) -> _Prepared:
        series = encoder.series()
        view = memoryview(window.buffer)
        rows = bytearray()
        pieces = []
        start = at = 0
        for end in window.cuts:
            raw = view[start:end]
            digest = blake3(raw).digest()
            rows += ROW.pack(digest, end - start)
            if not self._is_known(digest):
                codec, payload = series.encode(raw)
                size = len(payload)
                if codec == Codec.RAW:
                    at = start  # it stays where it is
                else:
                    view[at : at + size] = payload
                pieces.append(_Piece(digest, codec, start, end - start, at, size))
                at += size
            start = end
        return bytes(rows), pieces

    def _append_all(self) -> None:
        while (window := self._ordered.get()) is not None:
            prepared = window.prepared.get()
            try:
                if isinstance(prepared, BaseException):
                    raise prepared
                if self._failure is None:
                    rows, pieces = prepared
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
            self.new_raw_bytes += piece.raw_len
            if run and not _continues(run[-1], piece):
                self._append_run(window, run)
                run = []
            run.append(piece)
        if run:
            self._append_run(window, run)

    def _append_run(self, window: _Window, run: list[_Piece]) -> None:
        first, last = run[0], run[-1]
        self._packer.append_run(
            [(piece.digest, piece.codec, piece.stored_len, piece.raw_len) for piece in run],
            memoryview(window.buffer)[first.at : last.at + last.stored_len],
            content_offset=(
                window.content_offset + first.raw_start if first.codec == Codec.RAW else None
            ),
        )


def _continues(last: _Piece, piece: _Piece) -> bool:
    """True if the two stand back to back, and both raw or neither."""
    is_raw = piece.codec == Codec.RAW
    return piece.at == last.at + last.stored_len and is_raw == (last.codec == Codec.RAW)
