"""Object ids: the names of contents and chunks."""

from __future__ import annotations

import re

from git_mlvc.values import value_class

HASH_NAME = "blake3"
DIGEST_SIZE = 32
_TEXT = re.compile(r"blake3:[0-9a-f]{64}\Z")


@value_class(order=True)
class Oid:
    """The name of some bytes: the BLAKE3-256 of exactly those bytes."""

    digest: bytes

    def __post_init__(self) -> None:
        if len(self.digest) != DIGEST_SIZE:
            raise ValueError(f"an Oid has {DIGEST_SIZE} bytes, not {len(self.digest)}")

    @classmethod
    def of(cls, data: bytes | bytearray | memoryview) -> Oid:
        from blake3 import (
            blake3,
        )  # 1 ms; values are imported everywhere, hashing is not needed there

        return cls(blake3(data).digest())

    @classmethod
    def parse(cls, text: str) -> Oid:
        """Read `blake3:<64 lowercase hex digits>`. Raises ValueError for anything else."""
        if not _TEXT.match(text):
            raise ValueError(f"not an object id: {text[:80]!r}")
        return cls(bytes.fromhex(text[len(HASH_NAME) + 1 :]))

    @property
    def hex(self) -> str:
        return self.digest.hex()

    @property
    def short(self) -> str:
        return self.digest[:5].hex()

    def __str__(self) -> str:
        return f"{HASH_NAME}:{self.digest.hex()}"
