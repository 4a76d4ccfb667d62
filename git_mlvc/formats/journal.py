"""Journals: what an open pack holds for certain.

Layout: docs/formats/journal.md. An entry is one append, after the bytes it speaks of; it carries its
own length and checksum, so whoever reads sees whole entries only, up to the first torn one.
"""

from __future__ import annotations

import struct
from zlib import crc32

from git_mlvc.errors import FormatError
from git_mlvc.formats.pack import ROW_SIZE
from git_mlvc.values import value_class

MAGIC = b"MLVCJRNL"
VERSION = 1
RECORDS = 1
SEALED = 2
MAX_HEADER_LEN = 4096
_HEADER = struct.Struct("<8sBxHHxx")  # magic, version, length of owner, length of pack name
_ENTRY = struct.Struct("<IIB")  # CRC-32 of all after it, length of the payload, type
_AFTER_CRC = struct.Struct("<IB")
_CRC = struct.Struct("<I")
_ID_SIZE = 32


@value_class
class JournalHeader:
    """Whose open pack it is (`fs/owner.py` reads the bytes), and the pack's file name."""

    owner: bytes
    pack_name: str


@value_class
class Entries:
    """What a stretch of a journal says: rows of the pack's table, and the pack's id once sealed.

    `end`: the offset behind the last whole entry, where the next reading may begin.
    """

    rows: bytes
    sealed: bytes | None
    end: int


def encode_header(header: JournalHeader) -> bytes:
    name = header.pack_name.encode("utf-8")
    if len(header.owner) + len(name) > MAX_HEADER_LEN or not name:
        raise ValueError("a journal's owner or pack name is too long, or the name is empty")
    body = _HEADER.pack(MAGIC, VERSION, len(header.owner), len(name)) + header.owner + name
    return body + _CRC.pack(crc32(body))


def decode_header(data: bytes | memoryview) -> tuple[JournalHeader, int]:
    """Return the header and where the entries begin. Raises FormatError; then nothing is vouched for."""
    if len(data) < _HEADER.size:
        raise _broken("it is cut short")
    magic, version, owner_len, name_len = _HEADER.unpack_from(data)
    if magic != MAGIC:
        raise _broken("it does not begin like one")
    if version != VERSION:
        raise FormatError(
            "cannot read a journal",
            why=f"its version is {version}, this git-mlvc reads version {VERSION}",
            hint="it was written by a newer git-mlvc: upgrade git-mlvc",
        )
    name_at = _HEADER.size + owner_len
    end = name_at + name_len
    if owner_len + name_len > MAX_HEADER_LEN or len(data) < end + _CRC.size:
        raise _broken("it is cut short")
    if _CRC.unpack_from(data, end)[0] != crc32(data[:end]):
        raise _broken("its header's checksum does not match")
    try:
        name = bytes(data[name_at:end]).decode("utf-8")
        header = JournalHeader(bytes(data[_HEADER.size : name_at]), name)
        whole = encode_header(header)
    except ValueError as exc:
        raise _broken("its pack has no proper name") from exc
    if whole != data[: len(whole)]:
        raise _broken("its header is not canonical")
    # The name is joined to a directory by whoever reads it.
    if "/" in name or "\\" in name or "\0" in name or name in (".", ".."):
        raise _broken("its pack has no proper name")
    return header, len(whole)


def encode_records(rows: bytes | bytearray) -> bytes:
    """Return the entry that vouches for `rows` (pack.ROW after pack.ROW)."""
    if not rows or len(rows) % ROW_SIZE:
        raise ValueError(f"{len(rows)} bytes are no rows")
    return _entry(RECORDS, rows)


def encode_sealed(pack_id: bytes) -> bytes:
    """Return the entry that says: all of this is in the published pack `pack_id` now."""
    if len(pack_id) != _ID_SIZE:
        raise ValueError("a pack id has 32 bytes")
    return _entry(SEALED, pack_id)


def decode_entries(data: bytes | memoryview, offset: int) -> Entries:
    """Read whole entries from `offset` on; a torn or damaged one ends the reading, without error."""
    view = memoryview(data)
    rows: list[memoryview] = []
    sealed: bytes | None = None
    end = offset
    while sealed is None and len(view) - end >= _ENTRY.size:
        crc, length, kind = _ENTRY.unpack_from(view, end)
        start = end + _ENTRY.size
        if length > len(view) - start or crc32(view[end + 4 : start + length]) != crc:
            break
        payload = view[start : start + length]
        if kind == RECORDS and length and length % ROW_SIZE == 0:
            rows.append(payload)
        elif kind == SEALED and length == _ID_SIZE:
            sealed = bytes(payload)
        else:
            break
        end = start + length
    return Entries(b"".join(rows), sealed, end)


def _entry(kind: int, payload: bytes | bytearray) -> bytes:
    body = _AFTER_CRC.pack(len(payload), kind) + payload
    return _CRC.pack(crc32(body)) + body


def _broken(why: str) -> FormatError:
    return FormatError("damaged journal", why=f"journal version {VERSION}: {why}")
