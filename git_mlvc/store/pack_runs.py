"""The runs in a pack: what a segment lists of them is read from their records."""

from __future__ import annotations

from collections.abc import Iterator

from git_mlvc.errors import CorruptChunk, FormatError
from git_mlvc.formats.pack import ROW_SIZE, Kind, iter_rows
from git_mlvc.store.pack_files import PackFile

_KIND_AT = 32  # in a row


def has_runs(rows: bytes) -> bool:
    """True if any of these rows of a pack's table is that of a run."""
    return Kind.RUN in rows[_KIND_AT::ROW_SIZE]


def runs_in(path: str, rows: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield (stage key, id of the record) of the runs that a pack's table names.

    One that is damaged, or no run at all, is left out: fsck names it. Raises OSError.
    """
    if not has_runs(rows):
        return
    from git_mlvc.formats import run_record
    from git_mlvc.formats.chunk_codec import ChunkCodec
    from git_mlvc.store.verified import verify_stored

    file = PackFile.open(path)
    codec = ChunkCodec()
    for record in iter_rows(rows):
        if record.kind != Kind.RUN:
            continue
        payload = file.read(record.offset, record.stored_len)
        try:
            raw = verify_stored(
                record.id, record.kind, record.codec, record.raw_len, payload, codec
            )
            yield run_record.key_of(raw), record.id
        except (CorruptChunk, FormatError):
            continue
