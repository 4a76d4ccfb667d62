"""Files whose inside is compressed as one stream: told from how they begin, and Parquet from its end too.

In such a file a small edit changes all bytes behind it, so that versions share no chunks. Not told are
formats that nobody writes in another way (office documents, packages for Java or Android).
"""

from __future__ import annotations

import struct
from enum import Enum

HEAD_BYTES = 1 << 16
TAIL_BYTES = 1 << 16  # of a Parquet file; its key-value metadata stand at the end of its footer

_GZIP = b"\x1f\x8b\x08"
_ZIP = b"PK\x03\x04"
_PARQUET = b"PAR1"
BEGINNINGS = (_GZIP, _ZIP, _PARQUET)
_LOCAL = struct.Struct("<4sHHHHHIIIHH")  # a member's header: APPNOTE.TXT, 4.3.7
_DEFLATED = 8
_SIZE_FOLLOWS = 0x0008
_IN_EXTRA = 0xFFFFFFFF
_FIXED = (b"[Content_Types].xml", b"mimetype", b"META-INF/", b"AndroidManifest.xml")
_CHUNKED_PAGES = b"content_defined_chunking"


class Compressed(Enum):
    """What is compressed, and so stored whole in each version."""

    GZIP = "gzip"
    ARRAYS = "deflated arrays"  # NumPy's .npz
    MEMBERS = "a zip of deflated files"
    PAGES = "Parquet"


def compressed(head: bytes, tail: bytes = b"") -> Compressed | None:
    """Return what a file that begins with `head` and ends with `tail` is; None if it is none of these.

    Of Parquet only a note of the writer can tell that its pages were cut by content: Hugging Face
    `datasets` leaves one, pyarrow leaves none.
    """
    if head.startswith(_GZIP):
        return Compressed.GZIP
    if head.startswith(_ZIP):
        return _zip(head)
    if head.startswith(_PARQUET) and tail.endswith(_PARQUET):
        return None if _CHUNKED_PAGES in tail else Compressed.PAGES
    return None


def _zip(head: bytes) -> Compressed | None:
    """Look at the members that stand in `head`: the first that is deflated tells."""
    at = 0
    while len(head) - at >= _LOCAL.size:
        signature, _, flags, method, *_, stored_len, raw_len, name_len, extra_len = (
            _LOCAL.unpack_from(head, at)
        )
        name_at = at + _LOCAL.size
        name = head[name_at : name_at + name_len]
        if signature != _ZIP or name.startswith(_FIXED):
            return None
        if method == _DEFLATED and (raw_len or flags & _SIZE_FOLLOWS):
            return Compressed.ARRAYS if name.endswith(b".npy") else Compressed.MEMBERS
        if flags & _SIZE_FOLLOWS or stored_len == _IN_EXTRA:
            return None
        at = name_at + name_len + extra_len + stored_len
    return None
