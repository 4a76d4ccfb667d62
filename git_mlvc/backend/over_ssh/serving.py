"""The other side: a process that `ssh HOST git-mlvc serve-store` starts, and that answers for one directory.

Blocks of files that are being sent go to the disk as they are read, so that nothing piles up; all else is done by a few
threads, each answer sent when it is there. Keys are checked here too. When the input ends, whatever ends it, files
that have no name yet are removed.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from io import BufferedReader, FileIO
from itertools import islice
from queue import Queue
from typing import Protocol

from git_mlvc.backend.base import (
    Backend,
    Denied,
    NotFound,
    Offline,
    check_key,
    check_prefix,
)
from git_mlvc.backend.over_ssh import frames
from git_mlvc.backend.over_ssh import served_protocol as served
from git_mlvc.backend.over_ssh.frames import Frame, Request
from git_mlvc.backend.over_ssh.served_protocol import Ask, Failure, Trouble
from git_mlvc.backend.over_ssh.sftp_protocol import INIT
from git_mlvc.errors import FormatError, MlvcError, RemoteRefused, RemoteUnavailable

THREADS = 8
_WAITING = 256  # questions that are read before some are answered
_MOST_PUTS = 64  # files on their way at once
_BUFFER_BYTES = 64 << 10


class Incoming(Protocol):
    """A file on its way."""

    def write(self, data: bytes) -> None: ...

    def publish(self, *, if_absent: bool) -> bool: ...

    def discard(self) -> None: ...


class Part(Protocol):
    """Part of a file, with what tells it from others under its name."""

    @property
    def size_bytes(self) -> int: ...

    @property
    def tag(self) -> int: ...

    @property
    def data(self) -> bytes: ...


class Directory(Backend, Protocol):
    """What is served: a driver of files, with two verbs of its own."""

    def read_part(self, key: str, start: int, length: int) -> Part: ...

    def incoming(self, key: str, size_bytes: int) -> Incoming: ...


class Server:
    """`open_place`: from the path that a client names to its directory; raises MlvcError for one it may not use."""

    def __init__(
        self,
        read_fd: int,
        write_fd: int,
        open_place: Callable[[bytes], Directory],
        *,
        is_read_only: bool = False,
    ) -> None:
        self._in = BufferedReader(FileIO(read_fd, "rb", closefd=False), _BUFFER_BYTES)
        self._write_fd = write_fd
        self._open_place = open_place
        self._is_read_only = is_read_only
        self._place: Directory | None = None
        self._closed_because: MlvcError = RemoteRefused("nothing was opened")
        self._puts: dict[int, _Put] = {}
        self._tasks: Queue[tuple[int, Callable[[], None]] | None] = Queue(_WAITING)
        self._writing = threading.Lock()
        self._busy = 0
        self._heard = False
        self._ended = threading.Event()

    def run(self) -> None:
        """Serve until the input ends. Raises FormatError for what no client of ours sends."""
        self._write(served.greeting())
        if self._in.read(len(INIT)) != INIT:
            return
        threads = [threading.Thread(target=self._work, daemon=True) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        try:
            while (frame := self._next()) is not None:
                self._heard = True
                self._take(*frame)
        except OSError:
            pass  # whoever listened has gone
        finally:
            for incoming in self._puts.values():
                incoming.discard()
            for _ in threads:
                self._tasks.put(None)
            for thread in threads:
                thread.join()
            self._ended.set()

    # -- frames

    def _next(self) -> tuple[int, Frame] | None:
        start = self._in.read(frames.HEAD.size)
        if len(start) < frames.HEAD.size:
            return None
        kind, number, length = frames.read_head(start, at_most=served.MAX_BODY_BYTES)
        body = self._in.read(length)
        return (number, Frame(kind, body)) if len(body) == length else None

    def _say(self, number: int, answer: Request) -> None:
        self._write(frames.head(answer, number) + b"".join(answer.parts))

    def _write(self, data: bytes) -> None:
        with self._writing:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._write_fd, rest) :]

    def _take(self, number: int, frame: Frame) -> None:
        """Do at once what must be done in order; leave the rest to the threads."""
        if frame.kind == Ask.OPEN:
            self._guarded(number, lambda: self._open(number, served.opened_of(frame)))
        elif frame.kind == Ask.PUT:
            self._guarded(number, lambda: self._begin(number, served.put_of(frame)))
        elif frame.kind == Ask.BLOCK:
            put = self._puts.get(number)
            if put is not None:  # else it failed, and was told
                self._guarded(number, lambda: put.write(frame.body))
        elif frame.kind == Ask.ABANDON:
            self._drop(number)
        else:
            task = self._task(number, frame)
            self._tasks.put((number, task))

    def _task(self, number: int, frame: Frame) -> Callable[[], None]:
        if frame.kind == Ask.PUBLISH:
            put = self._puts.pop(number, None)
            return lambda: self._publish(number, put)
        verbs = {
            Ask.STAT: self._stat,
            Ask.READ: self._read,
            Ask.LIST: self._list,
            Ask.DELETE: self._delete,
        }
        for kind, verb in verbs.items():
            if frame.kind == kind:
                return lambda verb=verb: verb(number, frame)  # type: ignore[misc]
        return lambda: self._refuse(frame)

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            self._busy += 1
            try:
                self._guarded(*task)
            except OSError:
                pass  # whoever asked has gone
            finally:
                self._busy -= 1

    def _guarded(self, number: int, task: Callable[[], None]) -> None:
        try:
            task()
        except (MlvcError, ValueError) as exc:
            self._drop(number)
            self._say(number, served.failed(_failure(exc)))

    def _beat(self, every_s: float) -> None:
        """Say that we live, while something is being done or is still coming in."""
        while not self._ended.wait(every_s):
            if self._busy or (self._heard and self._puts):
                self._heard = False
                try:
                    self._say(0, served.WORKING)
                except OSError:
                    return

    # -- what is asked

    @property
    def _directory(self) -> Directory:
        if self._place is None:
            raise self._closed_because
        return self._place

    def _open(self, number: int, asked: served.Opened) -> None:
        if not served.OLDEST <= asked.version <= served.NEWEST or self._place is not None:
            raise FormatError("not how this begins")
        try:
            self._place = self._open_place(asked.path)
        except MlvcError as exc:
            self._closed_because = exc
            raise
        threading.Thread(
            target=self._beat, args=(float(max(1, asked.beat_s)),), daemon=True
        ).start()
        self._say(number, served.opened(asked.version))

    def _stat(self, number: int, frame: Frame) -> None:
        found = self._directory.stat(served.key_of(frame))
        self._say(number, served.found(None if found is None else found.size_bytes))

    def _read(self, number: int, frame: Frame) -> None:
        asked = served.read_of(frame)
        part = self._directory.read_part(asked.key, asked.start, asked.length)
        self._say(number, served.data(part.size_bytes, part.tag, part.data))

    def _list(self, number: int, frame: Frame) -> None:
        found = iter(self._directory.list(check_prefix(served.key_of(frame))))
        while some := list(islice(found, served.LISTED_TOGETHER)):
            self._say(number, served.listed((one.key, one.size_bytes) for one in some))
        self._say(number, served.done())

    def _delete(self, number: int, frame: Frame) -> None:
        self._check_writable()
        self._directory.delete(served.key_of(frame))
        self._say(number, served.done())

    def _begin(self, number: int, asked: served.Put) -> None:
        self._check_writable()
        check_key(asked.key)
        if len(self._puts) >= _MOST_PUTS or number in self._puts:
            raise RemoteUnavailable("too much at once", why="too many files are being sent")
        if asked.if_absent and self._directory.stat(asked.key) is not None:
            self._say(number, served.done(is_new=False))
            return
        self._puts[number] = _Put(self._directory.incoming(asked.key, asked.size_bytes), asked)

    def _publish(self, number: int, put: _Put | None) -> None:
        if put is not None:
            self._say(number, served.done(is_new=put.publish()))

    def _drop(self, number: int) -> None:
        put = self._puts.pop(number, None)
        if put is not None:
            put.discard()

    def _check_writable(self) -> None:
        if self._is_read_only:
            raise Denied("it is served for reading only", why="it is served for reading only")

    def _refuse(self, frame: Frame) -> None:
        raise FormatError("not understood", why=f"a question of kind {frame.kind}")


class _Put:
    """A file on its way, and how much of it has come."""

    def __init__(self, incoming: Incoming, asked: served.Put) -> None:
        self._incoming = incoming
        self._asked = asked
        self._rest_bytes = asked.size_bytes

    def write(self, data: bytes) -> None:
        self._rest_bytes -= len(data)
        if self._rest_bytes < 0:
            raise FormatError("more came than was announced")
        self._incoming.write(data)

    def publish(self) -> bool:
        if self._rest_bytes:
            self.discard()
            raise FormatError("less came than was announced")
        return self._incoming.publish(if_absent=self._asked.if_absent)

    def discard(self) -> None:
        with contextlib.suppress(OSError):
            self._incoming.discard()


def _failure(exc: MlvcError | ValueError) -> Failure:
    if not isinstance(exc, MlvcError):
        return Failure(Trouble.NOT_UNDERSTOOD, str(exc))
    troubles: tuple[tuple[type[MlvcError], Trouble], ...] = (
        (NotFound, Trouble.NOT_FOUND),
        (Denied, Trouble.DENIED),
        (Offline, Trouble.OFFLINE),
        (RemoteRefused, Trouble.REFUSED),
        (RemoteUnavailable, Trouble.UNAVAILABLE),
        (FormatError, Trouble.NOT_UNDERSTOOD),
    )
    for kind, trouble in troubles:
        if isinstance(exc, kind):
            return Failure(trouble, exc.why or exc.what, exc.hint)
    return Failure(Trouble.REFUSED, exc.why or exc.what, exc.hint)
