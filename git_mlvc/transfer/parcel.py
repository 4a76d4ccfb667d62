"""New packs for a remote, put together from stored records without recompressing them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from blake3 import blake3

from git_mlvc.errors import StoreError
from git_mlvc.formats.pack import HEADER, PACK_TARGET_BYTES, encode_footer, encode_row
from git_mlvc.formats.segment import Location, PackTable
from git_mlvc.fs import atomic

_BUFFER_BYTES = 1 << 20


class Stored(NamedTuple):
    """A record as it is stored; of `location` only what is true of it anywhere counts."""

    id: bytes
    location: Location
    payload: bytes


@dataclass(frozen=True, slots=True)
class Parcel:
    """A pack ready to be sent: a file, what it must be named, and its table.

    `is_temporary`: remove the file once it is sent.
    """

    path: Path
    table: PackTable
    is_temporary: bool

    @property
    def id(self) -> bytes:
        return self.table.id

    @property
    def size_bytes(self) -> int:
        return self.table.size_bytes


def repack(
    records: Iterable[Stored], directory: Path, *, target_bytes: int = PACK_TARGET_BYTES
) -> Iterator[Parcel]:
    """Yield new packs that hold `records` in order, each at most about `target_bytes`.

    One at a time is written, to a temporary file in `directory`; the receiver removes it. Raises what
    iterating `records` raises, and StoreError when the disk refuses.
    """
    open_parcel: _OpenParcel | None = None
    try:
        for digest, location, payload in records:
            if open_parcel is not None and open_parcel.end + len(payload) > target_bytes:
                finished, open_parcel = open_parcel, None
                yield finished.finish()
            if open_parcel is None:
                open_parcel = _OpenParcel(directory)
            open_parcel.append(digest, location, payload)
        if open_parcel is not None:
            finished, open_parcel = open_parcel, None
            yield finished.finish()
    except OSError as exc:
        raise StoreError(
            f"cannot write a pack to {directory}",
            why=exc.strerror or str(exc),
            hint="free some space there, then run the same command again",
        ) from exc
    finally:
        if open_parcel is not None:
            open_parcel.abandon()


class _OpenParcel:
    def __init__(self, directory: Path) -> None:
        atomic.make_dirs(directory)
        fd, self._path = atomic.open_temp(directory, "parcel")
        self._stream = os.fdopen(fd, "w+b", buffering=_BUFFER_BYTES)
        self._hasher = blake3()
        self._rows = bytearray()
        self.end = 0
        self._write(HEADER)

    def append(self, digest: bytes, location: Location, payload: bytes) -> None:
        self._rows += encode_row(
            digest, location.kind, location.codec, self.end, len(payload), location.raw_len
        )
        self._write(payload)

    def finish(self) -> Parcel:
        try:
            rows = bytes(self._rows)
            table_at = self.end
            self._write(rows)
            self._write(encode_footer(rows, table_at))
            self._stream.close()
        except BaseException:
            self.abandon()
            raise
        return Parcel(self._path, PackTable(self._hasher.digest(), self.end, rows), True)

    def abandon(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.close()
        with contextlib.suppress(OSError):
            self._path.unlink()

    def _write(self, data: bytes) -> None:
        self._stream.write(data)
        self._hasher.update(data)
        self.end += len(data)
