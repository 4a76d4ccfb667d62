"""Open descriptors of packs: few at a time, safe to use from several threads.

A `PackFile` closes its descriptor when the last who holds it lets go, so that one thread's eviction
never closes a file under another's read.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict

MAX_OPEN = 192  # a content after very many versions lies in a pack of each


class PackFile:
    """A pack that is open for reading. The descriptor outlives rename and removal of the file."""

    __slots__ = ("fd", "size_bytes")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.size_bytes = os.fstat(fd).st_size

    @classmethod
    def open(cls, path: str) -> PackFile:
        return cls(os.open(path, os.O_RDONLY | os.O_CLOEXEC))

    def read(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes; fewer only where the file ends."""
        data = os.pread(self.fd, length, offset)
        while len(data) < length:
            more = os.pread(self.fd, length - len(data), offset + len(data))
            if not more:
                break
            data += more
        return data

    def read_into(self, offset: int, space: memoryview) -> memoryview:
        """Fill `space`; return the part of it that was filled, less only where the file ends."""
        filled = 0
        while filled < len(space):
            got = os.preadv(self.fd, [space[filled:]], offset + filled)
            if not got:
                break
            filled += got
        return space[:filled]

    def __del__(self) -> None:
        try:
            os.close(self.fd)
        except (OSError, AttributeError):  # never opened, or the interpreter is going down
            pass


class PackFiles:
    """The packs read last, by whatever key their reader uses."""

    def __init__(self) -> None:
        self._files: OrderedDict[bytes, PackFile] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: bytes) -> PackFile | None:
        with self._lock:
            found = self._files.get(key)
            if found is not None:
                self._files.move_to_end(key)
            return found

    def add(self, key: bytes, file: PackFile) -> PackFile:
        with self._lock:
            self._files[key] = file
            while len(self._files) > MAX_OPEN:
                self._files.popitem(last=False)
            return file

    def forget(self, key: bytes) -> None:
        with self._lock:
            self._files.pop(key, None)

    def clear(self) -> None:
        with self._lock:
            self._files.clear()
