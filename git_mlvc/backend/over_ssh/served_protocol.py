"""What a client and our server process say to each other over ssh: frames <-> values. Pure.

Promise: docs/formats/served.md. The envelope is SFTP's, so that a client can begin before it knows which of the two answers.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import NamedTuple

from git_mlvc.backend.over_ssh.frames import Frame, Part, Reader, Request, text
from git_mlvc.errors import FormatError

MAGIC = b"\0MLVC-SERVED\0"
OLDEST, NEWEST = 1, 1  # versions that this program speaks
BLOCK_BYTES = 256 << 10  # of a file, in one frame
MAX_BODY_BYTES = BLOCK_BYTES + 4096
LISTED_TOGETHER = 1024
MAX_PATH_BYTES = 4096
MAX_KEY_BYTES = 256
_MAX_WORDS_BYTES = 1000  # of each sentence of an error
_GREETING = struct.Struct(">13sBBH")
GREETING_BYTES = _GREETING.size
_U8 = struct.Struct(">B")
_U64 = struct.Struct(">Q")
_U32 = struct.Struct(">I")


class Ask(IntEnum):
    """What a client sends."""

    OPEN = 1
    STAT = 2
    READ = 3
    LIST = 4
    DELETE = 5
    PUT = 6
    BLOCK = 7
    PUBLISH = 8
    ABANDON = 9


class Say(IntEnum):
    """What the server sends."""

    OPENED = 129
    FOUND = 130
    DATA = 131
    LISTED = 132
    DONE = 133
    WORKING = 134
    FAILED = 135


class Trouble(IntEnum):
    """What a client is to make of a failure."""

    NOT_FOUND = 1
    DENIED = 2
    REFUSED = 3
    UNAVAILABLE = 4
    OFFLINE = 5
    NOT_UNDERSTOOD = 6


class Opened(NamedTuple):
    """How a client begins: the version that it speaks, how often it wants a sign of life, and where."""

    version: int
    beat_s: int
    path: bytes


class Read(NamedTuple):
    """A part of a file."""

    start: int
    length: int
    key: str


class Put(NamedTuple):
    """A file that is going to be sent in blocks."""

    if_absent: bool
    size_bytes: int
    key: str


class Data(NamedTuple):
    """Part of a file; how large all of it is; a number that another file under this name would not have."""

    size_bytes: int
    tag: int
    data: memoryview


class Failure(NamedTuple):
    """Why something could not be done."""

    trouble: int
    why: str = ""
    hint: str = ""


def is_last(kind: int) -> bool:
    return kind != Say.LISTED


# -- the beginning


def greeting() -> bytes:
    return _GREETING.pack(MAGIC, OLDEST, NEWEST, 0)


def find_greeting(said: bytes) -> tuple[int, int, int] | None:
    """Return (where it ends, oldest version, newest version); None if there is none yet."""
    at = said.find(MAGIC)
    if at < 0 or len(said) < at + GREETING_BYTES:
        return None
    _, oldest, newest, _ = _GREETING.unpack_from(said, at)
    return at + GREETING_BYTES, oldest, newest


# -- requests


def open_place(opened: Opened) -> Request:
    return Request(
        Ask.OPEN, (_U8.pack(opened.version), _U32.pack(opened.beat_s), text(opened.path))
    )


def stat(key: str) -> Request:
    return Request(Ask.STAT, (text(key.encode("ascii")),))


def read(key: str, start: int, length: int) -> Request:
    return Request(Ask.READ, (_U64.pack(start), _U32.pack(length), text(key.encode("ascii"))))


def list_below(prefix: str) -> Request:
    return Request(Ask.LIST, (text(prefix.encode("ascii")),))


def delete(key: str) -> Request:
    return Request(Ask.DELETE, (text(key.encode("ascii")),))


def put(asked: Put) -> Request:
    flags = 1 if asked.if_absent else 0
    name = text(asked.key.encode("ascii"))
    return Request(Ask.PUT, (_U8.pack(flags), _U64.pack(asked.size_bytes), name))


def block(data: Part) -> Request:
    return Request(Ask.BLOCK, (data,))


PUBLISH = Request(Ask.PUBLISH, ())
ABANDON = Request(Ask.ABANDON, ())


def opened_of(frame: Frame) -> Opened:
    reader = _body(frame, Ask.OPEN)
    opened = Opened(reader.u8(), reader.u32(), reader.text())
    reader.end()
    if len(opened.path) > MAX_PATH_BYTES or b"\0" in opened.path:
        raise FormatError("not a path")
    return opened


def key_of(frame: Frame) -> str:
    """Of STAT and DELETE the key, of LIST the prefix. Nobody has checked it."""
    reader = Reader(frame.body)
    key = _key(reader)
    reader.end()
    return key


def read_of(frame: Frame) -> Read:
    reader = _body(frame, Ask.READ)
    asked = Read(reader.u64(), reader.u32(), _key(reader))
    reader.end()
    if asked.length > BLOCK_BYTES or asked.start >= 1 << 63:
        raise FormatError("more than one block is asked for")
    return asked


def put_of(frame: Frame) -> Put:
    reader = _body(frame, Ask.PUT)
    flags, size_bytes = reader.u8(), reader.u64()
    asked = Put(flags == 1, size_bytes, _key(reader))
    reader.end()
    if flags > 1 or size_bytes >= 1 << 63:
        raise FormatError("not the beginning of a file")
    return asked


def _key(reader: Reader) -> str:
    name = reader.text()
    if len(name) > MAX_KEY_BYTES or not name.isascii():
        raise FormatError("not a key")
    return name.decode("ascii")


# -- answers


def opened(version: int) -> Request:
    return Request(Say.OPENED, (_U8.pack(version),))


def found(size_bytes: int | None) -> Request:
    return Request(Say.FOUND, () if size_bytes is None else (_U64.pack(size_bytes),))


def data(size_bytes: int, tag: int, part: Part) -> Request:
    return Request(Say.DATA, (_U64.pack(size_bytes), _U64.pack(tag), part))


def listed(lines: Iterable[tuple[str, int]]) -> Request:
    return Request(
        Say.LISTED, tuple(_U64.pack(size) + text(key.encode("ascii")) for key, size in lines)
    )


def done(*, is_new: bool = False) -> Request:
    return Request(Say.DONE, (_U8.pack(is_new),))


WORKING = Request(Say.WORKING, ())


def failed(failure: Failure) -> Request:
    words = (failure.why, failure.hint)
    shown = [text(word.encode("utf-8", "replace")[:_MAX_WORDS_BYTES]) for word in words]
    return Request(Say.FAILED, (_U8.pack(failure.trouble), *shown))


def version_of(frame: Frame) -> int:
    return _body(frame, Say.OPENED).u8()


def size_of(frame: Frame) -> int | None:
    reader = _body(frame, Say.FOUND)
    return None if reader.is_at_end else reader.u64()


def data_of(frame: Frame) -> Data:
    reader = _body(frame, Say.DATA)
    return Data(reader.u64(), reader.u64(), reader.rest())


def listed_of(frame: Frame) -> Iterator[tuple[str, int]]:
    reader = _body(frame, Say.LISTED)
    while not reader.is_at_end:
        size_bytes = reader.u64()
        yield _key(reader), size_bytes


def is_new(frame: Frame) -> bool:
    return _body(frame, Say.DONE).u8() == 1


def failure_of(frame: Frame) -> Failure | None:
    """Return what went wrong, None if the frame says anything else."""
    if frame.kind != Say.FAILED:
        return None
    reader = Reader(frame.body)
    trouble = reader.u8()
    why, hint = (reader.text().decode("utf-8", "replace") for _ in range(2))
    return Failure(trouble, why, hint)


def _body(frame: Frame, kind: IntEnum) -> Reader:
    if frame.kind != kind:
        raise FormatError("not what was asked for", why=f"kind {frame.kind} in the place of {kind}")
    return Reader(frame.body)
