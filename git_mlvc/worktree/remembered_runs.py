"""The runs of stages that this clone remembers, as `fsck` sees them: which could be restored from here."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass

from git_mlvc.errors import CorruptChunk, FormatError, RemoteError, StoreError
from git_mlvc.formats.pointer import Pointer
from git_mlvc.formats.run import RunRecord
from git_mlvc.oid import Oid
from git_mlvc.store import fsck as store_fsck
from git_mlvc.store import run_contents
from git_mlvc.store.store import Store
from git_mlvc.transfer.runs import is_of_later_version


@dataclass(frozen=True, slots=True)
class IncompleteRun:
    """A run of which some data is not here: so it cannot be restored from here, which is no damage by itself.

    `is_lost`: it was here, and went with what is damaged.
    """

    id: Oid
    stage: str
    made_at_ms: int
    is_lost: bool


@dataclass(frozen=True, slots=True)
class RememberedRuns:
    """How many there are; which are not whole here, by stage and time; and what is kept as a run and is
    none, each with why; how many only a `newer` git-mlvc reads."""

    count: int = 0
    incomplete: tuple[IncompleteRun, ...] = ()
    strange: tuple[str, ...] = ()
    newer: int = 0


def look(
    store: Store,
    found: store_fsck.Report,
    lost_digests: Set[bytes],
    fetch: Callable[[Sequence[Pointer]], object] | None = None,
) -> RememberedRuns:
    """Return what is remembered, after `fetch` was asked for what is lost. Damaged runs are left out: `lost` names them."""
    count = newer = 0
    incomplete = []
    for _, run_id in store.all_runs():
        try:
            run = run_contents.read(store, run_id)
        except (StoreError, FormatError) as exc:
            newer += is_of_later_version(exc)
            continue
        if isinstance(run, RunRecord):
            count += 1
            if not run_contents.is_complete(store, run):
                gone = _gone(store, run)
                is_lost = any(_is_lost(store, pointer, lost_digests) for pointer in gone)
                if is_lost and fetch is not None and _comes_again(store, run, gone, fetch):
                    continue
                incomplete.append(IncompleteRun(Oid(run_id), run.stage, run.made_at_ms, is_lost))
    incomplete.sort(key=lambda run: (run.stage, run.made_at_ms, run.id))
    strange = [f"run {one.id.hex()[:16]}: {one.why}" for one in found.strange_runs]
    return RememberedRuns(count, tuple(incomplete), tuple(strange), newer)


def _gone(store: Store, run: RunRecord) -> list[Pointer]:
    """Return what a run names and is not here, as far as that can be known."""
    found = []
    with suppress(CorruptChunk):  # a tree; it is the last that was found
        for pointer in run_contents.pointers(store, run):
            found.append(pointer)
    return [pointer for pointer in found if not store.is_complete(pointer)]


def _is_lost(store: Store, pointer: Pointer, digests: Set[bytes]) -> bool:
    try:
        return not digests.isdisjoint(store.live_digests(pointer))
    except StoreError:
        return True


def _comes_again(
    store: Store,
    run: RunRecord,
    gone: Sequence[Pointer],
    fetch: Callable[[Sequence[Pointer]], object],
) -> bool:
    with suppress(RemoteError):
        fetch(gone)
        # The files of a tree are known only when it is here.
        fetch(_gone(store, run))
    return run_contents.is_complete(store, run)


def lost(store: Store, found: store_fsck.Report) -> list[str]:
    """Return a line for each run of which the store's check found no good copy."""
    known = {run_id for _, run_id in store.all_runs()}
    return [
        f"run {run_id.hex()[:16]}: what a stage made is no longer remembered, it will run again"
        for run_id in sorted(found.lost & known)
    ]
