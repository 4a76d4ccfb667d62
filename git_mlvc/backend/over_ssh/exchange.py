"""Many questions at once over one pair of pipes, each answered when it is, in any order.

One thread reads what comes and gives it to whoever asked. It is also the one that notices silence: when something was
asked and for `idle_timeout_s` not a byte moved either way, the connection is given up, and all who wait are told.
"""

from __future__ import annotations

import io
import os
import select
import threading
import time
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from typing import Protocol

from git_mlvc.backend.over_ssh import frames
from git_mlvc.backend.over_ssh.frames import HEAD, Frame, Part, Request
from git_mlvc.backend.over_ssh.talk import Box, Talk
from git_mlvc.errors import FormatError, RemoteUnavailable

MAX_FRAME_BYTES = (1 << 20) + 4096  # the largest body that is taken
_BUFFER_BYTES = 64 << 10
WINDOW_BYTES = 2 << 20  # of one file; as much as OpenSSH lets be under way in a connection
_ALL_WINDOWS_BYTES = 16 << 20
_LEAST_WINDOW_BYTES = 512 << 10
_LONGEST_TICK_S = 1.0
_PATIENCE_S = 2.0  # for the end of a connection that is closed
_MAX_PARTS = 512  # handed to the system at once; it takes 1024
_EVERYBODY = 0  # the number of what answers nobody: a sign of life


class Link(Protocol):
    """The pipes, and whoever is at their other end."""

    @property
    def read_fd(self) -> int: ...

    @property
    def write_fd(self) -> int:
        """It does not block: a write takes what there is room for."""
        ...

    def why_lost(self, why: str) -> RemoteUnavailable:
        """Return the error for a connection that ended; `why` is empty when the other end closed it."""
        ...

    def stop(self) -> None:
        """End it now, so that whoever reads or writes is told. May be called again, from any thread."""
        ...

    def hang_up(self) -> None:
        """Let the other end know that nothing more is going to be asked, so that it ends."""
        ...


