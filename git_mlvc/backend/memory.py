"""A remote in this process's memory, for tests. No address leads here: what is pushed would end with the process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

from git_mlvc.backend.base import (
    Capability,
    Listed,
    Stat,
    check_key,
    check_prefix,
    get_in_ranges,
    not_found,
)


class MemoryBackend:
    """`capabilities` may be given, to stand in for servers that can do less."""

    def __init__(
        self, name: str = "test", capabilities: frozenset[Capability] = frozenset(Capability)
    ) -> None:
        self.url = f"memory:{name}"
        self.capabilities = capabilities
        self.objects: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def put(self, key: str, source: bytes | Path) -> None:
        data = _bytes_of(source)
        with self._lock:
            self.objects[check_key(key)] = data

    def put_if_absent(self, key: str, source: bytes | Path) -> bool:
        data = _bytes_of(source)
        with self._lock:
            return self.objects.setdefault(check_key(key), data) is data

    def get(self, key: str) -> bytes:
        try:
            return self.objects[check_key(key)]
        except KeyError:
            raise not_found(self.url, key) from None

    def get_range(self, key: str, start: int, length: int) -> bytes:
        return self.get(key)[start : start + length]

    def get_file(self, key: str, target: int) -> None:
        get_in_ranges(self, key, target)

    def stat(self, key: str) -> Stat | None:
        data = self.objects.get(check_key(key))
        return None if data is None else Stat(len(data))

    def list(self, prefix: str) -> Iterator[Listed]:
        check_prefix(prefix)
        with self._lock:
            found = [Listed(k, len(v)) for k, v in self.objects.items() if k.startswith(prefix)]
        yield from found

    def delete(self, key: str) -> None:
        with self._lock:
            self.objects.pop(check_key(key), None)

    def close(self) -> None:
        pass


def _bytes_of(source: bytes | Path) -> bytes:
    # A copy of its own, so that `put_if_absent` can tell its bytes from equal ones.
    return source.read_bytes() if isinstance(source, Path) else bytes(bytearray(source))
