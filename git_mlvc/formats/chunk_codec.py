"""How the bytes of one chunk are stored: raw, zstd, or zstd over planes of equally placed bytes.

Promise: docs/formats/pack.md, *Codecs*. This module gets chunks back; which codec a chunk is stored with
is decided in `chunk_encoder`.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from git_mlvc.errors import FormatError

if TYPE_CHECKING:
    import zstandard

MAX_RAW_LEN = 16 << 20


class Codec(IntEnum):
    """What a payload is. The numbers are the format."""

    RAW = 0
    ZSTD = 1
    BG2_ZSTD = 2
    BG4_ZSTD = 3
    BG8_ZSTD = 4


_PLANES = {Codec.BG2_ZSTD: 2, Codec.BG4_ZSTD: 4, Codec.BG8_ZSTD: 8}


class ChunkCodec:
    """Turns payloads back into chunks. One per thread: zstd's contexts are not shared.

    Cheap to make; the library is loaded when first needed. The long work runs without the
    interpreter lock.
    """

    def __init__(self) -> None:
        self._decompressor: zstandard.ZstdDecompressor | None = None

    def decode(self, codec: int, payload: bytes | memoryview, raw_len: int) -> bytes:
        """Return the `raw_len` bytes that `payload` stands for; RAW bytes are returned as they are.

        What is allocated is bounded by `raw_len`, whatever the payload says. Raises FormatError.
        The caller still compares the hash.
        """
        if not 0 < raw_len <= MAX_RAW_LEN:
            raise _broken(f"{raw_len} bytes are no length of a chunk")
        if codec == Codec.RAW:
            if len(payload) != raw_len:
                raise _broken(f"{len(payload)} raw bytes where {raw_len} should be")
            return bytes(payload)
        if codec not in Codec._value2member_map_:
            raise _broken(f"codec {codec} is unknown", newer=True)
        data = self._decompress(payload, raw_len)
        planes = _PLANES.get(Codec(codec))
        return data if planes is None else _join_planes(data, planes)

    def _decompress(self, payload: bytes | memoryview, raw_len: int) -> bytes:
        import zstandard

        if self._decompressor is None:
            self._decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_RAW_LEN)
        try:
            declared = zstandard.frame_content_size(payload)
            if declared != raw_len:
                raise _broken(f"the frame declares {declared} bytes, the record {raw_len}")
            data = self._decompressor.decompress(
                payload, max_output_size=raw_len, allow_extra_data=False
            )
        except zstandard.ZstdError as exc:
            raise _broken(str(exc)) from exc
        if len(data) != raw_len:
            raise _broken(f"the frame holds {len(data)} bytes, the record says {raw_len}")
        return data


def _join_planes(data: bytes, planes: int) -> bytes:
    size = len(data)
    raw = bytearray(size)
    start = 0
    for plane in range(planes):
        end = start + (size - plane + planes - 1) // planes
        raw[plane::planes] = data[start:end]
        start = end
    return bytes(raw)


def _broken(why: str, *, newer: bool = False) -> FormatError:
    hint = "a newer git-mlvc may have written it: upgrade git-mlvc" if newer else ""
    return FormatError("a stored chunk does not decode", why=why, hint=hint)