class Exchange:
    """`said`: what was read from the link already and belongs to the first answer.

    `is_last`: whether an answer of that kind ends its request; some come in several.
    """

    def __init__(
        self,
        link: Link,
        *,
        idle_timeout_s: float,
        said: bytes = b"",
        is_last: Callable[[int], bool] = lambda kind: True,
    ) -> None:
        self._link = link
        self._idle_timeout_s = idle_timeout_s
        self._tick_s = min(_LONGEST_TICK_S, idle_timeout_s / 4)
        self._said = said
        self.is_last = is_last
        self._asked: dict[int, Box] = {}
        self._unfinished: set[int] = set()  # questions of which not all is sent
        self._talks = 0
        self._numbers = 0
        self._state = threading.Condition(threading.Lock())
        self._writing = threading.Lock()
        self._failure: RemoteUnavailable | None = None
        self._moved_at = self._wrote_at = time.monotonic()
        self._stuck_since: float | None = None
        self._is_over = False
        self._reader = threading.Thread(target=self._serve, name="ssh", daemon=True)
        self._reader.start()

    @property
    def is_alive(self) -> bool:
        return self._failure is None

    def talk(self) -> Talk:
        return Talk(self)

    @property
    def window_bytes(self) -> int:
        """How much of one file may be under way, with so many of them at once."""
        return max(
            _LEAST_WINDOW_BYTES, min(WINDOW_BYTES, _ALL_WINDOWS_BYTES // max(1, self._talks))
        )

    def close(self) -> None:
        """End the connection, letting the other end finish; whoever still waits is told."""
        with self._state:
            # OpenSSH's SFTP server drops what it has not done yet when its input ends.
            self._state.wait_for(lambda: not self._asked or self._failure, _PATIENCE_S)
            is_first = self._failure is None
            if is_first:
                self._failure = RemoteUnavailable("the connection was closed")
            boxes = set(self._asked.values())
            self._asked.clear()
        for box in boxes:
            box.put(None)
        if is_first:
            with self._writing:
                self._link.hang_up()
        self._reader.join(_PATIENCE_S)
        self._is_over = True
        self._link.stop()
        self._reader.join()

    # -- for those who talk

    def failure(self) -> RemoteUnavailable:
        """Return why nothing can be asked any more: an error of its own for each who is told."""
        told = self._failure
        assert told is not None
        return RemoteUnavailable(told.what, why=told.why, hint=told.hint)

    def count(self, change: int) -> None:
        """Note how many talk at once."""
        with self._state:
            self._talks += change

    def ask(self, box: Box, requests: Iterable[Request], *, is_all: bool = True) -> list[int]:
        """Send requests, in order and at once; answers go into the box. Raises RemoteUnavailable.

        Without `is_all` more of them follows in `go_on`, in the caller's own time, and silence is none till then.
        """
        numbers: list[int] = []
        parts: list[Part] = []
        with self._state:
            if self._failure is not None:
                raise self.failure()
            if len(self._asked) == len(self._unfinished):
                self._moved_at = time.monotonic()
            for request in requests:
                number = self._new_number()
                self._asked[number] = box
                numbers.append(number)
                if not is_all:
                    self._unfinished.add(number)
                parts.append(frames.head(request, number))
                parts += [part for part in request.parts if part]
        self._write(parts)
        return numbers

    def go_on(self, number: int, request: Request, *, is_all: bool = False) -> None:
        """Send more of what was asked under a number."""
        self._write([frames.head(request, number), *request.parts])
        if is_all:
            with self._state:
                self._unfinished.discard(number)

    def forget(self, numbers: Iterable[int]) -> None:
        """Drop the answers that are still to come for these."""
        nobody: Box = SimpleQueue()
        with self._state:
            for number in numbers:
                if number in self._asked:
                    self._asked[number] = nobody

    # -- writing

    def _new_number(self) -> int:
        while True:
            self._numbers = (self._numbers + 1) & 0xFFFFFFFF
            if self._numbers != _EVERYBODY and self._numbers not in self._asked:
                return self._numbers

    def _write(self, parts: list[Part]) -> None:
        with self._writing:
            at = 0
            try:
                while at < len(parts):
                    at = self._write_some(parts, at)
            except BaseException:
                # Interrupted inside a frame: nothing that is sent after it would be understood.
                self._end("it was interrupted")
                raise

    def _write_some(self, parts: list[Part], at: int) -> int:
        """Write what there is room for, waiting for some; return the first part that is not written in full."""
        if self._failure is not None:
            raise self.failure()
        try:
            written = os.writev(self._link.write_fd, parts[at : at + _MAX_PARTS])
        except BlockingIOError:
            self._wait_for_room()
            return at
        except (OSError, ValueError) as exc:
            self._end("" if isinstance(exc, BrokenPipeError) else str(exc))
            raise self.failure() from exc
        self._moved_at = self._wrote_at = time.monotonic()
        self._stuck_since = None
        while at < len(parts) and written >= len(parts[at]):
            written -= len(parts[at])
            at += 1
        if written:
            parts[at] = memoryview(parts[at])[written:]
        return at

    def _wait_for_room(self) -> None:
        poll = select.poll()
        poll.register(self._link.write_fd, select.POLLOUT)
        waited_since = max(self._wrote_at, self._stuck_since or time.monotonic())
        self._stuck_since = waited_since
        if poll.poll(self._tick_s * 1000):
            return
        # Not by what comes in: signs of life say nothing of whether anything goes out.
        if time.monotonic() - waited_since > self._idle_timeout_s:
            self._end(f"it took nothing for {self._idle_timeout_s:g} seconds")

    # -- reading

    def _serve(self) -> None:
        why = "an error of this program"
        try:
            stream = io.BufferedReader(_Source(self), _BUFFER_BYTES)
            while len(start := stream.read(HEAD.size)) == HEAD.size:
                kind, number, length = frames.read_head(start, at_most=MAX_FRAME_BYTES)
                body = stream.read(length)
                if len(body) < length:
                    break
                self._deliver(number, Frame(kind, body))
            why = ""
        except FormatError as exc:
            why = f"it does not keep to the protocol: {exc}"
        except _Silent:
            why = self._silence()
        except (OSError, ValueError) as exc:
            why = str(exc)
        finally:
            self._end(why)

    def read_into(self, block: memoryview) -> int:
        """Read what there is, waiting for some. Raises _Silent."""
        if self._said:
            taken = self._said[: len(block)]
            self._said = self._said[len(taken) :]
            block[: len(taken)] = taken
            return len(taken)
        poll = select.poll()
        poll.register(self._link.read_fd, select.POLLIN)
        while not poll.poll(self._tick_s * 1000):
            if self._is_over:  # a grandchild may keep the pipe open
                return 0
            if self._is_silent():
                raise _Silent
        count = os.readv(self._link.read_fd, [block])
        self._moved_at = time.monotonic()
        return count

    def _deliver(self, number: int, frame: Frame) -> None:
        if number == _EVERYBODY:
            return
        with self._state:
            box = self._asked.get(number)
            if box is not None and self.is_last(frame.kind):
                del self._asked[number]
                self._unfinished.discard(number)
                if not self._asked:
                    self._state.notify_all()
            if box is None and self._failure is None:
                raise FormatError("it answers what nobody asked")
        if box is not None:
            box.put((number, frame))

    # -- the end

    def _is_silent(self) -> bool:
        is_waited_for = len(self._asked) > len(self._unfinished)
        return is_waited_for and time.monotonic() - self._moved_at > self._idle_timeout_s

    def _silence(self) -> str:
        return f"it was silent for {self._idle_timeout_s:g} seconds"

    def _end(self, why: str) -> None:
        """Give up the connection, once: say why to all who wait."""
        with self._state:
            if self._failure is not None:
                return
            # Something must stand there before others may look; the link says it better, in its time.
            self._failure = RemoteUnavailable("the connection was lost", why=why)
        if why:
            self._link.stop()
        told = self._link.why_lost(why)
        self._is_over = True
        self._link.stop()
        with self._state:
            self._failure = told
            boxes = set(self._asked.values())
            self._asked.clear()
            self._state.notify_all()
        for box in boxes:
            box.put(None)


class _Silent(Exception):
    """Nothing moved for too long."""


class _Source(io.RawIOBase):
    """What comes, as a file."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def readable(self) -> bool:
        return True

    def readinto(self, block: memoryview) -> int:  # type: ignore[override]
        return self._exchange.read_into(memoryview(block))
