"""A small SFTP server in this process, over a socket pair, that behaves as badly as it is told."""

from __future__ import annotations

import os
import socket
import struct
import threading
from dataclasses import dataclass, field
from pathlib import Path

from git_mlvc.backend.over_ssh.exchange import Exchange
from git_mlvc.backend.over_ssh.frames import HEAD, Reader, text
from git_mlvc.backend.over_ssh.sftp_protocol import Code, Kind
from git_mlvc.errors import RemoteUnavailable

_U32, _U64 = struct.Struct(">I"), struct.Struct(">Q")
_EXCLUSIVE = 0x20
OPENSSH = dict.fromkeys(
    (
        "fsync@openssh.com",
        "posix-rename@openssh.com",
        "hardlink@openssh.com",
        "lsetstat@openssh.com",
    ),
    b"1",
)


class SocketLink:
    """One end of a socket pair, as an exchange wants it."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self.read_fd = sock.fileno()
        self.write_fd = os.dup(self.read_fd)
        os.set_blocking(self.write_fd, False)

    def why_lost(self, why: str) -> RemoteUnavailable:
        return RemoteUnavailable("the connection was lost", why=why)

    def stop(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def hang_up(self) -> None:
        self.stop()

    def close(self) -> None:
        self._socket.close()
        os.close(self.write_fd)


@dataclass
class SftpDouble:
    """Serves a directory. `extensions`: what it offers.

    `holds`: how many requests it waits for before it answers the first of them, one number for each turn; then it
    answers each at once. `is_backwards`: answers to what came together are sent last first. `short_bytes`: no answer has
    more. `overwrites`: RENAME replaces. `says_sizes`: attributes have them. `lies_bytes`: so much more than the truth is said to be in a file. `broken`: what it sends in the place of an answer.
    """

    root: Path
    extensions: dict[str, bytes] = field(default_factory=dict)
    holds: list[int] = field(default_factory=list)
    is_backwards: bool = False
    short_bytes: int = 1 << 20
    overwrites: bool = False
    says_sizes: bool = True
    lies_bytes: int = 0
    broken: bytes | None = None
    idle_timeout_s: float = 20.0

    def __post_init__(self) -> None:
        ours, theirs = socket.socketpair()
        self._socket = theirs
        self._handles: dict[bytes, int | list[os.DirEntry[str]]] = {}
        self._paths: dict[bytes, str] = {}
        self._count = 0
        self.asked: list[Kind] = []
        self.turns = 0
        self.link = SocketLink(ours)
        self.exchange = Exchange(self.link, idle_timeout_s=self.idle_timeout_s)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.exchange.close()
        self._thread.join()
        self.link.close()
        self._socket.close()
        for handle in self._handles.values():
            if isinstance(handle, int):
                os.close(handle)

    # -- inside

    def _serve(self) -> None:
        stream = self._socket.makefile("rb")
        waiting: list[bytes] = []
        with stream:
            try:
                while len(start := stream.read(HEAD.size)) == HEAD.size:
                    length, kind, number = HEAD.unpack(start)
                    self.asked.append(Kind(kind))
                    body = stream.read(length - 5)
                    waiting.append(self.broken or self._answer(Kind(kind), number, Reader(body)))
                    if self.holds and len(waiting) < self.holds[0]:
                        continue
                    if self.holds:
                        self.holds.pop(0)
                    self.turns += 1
                    for answer in reversed(waiting) if self.is_backwards else waiting:
                        self._socket.sendall(answer)
                    waiting.clear()
            except OSError:
                pass

    def _answer(self, kind: Kind, number: int, asked: Reader) -> bytes:
        try:
            said, body = self._done(kind, asked)
        except EOFError:
            said, body = Kind.STATUS, _status(Code.EOF)
        except FileNotFoundError:
            said, body = Kind.STATUS, _status(Code.NO_SUCH_FILE)
        except PermissionError:
            said, body = Kind.STATUS, _status(Code.PERMISSION_DENIED)
        except NotImplementedError:
            said, body = Kind.STATUS, _status(Code.OP_UNSUPPORTED)
        except OSError as exc:
            said, body = Kind.STATUS, _status(Code.FAILURE, os.strerror(exc.errno or 0))
        return HEAD.pack(5 + len(body), said, number) + body

    def _done(self, kind: Kind, asked: Reader) -> tuple[Kind, bytes]:
        ok = (Kind.STATUS, _status(Code.OK))
        if kind == Kind.OPEN:
            path, flags = self._path(asked), asked.u32()
            if not flags & 2:
                return self._opened(os.open(path, os.O_RDONLY))
            exclusive = os.O_EXCL if flags & _EXCLUSIVE else 0
            return self._opened(os.open(path, os.O_RDWR | os.O_CREAT | exclusive, 0o666))
        if kind == Kind.OPENDIR:
            return self._opened(list(os.scandir(self._path(asked))))
        if kind in (Kind.STAT, Kind.FSTAT):
            where = self._path(asked) if kind == Kind.STAT else self._handle(asked)
            assert not isinstance(where, list)
            return Kind.ATTRS, self._attributes(os.stat(where))
        if kind == Kind.READ:
            fd, offset, length = self._handle(asked), asked.u64(), asked.u32()
            assert isinstance(fd, int)
            data = os.pread(fd, min(length, self.short_bytes), offset)
            if not data:
                raise EOFError
            return Kind.DATA, text(data)
        if kind == Kind.WRITE:
            fd, offset = self._handle(asked), asked.u64()
            assert isinstance(fd, int)
            os.pwrite(fd, asked.blob(), offset)
            return ok
        if kind == Kind.READDIR:
            return self._names(asked)
        if kind == Kind.CLOSE:
            handle = self._handles.pop(asked.text())
            if isinstance(handle, int):
                os.close(handle)
            return ok
        if kind == Kind.EXTENDED:
            self._extended(asked)
            return ok
        self._change(kind, asked)
        return ok

    def _change(self, kind: Kind, asked: Reader) -> None:
        if kind == Kind.FSETSTAT:
            fd = self._handle(asked)
            assert isinstance(fd, int)
            flags = asked.u32()
            os.fchmod(fd, asked.u32() & 0o7777) if flags == 4 else None
            return
        path = self._path(asked)
        if kind == Kind.REMOVE:
            os.unlink(path)
        elif kind == Kind.MKDIR:
            os.mkdir(path)
        elif kind == Kind.SETSTAT:
            flags = asked.u32()
            os.chmod(path, asked.u32() & 0o7777) if flags == 4 else None
        elif kind == Kind.RENAME:
            new = self._path(asked)
            if os.path.lexists(new) and not self.overwrites:
                raise OSError(17, "it is there")
            os.replace(path, new)
        else:
            raise NotImplementedError

    def _extended(self, asked: Reader) -> None:
        name = asked.text().decode()
        if name not in self.extensions:
            raise NotImplementedError
        if name == "posix-rename@openssh.com":
            os.replace(self._path(asked), self._path(asked))
        elif name == "hardlink@openssh.com":
            os.link(self._path(asked), self._path(asked))

    def _opened(self, thing: int | list[os.DirEntry[str]]) -> tuple[Kind, bytes]:
        self._count += 1
        name = b"handle %d" % self._count
        self._handles[name] = thing
        return Kind.HANDLE, text(name)

    def _names(self, asked: Reader) -> tuple[Kind, bytes]:
        entries = self._handle(asked)
        assert isinstance(entries, list)
        some, entries[:] = entries[:100], entries[100:]
        if not some:
            raise EOFError
        lines = [
            text(os.fsencode(entry.name))
            + text(b"as ls shows it")
            + self._attributes(os.lstat(entry))
            for entry in some
        ]
        return Kind.NAME, _U32.pack(len(lines)) + b"".join(lines)

    def _attributes(self, found: os.stat_result) -> bytes:
        if not self.says_sizes:
            return _U32.pack(4) + _U32.pack(found.st_mode)
        owner = _U32.pack(found.st_uid) + _U32.pack(found.st_gid)
        return (
            _U32.pack(7)
            + _U64.pack(found.st_size + self.lies_bytes)
            + owner
            + _U32.pack(found.st_mode)
        )

    def _path(self, asked: Reader) -> str:
        return os.path.join(self.root, os.fsdecode(asked.text()))

    def _handle(self, asked: Reader) -> int | list[os.DirEntry[str]]:
        return self._handles[asked.text()]


def _status(code: Code, message: str = "") -> bytes:
    return _U32.pack(code) + text(message.encode()) + text(b"en")
