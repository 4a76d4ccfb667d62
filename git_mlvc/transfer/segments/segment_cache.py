"""Segments of a remote, kept on this machine: verified against their names, fetched once.

The directory may be lost at any time; where it cannot be written, segments are held in memory.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from blake3 import blake3

from git_mlvc.backend.base import Backend
from git_mlvc.errors import StoreError
from git_mlvc.formats.segment import SegmentView
from git_mlvc.fs import atomic
from git_mlvc.store.layout import ids_in
from git_mlvc.transfer import remote_layout
from git_mlvc.transfer.remote_layout import FORMAT_KEY

BLOCK_BYTES = 8 << 20


class SegmentCache:
    """What is kept of one remote. May be used from several threads at once."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @property
    def was_used_before(self) -> bool:
        """True if the remote was a place for data when we last looked."""
        return self._seen.exists()

    def remember_use(self) -> None:
        with contextlib.suppress(OSError):
            if not self._seen.exists():
                atomic.make_dirs(self._directory)
                atomic.write_file(self._seen, b"", durable=False)

    @property
    def is_partial(self) -> bool:
        """True if the remote had more segments, when last asked, than are kept here."""
        return self._partial.exists()

    def note_partial(self, is_partial: bool) -> None:
        with contextlib.suppress(OSError):
            if is_partial:
                atomic.make_dirs(self._directory)
                atomic.write_file(self._partial, b"", durable=False)
            else:
                self._partial.unlink()

    def ids(self) -> list[bytes]:
        return ids_in(str(self._directory / remote_layout.SEGMENTS))

    def get(self, segment_id: bytes) -> SegmentView | None:
        """Return a segment that is kept here and what its name says. Raises FormatError."""
        try:
            with self._path(segment_id).open("rb") as stream:
                mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError):
            return None
        return SegmentView(mapped) if blake3(mapped).digest() == segment_id else None

    def put(self, segment_id: bytes, data: bytes) -> SegmentView:
        """Keep verified bytes. Raises FormatError."""
        path = self._path(segment_id)
        try:
            atomic.make_dirs(path.parent)
            atomic.write_file(path, data, durable=False)
        except OSError:
            return SegmentView(data)
        return self.get(segment_id) or SegmentView(data)

    def adopt(self, segment_id: bytes, source: Path) -> SegmentView:
        """Keep a copy of a segment that was just made. Raises FormatError, OSError."""
        path = self._path(segment_id)
        try:
            atomic.make_dirs(path.parent)
            fd, temporary = atomic.open_temp(path.parent, "segment")
            os.close(fd)
            shutil.copyfile(source, temporary)
            os.replace(temporary, path)
        except OSError:
            return SegmentView(source.read_bytes())
        with path.open("rb") as stream:
            return SegmentView(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))

    def fetch(self, segment_id: bytes, backend: Backend) -> SegmentView | None:
        """Fetch a segment in one request; None if its bytes are not what its name says (law 3).

        Raises FormatError, and what the backend raises.
        """
        key = remote_layout.segment_key(segment_id)
        try:
            return self._fetch_into_file(segment_id, lambda fd: backend.get_file(key, fd))
        except (OSError, StoreError):  # no place to write it, or none left
            held = backend.get(key)
            return SegmentView(held) if blake3(held).digest() == segment_id else None

    def _fetch_into_file(
        self, segment_id: bytes, write_to: Callable[[int], None]
    ) -> SegmentView | None:
        path = self._path(segment_id)
        atomic.make_dirs(path.parent)
        fd, temporary = atomic.open_temp(path.parent, "segment")
        try:
            try:
                os.ftruncate(fd, 0)
                write_to(fd)
            finally:
                os.close(fd)
            with temporary.open("rb") as stream:
                if not os.fstat(stream.fileno()).st_size:
                    return None
                mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
            if blake3(mapped).digest() != segment_id:
                return None
            os.replace(temporary, path)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink()
        return SegmentView(mapped)

    def forget_all_but(self, names: Iterable[bytes]) -> None:
        """Remove segments that the remote has no more."""
        kept = {segment_id.hex() for segment_id in names}
        with contextlib.suppress(OSError):
            for path in (self._directory / remote_layout.SEGMENTS).iterdir():
                if path.name not in kept and not path.name.startswith("."):
                    path.unlink()

    @property
    def _partial(self) -> Path:
        return self._directory / "partial"

    @property
    def _seen(self) -> Path:
        return self._directory / FORMAT_KEY

    def _path(self, segment_id: bytes) -> Path:
        return self._directory / remote_layout.segment_key(segment_id)
