"""Pack files: many chunks in one append-only file.

Layout and versions: docs/formats/pack.md. This module turns headers, tables of records and footers
into bytes and back; where packs live and when they are sealed is `store/packer.py`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import NamedTuple

from git_mlvc.errors import FormatError
from git_mlvc.formats.chunk_codec import MAX_RAW_LEN, Codec
from git_mlvc.values import value_class

MAGIC = b"MLVCPACK"
END_MAGIC = b"MLVCPEND"
VERSION = 1
HEADER = MAGIC + bytes([VERSION]) + bytes(7)
HEADER_SIZE = len(HEADER)
ROW = struct.Struct("<32sBBQII")  # id, kind, codec, offset, stored length, raw length
ROW_SIZE = ROW.size
_FOOTER = struct.Struct("<QI4x32s8x8s")  # table offset, rows, BLAKE3 of the table, magic
FOOTER_SIZE = _FOOTER.size
PACK_TARGET_BYTES = 64 << 20
ALIGNMENT = 4096
ALIGN_FROM_BYTES = 1 << 20  # a run of raw chunks at least this long starts on ALIGNMENT
MAX_OFFSET = (1 << 63) - 1


class Kind(IntEnum):
    """What a record holds. The numbers are the format."""

    CHUNK = 0
    RECIPE = 1
    RUN = 2


_LAST_KIND = max(Kind)
_LAST_CODEC = max(Codec)


class Record(NamedTuple):
    """Where one thing lies in a pack. `raw_len` is its length decoded."""

    id: bytes
    kind: int
    codec: int
    offset: int
    stored_len: int
    raw_len: int


encode_row = ROW.pack
"""Six values of a Record -> one row of 50 bytes: `encode_row(*record)`."""


@value_class
class Footer:
    """Where the table is and what it hashes to."""

    table_offset: int
    count: int
    table_digest: bytes

    @property
    def table_size(self) -> int:
        return self.count * ROW_SIZE


def encode_table(records: Iterable[Record]) -> bytes:
    """Return the rows of `records`, which come in the order they were written."""
    return b"".join([ROW.pack(*record) for record in records])


def iter_rows(table: bytes | memoryview) -> Iterator[Record]:
    """Yield the records of a table that was checked before."""
    return map(Record._make, ROW.iter_unpack(table))


def decode_table(table: bytes | memoryview, *, table_offset: int) -> list[Record]:
    """Return the records; `table_offset` is where the payloads end. Raises FormatError."""
    if len(table) % ROW_SIZE:
        raise _broken(f"a table of {len(table)} bytes has no whole rows")
    records = list(iter_rows(table))
    end = HEADER_SIZE
    for record in records:
        _, kind, codec, offset, stored_len, raw_len = record
        if offset < end:
            raise _broken(f"payloads overlap at offset {offset}")
        end = offset + stored_len
        check_record(kind, codec, offset, stored_len, raw_len)
    if end > table_offset:
        raise _broken(f"a payload ends at {end}, behind the payloads' end {table_offset}")
    return records


def check_record(kind: int, codec: int, offset: int, stored_len: int, raw_len: int) -> None:
    """Raises FormatError for values that no writer of this version puts into a record."""
    if not 0 < stored_len <= MAX_RAW_LEN or not 0 < raw_len <= MAX_RAW_LEN:
        raise _broken(f"a payload of {stored_len} bytes for {raw_len}")
    if codec == Codec.RAW and stored_len != raw_len:
        raise _broken(f"{stored_len} raw bytes for {raw_len}")
    if offset > MAX_OFFSET:
        raise _broken(f"offset {offset}")
    if kind > _LAST_KIND or codec > _LAST_CODEC:
        raise FormatError(
            "cannot read a pack",
            why=f"record kind {kind} with codec {codec} is unknown",
            hint="a newer git-mlvc may have written it: upgrade git-mlvc",
        )


def encode_footer(table: bytes, table_offset: int) -> bytes:
    """Return the last FOOTER_SIZE bytes of a pack whose `table` begins at `table_offset`."""
    from blake3 import blake3

    return _FOOTER.pack(table_offset, len(table) // ROW_SIZE, blake3(table).digest(), END_MAGIC)


def decode_footer(tail: bytes, pack_size: int) -> Footer:
    """Read the last FOOTER_SIZE bytes of a pack of `pack_size` bytes. Raises FormatError."""
    if len(tail) != FOOTER_SIZE:
        raise _broken(f"a footer of {len(tail)} bytes")
    table_offset, count, digest, magic = _FOOTER.unpack(tail)
    footer = Footer(table_offset, count, digest)
    if magic != END_MAGIC or _FOOTER.pack(table_offset, count, digest, END_MAGIC) != bytes(tail):
        raise _broken("it does not end like one; it may be cut short")
    if table_offset < HEADER_SIZE or table_offset + footer.table_size + FOOTER_SIZE != pack_size:
        raise _broken(f"{count} records at offset {table_offset} do not fit {pack_size} bytes")
    return footer


def check_header(head: bytes) -> None:
    """Raises FormatError unless `head` begins like a pack of this version."""
    if bytes(head[: len(MAGIC)]) != MAGIC:
        raise _broken("it does not begin like one")
    if len(head) > len(MAGIC) and head[len(MAGIC)] > VERSION:
        raise FormatError(
            "cannot read a pack",
            why=f"its version is {head[len(MAGIC)]}, this git-mlvc reads version {VERSION}",
            hint="it was written by a newer git-mlvc: upgrade git-mlvc",
        )
    if bytes(head[:HEADER_SIZE]) != HEADER:
        raise _broken("its header is damaged")


def check_table(table: bytes, footer: Footer) -> None:
    """Raises FormatError unless `table` is the one that `footer` was written for."""
    from blake3 import blake3

    if len(table) != footer.table_size or blake3(table).digest() != footer.table_digest:
        raise _broken("its table is damaged")


def _broken(why: str) -> FormatError:
    return FormatError("damaged pack", why=f"pack version {VERSION}: {why}")
