"""Contents and names that have broken other tools, made from seeds so that a failure repeats.

The pointer is written here by hand, on purpose: an oracle must not share code with what it judges.
"""

from __future__ import annotations

import random
import re

from blake3 import blake3

_POINTER = re.compile(rb"git-mlvc pointer 1\noid blake3:([0-9a-f]{64})\nsize ([1-9][0-9]*)\n\Z")

# Around git's packet payload (65516), the chunk limits (16, 64 and 256 KiB) and nothing at all.
EDGE_SIZES = (
    *(0, 1, 2, 63, 64, 65, 199, 200, 201, 1023, 1024, 1025),
    *(16383, 16384, 16385, 65515, 65516, 65517, 65535, 65536, 65537),
    *(131032, 131033, 262143, 262144, 262145, 524289),
)

# What a file system that takes any bytes can be asked to hold. All are tracked by `*.bin`.
UNUSUAL_NAMES: tuple[bytes, ...] = (
    b"with space.bin",
    b" leading and trailing .bin",
    b'double"quote.bin',
    b"single'quote.bin",
    b"new\nline.bin",
    b"tab\there.bin",
    b"key=value.bin",
    b"-leading-dash.bin",
    b"--option=x.bin",
    b"back\\slash.bin",
    b"star*[a-z]?.bin",
    b"#hash.bin",
    b"!bang.bin",
    b"$HOME`x`.bin",
    b"%s%d%n.bin",
    b":(glob)magic.bin",
    b"nfc-\xc3\xa9.bin",
    b"nfd-e\xcc\x81.bin",
    b"not-utf8-\xff\xfe\xe9.bin",
    b"\xf0\x9f\x98\x80.bin",
    b"deep/er/and deeper/x.bin",
    b"deep/-/=/.bin",
    b"n" * 240 + b".bin",
)

_PIECE_BYTES = 64 << 20  # randbytes makes less than 256 MiB at once


def noise(size: int, seed: int = 0) -> bytes:
    """Return bytes that nothing compresses, the same for the same seed."""
    rng = random.Random(seed)
    if size <= _PIECE_BYTES:
        return rng.randbytes(size)
    pieces = range(0, size, _PIECE_BYTES)
    return b"".join(rng.randbytes(min(_PIECE_BYTES, size - at)) for at in pieces)


def table(rows: int, seed: int = 0) -> bytes:
    """Return a CSV table: text, so that a plain git merges and shows it line by line."""
    rng = random.Random(seed)
    lines = (f"{row},{rng.random():.6f},{rng.choice('abcdef')}\n" for row in range(rows))
    return ("id,value,kind\n" + "".join(lines)).encode()


def edited(data: bytes, seed: int = 0, edits: int = 3) -> bytes:
    """Return `data` with a few short replacements, insertions and deletions."""
    rng = random.Random(seed)
    result = bytearray(data)
    for _ in range(edits):
        at = rng.randrange(len(result) + 1)
        result[at : at + rng.randrange(9)] = rng.randbytes(rng.randrange(1, 9))
    return bytes(result)


def pointer_to(data: bytes) -> bytes:
    """Return the pointer git should hold in the place of `data`."""
    if not data:
        return b""
    return b"git-mlvc pointer 1\noid blake3:%s\nsize %d\n" % (
        blake3(data).hexdigest().encode(),
        len(data),
    )


def is_pointer(data: bytes) -> bool:
    return _POINTER.match(data) is not None


def pretenders() -> dict[str, bytes]:
    """Return contents that look like something to a filter and are just content."""
    real = pointer_to(b"somewhere")
    return {
        "pointer-with-tail.bin": real + b"tail\n",
        "pointer-without-last-newline.bin": real[:-1],
        "pointer-size-with-zero.bin": real.replace(b"size 9", b"size 09"),
        "pointer-of-nothing.bin": real.replace(b"size 9", b"size 0"),
        "pointer-upper-case.bin": real.upper(),
        "pointer-version-2.bin": real.replace(b"pointer 1", b"pointer 2"),
        "pointer-padded.bin": real + b" " * (200 - len(real)),
        "packets.bin": b"0000" * 40 + b"0013status=success\n0000" + b"command=clean\n",
        "flush.bin": b"0000",
        "newlines.bin": b"\r\n" * 500 + b"\n\r" * 500,
        "nul.bin": bytes(70000),
        "ident.bin": b"$Id$ $Id: abc $\n",
    }
