"""Packs written by hand: true ones, and ones that lie."""

from __future__ import annotations

from collections.abc import Iterable

from blake3 import blake3

from git_mlvc.formats.chunk_codec import Codec
from git_mlvc.formats.pack import HEADER, Kind, encode_footer, encode_row
from git_mlvc.formats.segment import PackTable


def pack_of(
    records: Iterable[tuple[bytes, bytes]], *, kind: int = Kind.CHUNK, gap: int = 0
) -> tuple[bytes, PackTable]:
    """Return a pack of raw records (id, payload), and its table; `gap` bytes stand before each."""
    data = bytearray(HEADER)
    rows = bytearray()
    for digest, payload in records:
        data += bytes(gap)
        rows += encode_row(digest, kind, Codec.RAW, len(data), len(payload), len(payload))
        data += payload
    table_at = len(data)
    data += rows + encode_footer(bytes(rows), table_at)
    return bytes(data), PackTable(blake3(data).digest(), len(data), bytes(rows))


def true_records(payloads: Iterable[bytes]) -> list[tuple[bytes, bytes]]:
    return [(blake3(payload).digest(), payload) for payload in payloads]
