"""Reads a pack once, from front to back: each record is verified, and the whole hashed on the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from blake3 import blake3

from git_mlvc.errors import CorruptChunk
from git_mlvc.formats.chunk_codec import ChunkCodec
from git_mlvc.formats.pack import Record
from git_mlvc.store.pack_files import PackFile
from git_mlvc.store.verified import verify_stored

SPAN_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """What a pack's bytes are: their BLAKE3, and the ids of records that are not what they should be."""

    digest: bytes
    bad: tuple[bytes, ...]


def scrub(file: PackFile, records: Iterable[Record]) -> Scrubbed:
    """Read all of `file`; `records` are those of its table, by offset. Raises OSError.

    Memory is bounded by the longer of a span and a record, however many records there are.
    """
    hasher = blake3()
    decoder = ChunkCodec()
    bad: list[bytes] = []
    at = 0
    for span in _spans(records):
        end = min(span[-1].offset + span[-1].stored_len, file.size_bytes)
        data = memoryview(file.read(at, end - at))
        hasher.update(data)
        for record in span:
            start = record.offset - at
            payload = data[start : start + record.stored_len]
            if not _is_sound(record, payload, decoder):
                bad.append(record.id)
        at += len(data)
    while data := memoryview(file.read(at, SPAN_BYTES)):
        hasher.update(data)
        at += len(data)
    return Scrubbed(hasher.digest(), tuple(bad))


def _is_sound(record: Record, payload: memoryview, decoder: ChunkCodec) -> bool:
    try:
        verify_stored(record.id, record.kind, record.codec, record.raw_len, bytes(payload), decoder)
    except CorruptChunk:
        return False
    return True


def _spans(records: Iterable[Record]) -> Iterator[list[Record]]:
    span: list[Record] = []
    for record in records:
        if span and record.offset + record.stored_len - span[0].offset > SPAN_BYTES:
            yield span
            span = []
        span.append(record)
    if span:
        yield span
