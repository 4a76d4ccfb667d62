"""What every stage ever made here, found by its inputs.

A run is a record in the store, beside the data of its outs: it is as durable, and travels the same way.
Results of one key that differ stand side by side, and the newest counts.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from git_mlvc.errors import FormatError, StoreError
from git_mlvc.formats import run_record
from git_mlvc.formats.run import RunRecord
from git_mlvc.pipeline.model import Run
from git_mlvc.pipeline.run_values import record_of, run_of
from git_mlvc.store import run_contents

if TYPE_CHECKING:
    from git_mlvc.store.session import Session
    from git_mlvc.store.store import Store


class RunCache:
    """Looks up and remembers runs. May be used from several threads."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def find(self, key: bytes) -> list[Run]:
        """Return the runs with this key, the newest first. One that cannot be read is left out."""
        return self._newest_first(self._store.runs_of(key))

    def find_many(self, keys: Iterable[bytes]) -> dict[bytes, list[Run]]:
        """As `find`, for many keys at once; those without a run are left out."""
        found = self._store.runs_of_many(keys)
        return {key: runs for key, ids in found.items() if (runs := self._newest_first(ids))}

    def add(self, run: Run, session: Session) -> Run:
        """Remember a run whose outs' data is in the store by now (law 1).

        Where the newest run of its key made the same, that one is returned and nothing is written. One that
        is too long to be remembered comes back without an id. Else it is the newest from now on, whatever the
        clocks of those say that made the others. Raises StoreError.
        """
        known = self.find(run.key)
        if known and _made(known[0]) == _made(run):
            return known[0]
        if known and run.made_at_ms <= known[0].made_at_ms:
            after = min(known[0].made_at_ms + 1, run_record.MAX_NUMBER)
            run = replace(run, made_at_ms=after)
        data = _encoded(run)
        if data is None:
            return run
        return replace(run, id=session.add_run(run.key, data))

    def all(self) -> Iterator[Run]:
        """Yield every run that can be read, in no particular order."""
        for _, run_id in self._store.all_runs():
            run = self._read(run_id)
            if run is not None:
                yield run

    def is_here(self, run: Run) -> bool:
        """True if all that a run made is in the store, so that it can be restored without a remote."""
        return run_contents.is_complete(self._store, record_of(run, has_inputs=False))

    def record(self, run_id: bytes) -> RunRecord:
        """Return a run as it is stored. Raises MissingChunk, CorruptChunk, FormatError."""
        return run_record.decode(self._store.read_run(run_id))

    def _newest_first(self, ids: Sequence[bytes]) -> list[Run]:
        runs = [run for run_id in ids if (run := self._read(run_id)) is not None]
        return sorted(runs, key=lambda run: (run.made_at_ms, run.id), reverse=True)

    def _read(self, run_id: bytes) -> Run | None:
        try:
            return run_of(self.record(run_id), run_id)
        except (StoreError, FormatError):
            return None  # damaged, gone, or of a later git-mlvc: fsck's affair; the stage runs


def _encoded(run: Run) -> bytes | None:
    for has_inputs in (True, False):
        with contextlib.suppress(run_record.TooLongError):
            return run_record.encode(record_of(run, has_inputs=has_inputs))
    return None


def _made(run: Run) -> tuple[object, object]:
    return dict(run.result.outs), run.unpushed
