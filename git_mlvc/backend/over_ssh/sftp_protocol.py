"""SFTP, version 3, with the extensions of OpenSSH that matter here: packets <-> values. Pure.

Source: draft-ietf-secsh-filexfer-02, and OpenSSH's PROTOCOL. Names are bytes: the protocol knows no encoding.
"""

from __future__ import annotations

import re
import stat as modes
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from git_mlvc.backend.over_ssh.frames import Frame, Part, Reader, Request, text
from git_mlvc.errors import FormatError

VERSION = 3
INIT = struct.pack(">IBI", 5, 1, VERSION)
# A VERSION packet, also behind what a talkative login shell has printed.
_VERSION_PACKET = re.compile(rb"(?s)\x00[\x00-\x03].{2}\x02\x00\x00\x00(.)")
_VERSION_HEAD = 9
SAFE_BLOCK_BYTES = 32 << 10  # what every server takes
_MAX_NAMES = 1 << 16  # in one answer
_U32 = struct.Struct(">I")
_U64 = struct.Struct(">Q")

FSYNC = "fsync@openssh.com"
LIMITS = "limits@openssh.com"
POSIX_RENAME = "posix-rename@openssh.com"
HARDLINK = "hardlink@openssh.com"
STATVFS = "statvfs@openssh.com"
EXPAND_PATH = "expand-path@openssh.com"
LSETSTAT = "lsetstat@openssh.com"  # only OpenSSH has it


class Kind(IntEnum):
    """Packets, by their number."""

    VERSION = 2
    OPEN = 3
    CLOSE = 4
    READ = 5
    WRITE = 6
    FSTAT = 8
    SETSTAT = 9
    FSETSTAT = 10
    OPENDIR = 11
    READDIR = 12
    REMOVE = 13
    MKDIR = 14
    STAT = 17
    RENAME = 18
    STATUS = 101
    HANDLE = 102
    DATA = 103
    NAME = 104
    ATTRS = 105
    EXTENDED = 200
    EXTENDED_REPLY = 201


class Code(IntEnum):
    """What a STATUS says."""

    OK = 0
    EOF = 1
    NO_SUCH_FILE = 2
    PERMISSION_DENIED = 3
    FAILURE = 4
    BAD_MESSAGE = 5
    NO_CONNECTION = 6
    CONNECTION_LOST = 7
    OP_UNSUPPORTED = 8


class Status(NamedTuple):
    """How it went: a number that may be none of `Code`, and what the server says of it."""

    code: int
    message: str = ""


@dataclass(frozen=True, slots=True)
class Attributes:
    """What a server says of a file, or is to make of it; None where it says nothing."""

    size_bytes: int | None = None
    uid: int | None = None
    gid: int | None = None
    mode: int | None = None

    @property
    def is_directory(self) -> bool:
        return self.mode is not None and modes.S_ISDIR(self.mode)

    @property
    def is_file(self) -> bool | None:
        """None where the server does not say."""
        return None if self.mode is None else modes.S_ISREG(self.mode)


