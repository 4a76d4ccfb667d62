"""Chunks that are nothing but zeros: a new file need not hold them, it reads as zeros where nothing was
written.

Only the longest chunk is looked for: where zeros go on and on, content is cut at its length, whatever
stands before (a test pins that). So one id tells them, and neither store nor disk is asked.
"""

from __future__ import annotations

from blake3 import blake3

from git_mlvc import chunking

ZEROS = bytes(chunking.MAX)
_DIGEST = blake3(ZEROS).digest()


def is_hole(digest: bytes, raw_len: int) -> bool:
    """True if the chunk of this id and length is `ZEROS`."""
    return raw_len == len(ZEROS) and digest == _DIGEST
