"""Whether stored bytes are what their id promises (law 3)."""

from __future__ import annotations

from blake3 import blake3

from git_mlvc.errors import CorruptChunk, FormatError
from git_mlvc.formats import recipe as recipe_format
from git_mlvc.formats.chunk_codec import ChunkCodec
from git_mlvc.formats.pack import Kind


def verify_stored(
    digest: bytes, kind: int, codec: int, raw_len: int, payload: bytes, decoder: ChunkCodec
) -> bytes:
    """Return the raw bytes of a stored payload, which are what its id promises.

    A recipe proves itself by its own checksum; that it makes the content it is named by is proved
    when that content is restored. Raises CorruptChunk.
    """
    try:
        raw = decoder.decode(codec, payload, raw_len)
        if kind == Kind.RECIPE:
            recipe_format.decode(raw)
    except FormatError as exc:
        raise CorruptChunk(f"damaged record {digest.hex()[:16]}", why=str(exc)) from exc
    if kind != Kind.RECIPE and blake3(raw).digest() != digest:
        raise CorruptChunk(
            f"damaged record {digest.hex()[:16]}", why="its bytes are not the ones it is named by"
        )
    return raw
