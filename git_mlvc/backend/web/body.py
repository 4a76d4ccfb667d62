"""What is sent to a web server: a file or some bytes, block by block, as often as it takes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from git_mlvc.backend.opening import Meter
from git_mlvc.errors import InputError, StoreError

# Each must leave within the idle time-out: the system counts the time of one call, not of one byte.
BLOCK_BYTES = 64 << 10


class Body:
    """An iterable with a length; it may be iterated again when a request has to be repeated."""

    def __init__(self, source: bytes | Path, meter: Meter) -> None:
        self._source = source
        self._meter = meter
        try:
            self.size_bytes = source.stat().st_size if isinstance(source, Path) else len(source)
        except OSError as exc:
            raise _unreadable(source, exc) from exc

    def __len__(self) -> int:
        return self.size_bytes

    def __iter__(self) -> Iterator[bytes]:
        for block in self._blocks():
            self._meter(len(block))
            yield block

    def _blocks(self) -> Iterator[bytes]:
        if isinstance(self._source, bytes):
            for at in range(0, len(self._source), BLOCK_BYTES):
                yield self._source[at : at + BLOCK_BYTES]
            return
        rest = self.size_bytes
        try:
            with self._source.open("rb", buffering=0) as file:
                while rest:
                    block = file.read(min(rest, BLOCK_BYTES))
                    if not block:
                        raise StoreError(
                            f"{self._source} became shorter while it was sent",
                            hint="run the same command again",
                        )
                    rest -= len(block)
                    yield block
        except OSError as exc:
            # Not as an OSError: the library would take that for the connection's.
            raise _unreadable(self._source, exc) from exc


def _unreadable(source: bytes | Path, exc: OSError) -> InputError:
    return InputError(f"cannot read {source!s:.200}", why=exc.strerror or str(exc))
