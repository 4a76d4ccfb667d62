"""Whole objects kept for a while, where a server answers a question for a part with all of it.

Unnamed temporary files, the least used of them given up first; each was verified when it came.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from git_mlvc.backend.base import unwritable
from git_mlvc.errors import RemoteUnavailable
from git_mlvc.formats.lfs_pointer import LfsPointer

MAX_BYTES = 512 << 20  # on disk, beside the object that is being read


class Spool:
    """For all threads. `directory`: made when it is needed; None for the system's own."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._files: OrderedDict[LfsPointer, IO[bytes]] = OrderedDict()
        self._locks: dict[LfsPointer, threading.Lock] = {}
        self._lock = threading.Lock()

    def lock(self, pointer: LfsPointer) -> threading.Lock:
        """Return what is held while one object is looked at or fetched."""
        with self._lock:
            return self._locks.setdefault(pointer, threading.Lock())

    def read(self, pointer: LfsPointer, start: int, length: int) -> bytes | None:
        """Return a range of an object that is kept, None if it is not."""
        with self._lock:
            file = self._files.get(pointer)
            if file is None:
                return None
            self._files.move_to_end(pointer)
            try:
                return os.pread(file.fileno(), length, start)
            except OSError as exc:
                raise unwritable("what was fetched", exc) from exc

    def keep(
        self, pointer: LfsPointer, blocks: Iterable[bytes], wanted: slice, shown: str
    ) -> bytes:
        """Take in an object and return a part of it.

        Raises RemoteUnavailable for wrong bytes, StoreError where there is no room.
        """
        hasher = hashlib.sha256()
        file = self._new()
        try:
            for block in blocks:
                hasher.update(block)
                try:
                    file.write(block)
                except OSError as exc:
                    raise unwritable("what is fetched", exc) from exc
            if hasher.hexdigest() != pointer.sha256:
                raise RemoteUnavailable(
                    f"{shown} sent wrong bytes", why="they are not those that their name says"
                )
            file.flush()
            part = os.pread(file.fileno(), wanted.stop - wanted.start, wanted.start)
        except BaseException:
            file.close()
            raise
        with self._lock:
            self._files[pointer] = file
            while len(self._files) > 1 and sum(p.size_bytes for p in self._files) > MAX_BYTES:
                self._files.popitem(last=False)[1].close()
        return part

    def close(self) -> None:
        with self._lock:
            while self._files:
                self._files.popitem()[1].close()

    def _new(self) -> IO[bytes]:
        try:
            if self._directory is not None:
                self._directory.mkdir(parents=True, exist_ok=True)
            return tempfile.TemporaryFile(dir=self._directory)
        except OSError as exc:
            raise unwritable("what is fetched", exc) from exc
