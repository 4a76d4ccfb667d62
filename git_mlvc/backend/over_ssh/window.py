"""Reading a file in blocks, many asked for at once, within a bound on what is under way."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

from git_mlvc.backend.base import unwritable
from git_mlvc.backend.over_ssh.frames import Frame, Request
from git_mlvc.backend.over_ssh.talk import Talk
from git_mlvc.errors import RemoteUnavailable

BLOCK_BYTES = 256 << 10  # the largest block
ENDLESS = 1 << 62


class Block(NamedTuple):
    """What was read at some place: no bytes mean that the file ends before it.

    `size_bytes` of the whole file, None where it is not said. `tag`: two blocks of one file have the same.
    """

    data: memoryview
    size_bytes: int | None = None
    tag: int = 0


class Reading:
    """Reads from `start` up to `end`, or to where the file ends. `ask` makes the request for (offset, length).

    `others`: what is done with the answers to other questions in the same talk. Use `blocks` once.
    """

    def __init__(
        self,
        talk: Talk,
        ask: Callable[[int, int], Request],
        take: Callable[[Frame], Block],
        *,
        start: int,
        end: int,
        block_bytes: int,
        others: Callable[[int, Frame], None] = lambda number, frame: None,
    ) -> None:
        self._talk = talk
        self._ask = ask
        self._take = take
        self._at = start
        self._start = start
        self._end = self._limit = end
        self._block_bytes = block_bytes
        self._others = others
        self._flying: dict[int, tuple[int, int]] = {}
        self._flying_bytes = 0
        self._tag: int | None = None
        self.size_bytes: int | None = None
        self.read_bytes = 0

    def begin(self, *first: Request) -> list[int]:
        """Send `first`, and the first reads together with it; return the numbers of `first`."""
        reads = self._due()
        numbers = self._talk.ask_all([*first, *(self._ask(*place) for place in reads)])
        self._note(numbers[len(first) :], reads)
        return numbers[: len(first)]

    def knows_size(self, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self._end = min(self._end, size_bytes)

    def blocks(self) -> Iterator[tuple[int, memoryview]]:
        """Yield (offset, data), in any order, each byte once. Raises RemoteUnavailable if some are missing."""
        while True:
            reads = self._due()
            if reads:
                self._note(self._talk.ask_all(self._ask(*place) for place in reads), reads)
            if not self._flying:
                break
            number, frame = self._talk.answer()
            place = self._flying.pop(number, None)
            if place is None:
                self._others(number, frame)
                continue
            offset, wanted = place
            self._flying_bytes -= wanted
            block = self._checked(self._take(frame))
            if not block.data:
                self._end = min(self._end, offset)
                continue
            if len(block.data) > wanted:
                raise _untrue("it sent more than was asked for")
            self.read_bytes += len(block.data)
            yield offset, block.data
            rest = wanted - len(block.data)
            if rest and offset + len(block.data) < self._end:
                again = (offset + len(block.data), rest)
                self._note([self._talk.ask(self._ask(*again))], [again])
        if self.size_bytes is not None:
            expected = max(0, min(self._limit, self.size_bytes) - self._start)
            if self.read_bytes != expected:
                raise _untrue(f"it sent {self.read_bytes} bytes where there are {expected}")

    def _due(self) -> list[tuple[int, int]]:
        due = []
        room = self._talk.window_bytes - self._flying_bytes
        while self._at < self._end and room > 0:
            length = min(self._block_bytes, self._end - self._at)
            due.append((self._at, length))
            self._at += length
            room -= length
        return due

    def _note(self, numbers: list[int], places: list[tuple[int, int]]) -> None:
        self._flying.update(zip(numbers, places, strict=True))
        self._flying_bytes += sum(length for _, length in places)

    def _checked(self, block: Block) -> Block:
        if block.size_bytes is not None:
            if self._tag is None:
                self._tag = block.tag
                self.knows_size(block.size_bytes)
            elif (block.tag, block.size_bytes) != (self._tag, self.size_bytes):
                raise _untrue("it was replaced while it was read")
        return block


def whole(blocks: Iterator[tuple[int, memoryview]], meter: Callable[[int], None]) -> bytes:
    """Return what was read, in order."""
    found: dict[int, memoryview] = {}
    for offset, data in blocks:
        found[offset] = data
        meter(len(data))
    return b"".join(found[offset] for offset in sorted(found))


def into_file(
    blocks: Iterator[tuple[int, memoryview]], target: int, key: str, meter: Callable[[int], None]
) -> None:
    """Write what is read into an open file, in the place of what is in it. Raises StoreError."""
    emptied = False
    for offset, data in blocks:
        try:
            if not emptied:
                os.ftruncate(target, 0)
                emptied = True
            rest = data
            while rest:
                written = os.pwrite(target, rest, offset)
                rest, offset = rest[written:], offset + written
        except OSError as exc:
            raise unwritable(key, exc) from exc
        meter(len(data))
    if not emptied:
        try:
            os.ftruncate(target, 0)
        except OSError as exc:
            raise unwritable(key, exc) from exc


def _untrue(why: str) -> RemoteUnavailable:
    return RemoteUnavailable("a file did not come whole", why=why, hint="try again")
