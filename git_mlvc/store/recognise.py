"""Whether a content that comes is one whose recipe is here: compared chunk by chunk, nothing is cut.

Git asks to clean again what was only touched. The recipe of what stood there says where the cuts are and
what each chunk hashes to; as long as that is so, the chunk is in the store and there is nothing to do. The
first chunk that differs begins where a chunk begins, so from there on the content is cut as any other:
nothing was believed, and no byte has to be read again.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from blake3 import blake3

from git_mlvc import chunking
from git_mlvc.errors import MlvcError
from git_mlvc.formats.recipe import ROW

WINDOW_BYTES = 4 << 20

Fill = Callable[[memoryview], int]
Entry = tuple[bytes, int]  # chunk id, raw length


class Recognised:
    """How far a content was what its recipe says: rows, size in bytes, and the hash of all of that."""

    def __init__(self, is_known: Callable[[bytes], bool]) -> None:
        self._is_known = is_known
        self.hasher = blake3()
        self.rows = bytearray()
        self.size_bytes = 0

    def compare(self, view: memoryview, entries: list[Entry]) -> bool:
        """Take in chunks that should stand at the front of `view`; False at the first that does not.

        Also False at one whose bytes the store has lost.
        """
        at = 0
        is_same = True
        for digest, length in entries:
            if blake3(view[at : at + length]).digest() != digest or not self._is_known(digest):
                is_same = False
                break
            self.rows += ROW.pack(digest, length)
            at += length
        self.hasher.update(view[:at])
        self.size_bytes += at
        return is_same


def is_longer_than_a_window(fill: Fill) -> tuple[bool, Fill]:
    """Return whether there is more than one window of content, and what gives all of it."""
    view = memoryview(bytearray(WINDOW_BYTES))
    count = _fill_up(fill, view)
    return count == WINDOW_BYTES, _rest([view[:count]], fill)


def recognise(fill: Fill, recognised: Recognised, entries: Iterator[Entry]) -> Fill | None:
    """Compare what `fill` gives with a recipe's `entries`; return what gives the rest, None at the end.

    Reading goes on while a window is compared. Memory is two windows.
    """
    following = _Following(entries)
    windows = itertools.cycle([bytearray(WINDOW_BYTES), bytearray(WINDOW_BYTES)])
    with ThreadPoolExecutor(1, thread_name_prefix="compare") as thread:
        before: tuple[memoryview, Future[bool]] | None = None
        start = 0  # in the content, of the window
        view = memoryview(next(windows))
        filled = 0
        while True:
            count = _fill_up(fill, view[filled:])
            is_end = filled + count < WINDOW_BYTES
            filled += count
            if before is not None and not before[1].result():
                unlike = before[0][recognised.size_bytes - (start - len(before[0])) :]
                return _rest([unlike, view[:filled]], fill)
            chunks = following.within(filled, is_end=is_end)
            used = sum(length for _, length in chunks)
            job = thread.submit(recognised.compare, view[:used], chunks)
            if is_end or not chunks:
                job.result()
                left = view[recognised.size_bytes - start : filled]
                return None if is_end and not left else _rest([left], fill)
            target = memoryview(next(windows))
            target[: filled - used] = view[used:filled]
            before = (view[:used], job)
            start += used
            view, filled = target, filled - used


class _Following:
    """The chunks that should come next; none once the recipe ends or turns out to be unusable."""

    def __init__(self, entries: Iterator[Entry]) -> None:
        self._entries = entries
        self._next = self._read()
        self._after = self._read()

    def within(self, size_bytes: int, *, is_end: bool) -> list[Entry]:
        """Take those that are whole within the next `size_bytes`, at whose end the content may end."""
        taken = []
        while self._next is not None and self._next[1] <= size_bytes:
            # The recipe's last chunk ends where that content did: no cut, if this one goes on there.
            if self._after is None and not (is_end and self._next[1] == size_bytes):
                break
            taken.append(self._next)
            size_bytes -= self._next[1]
            self._next, self._after = self._after, self._read()
        return taken

    def _read(self) -> Entry | None:
        try:
            entry = next(self._entries, None)
        except MlvcError:
            return None
        return entry if entry is not None and 0 < entry[1] <= chunking.MAX else None


def _fill_up(fill: Fill, target: memoryview) -> int:
    filled = 0
    while filled < len(target):
        count = fill(target[filled:])
        if count == 0:
            break
        filled += count
    return filled


def _rest(pieces: list[memoryview], fill: Fill) -> Fill:
    """Return a function that gives `pieces`, and then what `fill` gives."""
    left = [piece for piece in pieces if piece]

    def rest(target: memoryview) -> int:
        if not left:
            return fill(target)
        count = min(len(left[0]), len(target))
        target[:count] = left[0][:count]
        left[0] = left[0][count:]
        if not left[0]:
            del left[0]
        return count

    return rest
