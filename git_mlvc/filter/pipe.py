"""The pipe to git: packets read with few system calls, answers written with one.

Git writes each packet by itself and then waits for us, so small requests are read into one buffer and
parsed there. A content larger than a packet comes in full packets: `read_into` lays header and payload
targets side by side and lets the kernel take the framing apart, so that no byte is copied twice.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from git_mlvc.git import pktline
from git_mlvc.git.pktline import FLUSH, HEADER_BYTES, MAX_PACKET_BYTES, MAX_PAYLOAD_BYTES

PIPE_BYTES = 1 << 20
_READ_BYTES = 1 << 16
_AHEAD = 16  # packets that one system call may fill: what an enlarged pipe holds
_FULL = b"%04x" % MAX_PACKET_BYTES
_CLEAN = b"0012command=clean\n"
_PATHNAME = b"pathname="
_DRAIN_BYTES = 1 << 20
_PIECE_BYTES = 8 * MAX_PAYLOAD_BYTES  # at most this much is framed at a time

Buffer = bytes | bytearray | memoryview


class Disconnected(Exception):
    """Not a failure of ours: git ended in the middle of a request, or reads no more."""


class PacketPipe:
    """Both directions of the conversation with git. Blocking, single-threaded."""

    def __init__(self, in_fd: int, out_fd: int) -> None:
        self._in = in_fd
        self._out = out_fd
        self._buffer = b""  # read and not yet parsed, from _at on
        self._at = 0
        self._left = 0  # payload bytes of the current packet still to come
        self._in_content = False
        headers = memoryview(bytearray(HEADER_BYTES * _AHEAD))
        self._headers = [headers[4 * n : 4 * n + 4] for n in range(_AHEAD)]
        _enlarge(in_fd)
        _enlarge(out_fd)

    # -- from git

    def lines(self) -> list[bytes] | None:
        """Return one list of packets without their newlines; None if git has closed the pipe.

        Raises Disconnected when it closes in the middle of the list, ProtocolError.
        """
        texts: list[bytes] = []
        buffer, at = self._buffer, self._at
        while True:
            if len(buffer) - at < HEADER_BYTES:
                if not self._have(HEADER_BYTES):
                    if texts or len(self._buffer) > self._at:
                        raise Disconnected
                    return None
                buffer, at = self._buffer, self._at
            header = buffer[at : at + HEADER_BYTES]
            if header == FLUSH:
                self._at = at + HEADER_BYTES
                return texts
            size = pktline.length(header)
            if len(buffer) - at < size:
                if not self._have(size):
                    raise Disconnected
                buffer, at = self._buffer, self._at
            end = at + size
            text = buffer[at + HEADER_BYTES : end]
            texts.append(text[:-1] if text[-1:] == b"\n" else text)
            self._at = at = end

    def small_clean(self) -> tuple[bytes, bytes] | None:
        """Return (path, content) of git's usual request for a small file, taken apart in one go.

        None for all else, also when git closes the pipe: then nothing was taken, and `lines` comes next.
        Never waits for more than git must send. Raises Disconnected, ProtocolError.
        """
        if self._at == len(self._buffer):
            self._buffer, self._at = os.read(self._in, _READ_BYTES), 0
        start = self._at
        if not self._buffer.startswith(_CLEAN, start):
            return None
        at = self._more(len(_CLEAN)) + len(_CLEAN)
        size = pktline.length(self._buffer[at : at + HEADER_BYTES])
        if size == 0:
            return None
        at = self._more(len(_CLEAN) + size) + len(_CLEAN)
        text, end = self._buffer[at + HEADER_BYTES : at + size], at + size + HEADER_BYTES
        if self._buffer[end - HEADER_BYTES : end] != FLUSH or not text.startswith(_PATHNAME):
            return None
        taken = end - self._at
        begin = self._more(taken) + taken
        header = self._buffer[begin : begin + HEADER_BYTES]
        length = pktline.length(header)
        data = b""
        if length:
            if header == _FULL:
                return None
            begin = self._more(taken + length) + taken
            end = begin + length
            if self._buffer[end : end + HEADER_BYTES] != FLUSH:
                return None
            data, begin = self._buffer[begin + HEADER_BYTES : end], end
        self._at = begin + HEADER_BYTES
        return text[len(_PATHNAME) :].removesuffix(b"\n"), data

    def _more(self, count: int) -> int:
        """Read until `count` unparsed bytes and the header after them are here; return where they begin."""
        needed = count + HEADER_BYTES
        if len(self._buffer) - self._at < needed and not self._have(needed):
            raise Disconnected
        return self._at

    def small_content(self) -> bytes | None:
        """Return a content that fits into one packet; None for others: then use `read_into`.

        Either way a content has begun and must be read to its end, or drained.
        """
        self._in_content = True
        self._left = 0
        if not self._have(HEADER_BYTES):
            raise Disconnected
        at = self._at
        header = self._buffer[at : at + HEADER_BYTES]
        if header == FLUSH:
            self._at = at + HEADER_BYTES
            self._in_content = False
            return b""
        if header == _FULL:
            return None
        size = pktline.length(header)
        if not self._have(size + HEADER_BYTES):
            raise Disconnected
        at = self._at
        end = at + size
        if self._buffer[end : end + HEADER_BYTES] != FLUSH:
            return None
        self._at = end + HEADER_BYTES
        self._in_content = False
        return self._buffer[at + HEADER_BYTES : end]

    def read_into(self, target: memoryview) -> int:
        """Fill `target` with the next bytes of the content; fewer only at its end, 0 after it.

        Raises Disconnected, ProtocolError.
        """
        at = 0
        size = len(target)
        while self._in_content and at < size:
            if not self._left:
                self._next_packet()
            elif self._at < len(self._buffer):
                count = min(self._left, size - at, len(self._buffer) - self._at)
                target[at : at + count] = self._buffer[self._at : self._at + count]
                self._at += count
                self._left -= count
                at += count
            else:
                at += self._scatter(target, at)
        return at

    def drain(self) -> None:
        """Read a content to its end and forget it. Git reads no answer before it has sent all."""
        if self._in_content:
            scratch = memoryview(bytearray(_DRAIN_BYTES))
            while self.read_into(scratch):
                pass

    def _next_packet(self) -> None:
        if not self._have(HEADER_BYTES):
            raise Disconnected
        size = pktline.length(self._buffer[self._at : self._at + HEADER_BYTES])
        self._at += HEADER_BYTES
        if size == 0:
            self._in_content = False
        else:
            self._left = size - HEADER_BYTES

    def _scatter(self, target: memoryview, at: int) -> int:
        """Read straight into `target`, guessing that all packets to come are full.

        Where the guess was wrong, what came after that packet's header goes back to the buffer.
        """
        size = len(target)
        end = at + min(self._left, size - at)
        targets = [target[at:end]]
        first = end - at
        ahead = 0
        if first == self._left:
            while ahead < _AHEAD and end < size:
                start, end = end, min(end + MAX_PAYLOAD_BYTES, size)
                targets += (self._headers[ahead], target[start:end])
                ahead += 1
        count = os.readv(self._in, targets)
        if count == 0:
            raise Disconnected
        placed = min(count, first)
        self._left -= placed
        count -= placed
        for number in range(ahead):
            if count == 0:
                break
            header = bytes(targets[1 + 2 * number])
            if count < HEADER_BYTES or header != _FULL:
                rest = b"".join([header, *targets[2 + 2 * number :]])
                self._buffer, self._at = rest[:count], 0
                break
            count -= HEADER_BYTES
            got = min(count, len(targets[2 + 2 * number]))
            self._left = MAX_PAYLOAD_BYTES - got
            placed += got
            count -= got
        return placed

    def _have(self, count: int) -> bool:
        """Read until `count` unparsed bytes are in the buffer; False if git closes before."""
        missing = count - (len(self._buffer) - self._at)
        if missing <= 0:
            return True
        pieces = [self._buffer[self._at :]]
        while missing > 0:
            more = os.read(self._in, _READ_BYTES)
            if not more:
                break
            pieces.append(more)
            missing -= len(more)
        self._buffer = b"".join(pieces) if pieces[0] or len(pieces) != 2 else pieces[1]
        self._at = 0
        return missing <= 0

    # -- to git

    def write(self, data: bytes) -> None:
        """Write all of `data`. Raises Disconnected when git has gone."""
        try:
            count = os.write(self._out, data)
        except BrokenPipeError as exc:
            raise Disconnected from exc
        if count != len(data):
            _write_all(self._out, [memoryview(data)[count:]])

    def write_content(self, data: Buffer) -> None:
        """Write a piece of a content as packets; its memory may be used again afterwards."""
        view = memoryview(data).cast("B")
        for begin in range(0, len(view), _PIECE_BYTES):
            piece = view[begin : begin + _PIECE_BYTES]
            parts: list[Buffer] = []
            for start in range(0, len(piece), MAX_PAYLOAD_BYTES):
                payload = piece[start : start + MAX_PAYLOAD_BYTES]
                parts += (b"%04x" % (len(payload) + HEADER_BYTES), payload)
            _write_all(self._out, parts)


def plain_writer(fd: int) -> Callable[[Buffer], None]:
    """Return a function that writes all it is given."""
    return lambda data: _write_all(fd, [data])


def _write_all(fd: int, parts: list[Buffer]) -> None:
    views = [memoryview(part).cast("B") for part in parts]
    while views:
        try:
            count = os.writev(fd, views)
        except BrokenPipeError as exc:
            raise Disconnected from exc
        done = 0
        while done < len(views) and count >= len(views[done]):
            count -= len(views[done])
            done += 1
        views = views[done:]
        if count:
            views[0] = views[0][count:]


def _enlarge(fd: int) -> None:
    """Ask for a larger pipe: half the time for big contents. Linux only, and only if allowed."""
    try:
        import fcntl

        fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    except (ImportError, AttributeError, OSError):
        pass
