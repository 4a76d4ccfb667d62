"""PNG files from rows of pixels: the same bytes for the same picture, and no library."""

from __future__ import annotations

import struct
import zlib

_COLOUR_TYPES = {
    1: 0,
    2: 4,
    3: 2,
    4: 6,
}  # by the number of values of a pixel: grey, with alpha, RGB, RGBA


def encode(pixels: bytes, width: int, height: int, channels: int) -> bytes:
    """Return the file; `pixels` has `height` rows of `width` pixels of `channels` (1 to 4) bytes each."""
    stride = width * channels
    # Every row begins with the number of its filter: 0, none.
    rows = b"".join(b"\0" + pixels[at : at + stride] for at in range(0, stride * height, stride))
    head = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[channels], 0, 0, 0)
    parts = _part(b"IHDR", head) + _part(b"IDAT", zlib.compress(rows, 6)) + _part(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def _part(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
