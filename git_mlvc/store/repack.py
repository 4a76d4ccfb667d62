"""Copies records from one pack into others, verified on the way, raw runs kept as runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from git_mlvc.errors import CorruptChunk
from git_mlvc.formats.chunk_codec import ChunkCodec, Codec
from git_mlvc.formats.pack import Kind, Record
from git_mlvc.store.pack_files import PackFile
from git_mlvc.store.packer import Packer
from git_mlvc.store.verified import verify_stored

_RUN_BYTES = 8 << 20


def copy_records(file: PackFile, records: Iterable[Record], packer: Packer) -> list[bytes]:
    """Append every sound record to `packer`; return the ids of those that are not.

    They count once `packer.commit` has returned.
    """
    decoder = ChunkCodec()
    damaged: list[bytes] = []
    for run in _runs(records):
        start = run[0].offset
        stored = memoryview(file.read(start, run[-1].offset + run[-1].stored_len - start))
        sound: list[Record] = []
        for record in run:
            at = record.offset - start
            payload = bytes(stored[at : at + record.stored_len])
            try:
                verify_stored(
                    record.id, record.kind, record.codec, record.raw_len, payload, decoder
                )
            except CorruptChunk:
                damaged.append(record.id)
            else:
                sound.append(record)
        if len(run) > 1 and len(sound) == len(run):
            packer.append_run(
                [(r.id, r.codec, r.stored_len, r.raw_len) for r in run],
                stored,
                content_offset=start,
            )
        else:
            for r in sound:
                at = r.offset - start
                payload = bytes(stored[at : at + r.stored_len])
                packer.append(r.id, r.kind, r.codec, r.raw_len, payload)
    packer.commit()
    return damaged


def _runs(records: Iterable[Record]) -> Iterator[list[Record]]:
    """Yield raw chunks that stand back to back together, everything else alone."""
    run: list[Record] = []
    for record in records:
        if run:
            last = run[-1]
            size = record.offset + record.stored_len - run[0].offset
            if (
                _is_raw(last)
                and _is_raw(record)
                and record.offset == last.offset + last.stored_len
                and size <= _RUN_BYTES
            ):
                run.append(record)
                continue
            yield run
        run = [record]
    if run:
        yield run


def _is_raw(record: Record) -> bool:
    return record.kind == Kind.CHUNK and record.codec == Codec.RAW
