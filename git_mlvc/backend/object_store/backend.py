"""The eight verbs on a prefix of a bucket or container, over the library obstore.

After any call the library has threads of its own: a forked child that calls it hangs, so nothing here forks;
other programs are started by `subprocess`. It resumes a body that breaks off (`Patience.BODY`), and tries nothing
else again: that is `wrap/retry.py`. Suffix ranges and bulk deletion are never used, not every server has them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from git_mlvc.backend.base import (
    Capability,
    Listed,
    Stat,
    Version,
    check_key,
    check_prefix,
    unwritable,
)
from git_mlvc.backend.object_store.listing import Listing
from git_mlvc.backend.object_store.reading import Reader
from git_mlvc.backend.object_store.service import Requests, Service
from git_mlvc.backend.object_store.writing import Writer
from git_mlvc.backend.opening import Opening


class ObjectStoreBackend:
    """Contacts nothing before the first verb."""

    def __init__(self, service: Service, opening: Opening) -> None:
        self.url = service.url
        self.capabilities = frozenset(Capability)
        if not service.creates_atomically:
            self.capabilities -= {Capability.PUT_IF_ABSENT}
        self._requests = Requests(service)
        self._reader = Reader(self._requests, opening.meter)
        self._listing = Listing(self._requests)
        self._writer = Writer(self._requests, opening, self._reader.stat)

    def put(self, key: str, source: bytes | Path) -> None:
        self._writer.put(check_key(key), source)

    def put_if_absent(self, key: str, source: bytes | Path) -> bool:
        return self._writer.put_if_absent(check_key(key), source)

    def get(self, key: str) -> bytes:
        return b"".join(self._reader.blocks(check_key(key)))

    def get_file(self, key: str, target: int) -> None:
        blocks = self._reader.blocks(check_key(key))
        at = 0
        try:
            os.ftruncate(target, 0)
        except OSError as exc:
            raise unwritable(key, exc) from exc
        for block in blocks:
            rest = memoryview(block)
            try:
                while rest:
                    written = os.pwrite(target, rest, at)
                    rest, at = rest[written:], at + written
            except OSError as exc:
                raise unwritable(key, exc) from exc

    def get_range(self, key: str, start: int, length: int) -> bytes:
        return self._reader.range(check_key(key), start, length)

    def stat(self, key: str) -> Stat | None:
        return self._reader.stat(check_key(key))

    def version(self, name: str) -> Version | None:
        return self._reader.version(name)

    def list(self, prefix: str) -> Iterator[Listed]:
        yield from self._listing.listed(check_prefix(prefix))

    def delete(self, key: str) -> None:
        self._writer.delete(check_key(key))

    def close(self) -> None:
        self._writer.close()
        self._requests.close()
