"""Where things stand on a remote, and its list of segments. Promise: docs/formats/remote.md.

Names that a remote hands us are ids or nothing: what is not exactly the hex of a hash is never used.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from git_mlvc.errors import FormatError

FORMAT_KEY = "format"
INDEX_KEY = "index"
PACKS = "packs/"
SEGMENTS = "segments/"
MAX_INDEX_BYTES = 16 << 20
_INDEX_FIRST_LINE = b"git-mlvc segments 1\n"
_ANY_INDEX = re.compile(rb"git-mlvc segments [0-9]+\n")
_PACK_KEY = re.compile(r"packs/([0-9a-f]{2})/(\1[0-9a-f]{62})\Z")
_SEGMENT_KEY = re.compile(r"segments/([0-9a-f]{64})\Z")
_INDEX_LINE = re.compile(rb"[0-9a-f]{64}\Z")


def pack_key(pack_id: bytes) -> str:
    name = pack_id.hex()
    return f"{PACKS}{name[:2]}/{name}"


def segment_key(segment_id: bytes) -> str:
    return SEGMENTS + segment_id.hex()


def pack_of(key: str) -> bytes | None:
    """Return the id of the pack that lives under `key`, None if no pack can."""
    found = _PACK_KEY.match(key)
    return bytes.fromhex(found[2]) if found else None


def segment_of(key: str) -> bytes | None:
    found = _SEGMENT_KEY.match(key)
    return bytes.fromhex(found[1]) if found else None


def encode_index(segment_ids: Iterable[bytes]) -> bytes:
    """Return the `index` object: the ids of segments, sorted, one on a line."""
    names = sorted({segment_id.hex() for segment_id in segment_ids})
    return _INDEX_FIRST_LINE + "".join(name + "\n" for name in names).encode("ascii")


def decode_index(data: bytes) -> list[bytes]:
    """Raises FormatError."""
    if not data.startswith(_INDEX_FIRST_LINE):
        if _ANY_INDEX.match(data):
            raise FormatError(
                "cannot read the remote's index",
                why="it was written by a newer git-mlvc",
                hint="upgrade git-mlvc",
            )
        raise FormatError("damaged remote index", why="it does not begin like one")
    lines = data[len(_INDEX_FIRST_LINE) :].split(b"\n")
    if lines.pop() != b"" or not all(map(_INDEX_LINE.match, lines)):
        raise FormatError("damaged remote index", why="a line is not the id of a segment")
    if sorted(set(lines)) != lines:
        raise FormatError("damaged remote index", why="its lines are not sorted")
    return [bytes.fromhex(line.decode("ascii")) for line in lines]