class Name(NamedTuple):
    """One line of a directory."""

    name: bytes
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a file one packet may carry, in bytes."""

    read_bytes: int
    write_bytes: int


class Room(NamedTuple):
    """What a file system has left."""

    free_bytes: int
    is_read_only: bool


# -- the beginning


def find_version(said: bytes) -> tuple[int, int] | None:
    """Return where a VERSION packet begins and ends in what a server said first; None if there is none yet."""
    for found in _VERSION_PACKET.finditer(said):
        end = found.start() + 4 + _U32.unpack_from(said, found.start())[0]
        if found[1] == bytes([VERSION]) and end <= len(said):
            return found.start(), end
    return None


def extensions(packet: bytes) -> dict[str, bytes]:
    """Return what the server can beyond the protocol, from its VERSION packet. Raises FormatError."""
    reader = Reader(packet[_VERSION_HEAD:])
    found = {}
    while not reader.is_at_end:
        name = reader.text().decode("ascii", "replace")
        found[name] = reader.text()
    return found


# -- requests

_READ, _WRITE, _CREATE, _EXCLUSIVE = 0x01, 0x02, 0x08, 0x20


def open_to_read(path: bytes) -> Request:
    return Request(Kind.OPEN, (text(path), _U32.pack(_READ), _NOTHING))


def create(path: bytes) -> Request:
    """A new file; an error if the name is taken."""
    flags = _WRITE | _CREATE | _EXCLUSIVE
    return Request(Kind.OPEN, (text(path), _U32.pack(flags), _NOTHING))


def close(handle: bytes) -> Request:
    return Request(Kind.CLOSE, (text(handle),))


def read(handle: bytes, offset: int, length: int) -> Request:
    return Request(Kind.READ, (text(handle), _U64.pack(offset), _U32.pack(length)))


def write(handle: bytes, offset: int, data: Part) -> Request:
    return Request(Kind.WRITE, (text(handle), _U64.pack(offset), _U32.pack(len(data)), data))


def stat(path: bytes) -> Request:
    return Request(Kind.STAT, (text(path),))


def fstat(handle: bytes) -> Request:
    return Request(Kind.FSTAT, (text(handle),))


def setstat(path: bytes, attributes: Attributes) -> Request:
    return Request(Kind.SETSTAT, (text(path), encode_attributes(attributes)))


def fsetstat(handle: bytes, attributes: Attributes) -> Request:
    return Request(Kind.FSETSTAT, (text(handle), encode_attributes(attributes)))


def opendir(path: bytes) -> Request:
    return Request(Kind.OPENDIR, (text(path),))


def readdir(handle: bytes) -> Request:
    return Request(Kind.READDIR, (text(handle),))


def remove(path: bytes) -> Request:
    return Request(Kind.REMOVE, (text(path),))


def mkdir(path: bytes) -> Request:
    return Request(Kind.MKDIR, (text(path), _NOTHING))


def rename(old: bytes, new: bytes) -> Request:
    """By the protocol an error if `new` is there; not all servers keep to that."""
    return Request(Kind.RENAME, (text(old), text(new)))


def posix_rename(old: bytes, new: bytes) -> Request:
    return _extended(POSIX_RENAME, text(old), text(new))


def hardlink(old: bytes, new: bytes) -> Request:
    return _extended(HARDLINK, text(old), text(new))


def fsync(handle: bytes) -> Request:
    return _extended(FSYNC, text(handle))


def limits() -> Request:
    return _extended(LIMITS)


def statvfs(path: bytes) -> Request:
    return _extended(STATVFS, text(path))


def expand_path(path: bytes) -> Request:
    return _extended(EXPAND_PATH, text(path))


def _extended(name: str, *parts: bytes) -> Request:
    return Request(Kind.EXTENDED, (text(name.encode("ascii")), *parts))


# -- answers: each raises FormatError for another kind of packet


def status_of(frame: Frame) -> Status | None:
    """Return the status, None if the packet is an answer of another kind."""
    if frame.kind != Kind.STATUS:
        return None
    reader = Reader(frame.body)
    code = reader.u32()
    message = "" if reader.is_at_end else reader.text().decode("utf-8", "replace")
    return Status(code, message)


def handle_of(frame: Frame) -> bytes:
    return _body(frame, Kind.HANDLE).text()


def data_of(frame: Frame) -> memoryview:
    return _body(frame, Kind.DATA).blob()


def attributes_of(frame: Frame) -> Attributes:
    return _decode_attributes(_body(frame, Kind.ATTRS))


def names_of(frame: Frame) -> Iterator[Name]:
    reader = _body(frame, Kind.NAME)
    count = reader.u32()
    if count > _MAX_NAMES:
        raise FormatError("not an answer of SFTP", why=f"it has {count} names")
    for _ in range(count):
        name = reader.text()
        reader.text()  # as `ls -l` would show it
        yield Name(name, _decode_attributes(reader))


def limits_of(frame: Frame) -> Limits:
    """What is 0 there means: no limit is known."""
    reader = _body(frame, Kind.EXTENDED_REPLY)
    reader.u64()
    return Limits(reader.u64() or SAFE_BLOCK_BYTES, reader.u64() or SAFE_BLOCK_BYTES)


def room_of(frame: Frame) -> Room:
    reader = _body(frame, Kind.EXTENDED_REPLY)
    _block, fragment, _blocks, _free, available = (reader.u64() for _ in range(5))
    _files, _free_files, _available_files, _fsid, flags = (reader.u64() for _ in range(5))
    return Room(fragment * available, bool(flags & 1))


def _body(frame: Frame, kind: Kind) -> Reader:
    if frame.kind != kind:
        raise FormatError(
            "not an answer of SFTP", why=f"a packet of kind {frame.kind} where {kind} belongs"
        )
    return Reader(frame.body)


# -- attributes

_SIZE, _OWNER, _MODE, _TIMES, _EXTENDED = 0x1, 0x2, 0x4, 0x8, 0x80000000
_NOTHING = _U32.pack(0)


def encode_attributes(attributes: Attributes) -> bytes:
    """Owner and group go together: both or none."""
    flags, parts = 0, b""
    if attributes.size_bytes is not None:
        flags, parts = flags | _SIZE, parts + _U64.pack(attributes.size_bytes)
    if attributes.uid is not None and attributes.gid is not None:
        flags |= _OWNER
        parts += _U32.pack(attributes.uid) + _U32.pack(attributes.gid)
    if attributes.mode is not None:
        flags, parts = flags | _MODE, parts + _U32.pack(attributes.mode)
    return _U32.pack(flags) + parts


def _decode_attributes(reader: Reader) -> Attributes:
    flags = reader.u32()
    size_bytes = reader.u64() if flags & _SIZE else None
    uid, gid = (reader.u32(), reader.u32()) if flags & _OWNER else (None, None)
    mode = reader.u32() if flags & _MODE else None
    if flags & _TIMES:
        reader.u64()
    if flags & _EXTENDED:
        for _ in range(reader.u32()):
            reader.text()
            reader.text()
    return Attributes(size_bytes, uid, gid, mode)
