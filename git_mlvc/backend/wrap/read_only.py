"""A backend that nothing is written to, whatever the place behind it would allow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from git_mlvc.backend.base import Backend, Capability, Listed, Stat
from git_mlvc.errors import RemoteRefused

_WRITING = frozenset({Capability.WRITE, Capability.PUT_IF_ABSENT, Capability.DELETE})


class ReadOnly:
    def __init__(self, inner: Backend) -> None:
        self._inner = inner

    @property
    def url(self) -> str:
        return self._inner.url

    @property
    def capabilities(self) -> frozenset[Capability]:
        return self._inner.capabilities - _WRITING

    def put(self, key: str, source: bytes | Path) -> None:
        raise self._refusal()

    def put_if_absent(self, key: str, source: bytes | Path) -> bool:
        raise self._refusal()

    def get(self, key: str) -> bytes:
        return self._inner.get(key)

    def get_range(self, key: str, start: int, length: int) -> bytes:
        return self._inner.get_range(key, start, length)

    def get_file(self, key: str, target: int) -> None:
        self._inner.get_file(key, target)

    def stat(self, key: str) -> Stat | None:
        return self._inner.stat(key)

    def list(self, prefix: str) -> Iterator[Listed]:
        return self._inner.list(prefix)

    def delete(self, key: str) -> None:
        raise self._refusal()

    def close(self) -> None:
        self._inner.close()

    def _refusal(self) -> RemoteRefused:
        return RemoteRefused(f"cannot write to {self.url}", why="it is opened for reading only")
