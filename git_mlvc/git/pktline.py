"""Packet lines: how git frames what it says to a filter.

Four hexadecimal digits give a packet's length, themselves included; `0000` (flush) ends a list or a
content. Layout: gitprotocol-common(5). Pure: whoever reads and writes pipes is `filter/pipe.py`.
"""

from __future__ import annotations

from collections.abc import Iterable

from git_mlvc.errors import FormatError

HEADER_BYTES = 4
MAX_PACKET_BYTES = 65520
MAX_PAYLOAD_BYTES = MAX_PACKET_BYTES - HEADER_BYTES
FLUSH = b"0000"


class ProtocolError(FormatError):
    """What came through the pipe is not what git says to a filter; nothing after it can be understood."""


_HEX = frozenset(b"0123456789abcdefABCDEF")
_SHORT = {b"%04x" % size: size for size in range(HEADER_BYTES, 256)}  # nearly all lines of requests


def packet(payload: bytes) -> bytes:
    """Return one packet. Raises ValueError when the payload is longer than a packet can be."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"a packet carries at most {MAX_PAYLOAD_BYTES} bytes, not {len(payload)}")
    return b"%04x%s" % (len(payload) + HEADER_BYTES, payload)


def lines(texts: Iterable[bytes]) -> bytes:
    """Return a list as git writes it: one packet for each text, its newline inside, then a flush."""
    return b"".join([packet(text + b"\n") for text in texts]) + FLUSH


def content(data: bytes) -> bytes:
    """Return a whole content as packets, without the flush; nothing at all for empty content."""
    if len(data) <= MAX_PAYLOAD_BYTES:
        return b"%04x%s" % (len(data) + HEADER_BYTES, data) if data else b""
    return b"".join(
        [
            packet(data[start : start + MAX_PAYLOAD_BYTES])
            for start in range(0, len(data), MAX_PAYLOAD_BYTES)
        ]
    )


def length(header: bytes) -> int:
    """Return the packet length that four bytes tell: 0 for a flush, else 4 to 65520.

    Raises ProtocolError for anything else; git's other special packets have no place in this protocol.
    """
    size = _SHORT.get(header)
    if size is not None:
        return size
    if header == FLUSH:
        return 0
    if len(header) == HEADER_BYTES and _HEX.issuperset(header):
        size = int(header, 16)
        if HEADER_BYTES <= size <= MAX_PACKET_BYTES:
            return size
    raise ProtocolError("git's packet stream is broken", why=f"{header!r} is no packet's length")
