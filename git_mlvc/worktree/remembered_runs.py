"""The runs of stages that this clone remembers, as `fsck` sees them: which could be restored from here."""

from __future__ import annotations

from dataclasses import dataclass

from git_mlvc.errors import FormatError, StoreError
from git_mlvc.formats.run import RunRecord
from git_mlvc.oid import Oid
from git_mlvc.store import fsck as store_fsck
from git_mlvc.store import run_contents
from git_mlvc.store.store import Store


@dataclass(frozen=True, slots=True)
class IncompleteRun:
    """A run of which some data is not here: it is only not restorable, which is no damage."""

    id: Oid
    stage: str
    made_at_ms: int


@dataclass(frozen=True, slots=True)
class RememberedRuns:
    """How many there are; which are not whole here, by stage and time; and what is kept as a run and is
    none, each with why."""

    count: int = 0
    incomplete: tuple[IncompleteRun, ...] = ()
    strange: tuple[str, ...] = ()


def look(store: Store, found: store_fsck.Report) -> RememberedRuns:
    """Return what is remembered. Damaged runs are left out, `lost` names them."""
    count = 0
    incomplete = []
    for _, run_id in store.all_runs():
        try:
            run = run_contents.read(store, run_id)
        except (StoreError, FormatError):
            continue
        if isinstance(run, RunRecord):
            count += 1
            if not run_contents.is_complete(store, run):
                incomplete.append(IncompleteRun(Oid(run_id), run.stage, run.made_at_ms))
    incomplete.sort(key=lambda run: (run.stage, run.made_at_ms, run.id))
    strange = [f"run {one.id.hex()[:16]}: {one.why}" for one in found.strange_runs]
    return RememberedRuns(count, tuple(incomplete), tuple(strange))


def lost(store: Store, found: store_fsck.Report) -> list[str]:
    """Return a line for each run of which the store's check found no good copy."""
    known = {run_id for _, run_id in store.all_runs()}
    return [
        f"run {run_id.hex()[:16]}: what a stage made is no longer remembered, it will run again"
        for run_id in sorted(found.lost & known)
    ]
