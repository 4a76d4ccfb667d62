"""Parts of packs from a remote that may have no ranged reads: then a pack is fetched once and cut here.

A few of the packs fetched so are kept in files without a name, for the next part and for whoever wants them whole.
"""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

from git_mlvc.backend.base import Backend, Capability, can
from git_mlvc.errors import StoreError
from git_mlvc.fs import atomic, reflink
from git_mlvc.transfer import remote_layout

KEPT_PACKS = 4  # about 256 MiB of disk, and none of memory


class PackRanges:
    """May be used from several threads at once. `directory`: for packs on their way; made when needed."""

    def __init__(self, backend: Backend, directory: Path) -> None:
        self._backend = backend
        self._directory = directory
        self._lock = threading.Lock()
        self._kept: dict[bytes, _Kept] = {}

    def read(self, pack: bytes, start: int, length: int) -> bytes:
        """Return a part of a pack: fewer bytes where it ends too early. Raises RemoteError."""
        if not can(self._backend, Capability.RANGES):
            with contextlib.suppress(OSError, StoreError):  # no place to keep it
                return self._keep(pack).read(start, length)
        return self._backend.get_range(remote_layout.pack_key(pack), start, length)

    def copy(self, pack: bytes, target: int) -> None:
        """Write a whole pack into an empty file. Raises RemoteError, StoreError."""
        with self._lock:
            kept = self._kept.get(pack)
        if kept is None or not kept.copy(target):
            self._backend.get_file(remote_layout.pack_key(pack), target)

    def forget(self) -> None:
        with self._lock:
            kept, self._kept = self._kept, {}
        for one in kept.values():
            one.close()

    def _keep(self, pack: bytes) -> _Kept:
        with self._lock:
            kept = self._kept.pop(pack, None) or _Kept(self._backend, pack, self._directory)
            self._kept[pack] = kept  # the last one again
            if len(self._kept) > KEPT_PACKS:
                del self._kept[next(iter(self._kept))]  # closed when the last reader lets go of it
        return kept


class _Kept:
    """One pack, fetched by the first who reads it."""

    def __init__(self, backend: Backend, pack: bytes, directory: Path) -> None:
        self._backend = backend
        self._pack = pack
        self._directory = directory
        self._lock = threading.Lock()
        self._fd = -1

    def read(self, start: int, length: int) -> bytes:
        with self._lock:
            if self._fd < 0:
                self._fetch()
            data = b""
            while len(data) < length:
                more = os.pread(self._fd, length - len(data), start + len(data))
                if not more:
                    break
                data += more
            return data

    def copy(self, target: int) -> bool:
        """False: it is not here."""
        with self._lock:
            if self._fd < 0:
                return False
            reflink.copy_range(self._fd, 0, target, 0, os.fstat(self._fd).st_size)
            return True

    def close(self) -> None:
        with self._lock:
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1

    def __del__(self) -> None:
        self.close()

    def _fetch(self) -> None:
        atomic.make_dirs(self._directory)
        fd, path = atomic.open_temp(self._directory, "pack")
        try:
            with contextlib.suppress(OSError):
                path.unlink()
            os.ftruncate(fd, 0)
            self._backend.get_file(remote_layout.pack_key(self._pack), fd)
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd
