"""Which runs there are: in the segments' tables, in this process's open packs, in other processes' journals.

A journal says that a record is a run, and not of which stage key: that is read from the record, once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from git_mlvc.errors import FormatError, StoreError
from git_mlvc.formats.pack import Kind
from git_mlvc.store.chunk_index import ChunkIndex
from git_mlvc.store.reader import Reader


class Runs:
    """Looks up; keeps nothing but the keys of runs that no segment names yet."""

    def __init__(self, index: ChunkIndex, reader: Reader) -> None:
        self._index = index
        self._reader = reader
        self._keys: dict[bytes, bytes] = {}  # id of a record -> its stage key
        self._journalled: tuple[list[bytes], dict[bytes, list[bytes]]] = ([], {})

    def of(self, key: bytes) -> list[bytes]:
        """Return the ids of the records of the runs with this key, each once, in no particular order."""
        return self.of_many((key,)).get(key, [])

    def of_many(self, keys: Iterable[bytes]) -> dict[bytes, list[bytes]]:
        """As `of`, for many keys, looking at the directories once; those without a run are left out."""
        self._index.refresh()
        own, others = self._index.own_runs, self._in_journals()
        # After the journals: one that has gone meanwhile went after its segment stood.
        views = self._index.views().values()
        found: dict[bytes, list[bytes]] = {}
        for key in keys:
            runs = dict.fromkeys(own.get(key, ()))
            runs |= dict.fromkeys(others.get(key, ()))
            runs |= dict.fromkeys(run for view in views for run in view.runs_of(key))
            if runs:
                found[key] = list(runs)
        return found

    def all(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield (stage key, id of the record) of every run, each once."""
        self._index.refresh()
        unsealed = [
            (key, run)
            for by_key in (self._index.own_runs, self._in_journals())
            for key, runs in list(by_key.items())
            for run in runs
        ]
        views = list(self._index.views().values())
        seen: set[bytes] = set()
        for key, run in chain(unsealed, *(view.runs() for view in views)):
            if run not in seen:
                seen.add(run)
                yield key, run

    def _in_journals(self) -> dict[bytes, list[bytes]]:
        """Return the ids of the records that stand in journals only, by their stage keys."""
        runs = self._index.journals.runs()
        before, found = self._journalled
        if runs == before:
            return found
        found = {}
        for run in runs:
            key = self._keys.get(run) or self._read_key(run)
            if key is not None:
                self._keys[run] = key
                found.setdefault(key, []).append(run)
        self._journalled = runs, found
        return found

    def _read_key(self, run: bytes) -> bytes | None:
        from git_mlvc.formats import run_record

        try:
            return run_record.key_of(self._reader.read(run, Kind.RUN))
        except (StoreError, FormatError):
            return None  # damaged, or gone with its journal: then a segment names it
