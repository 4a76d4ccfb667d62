"""Pruning: local packs go when a remote was just seen to hold what is still needed of them.

Law 11: a record that some pointer needs counts as needed here until a remote, asked now, names it in a pack
that stands there now. So does what a run of a stage or a lock file names: it is what `repro` restores from. The
records of runs themselves stay in any case: they are small, and say what could be fetched. What no pointer, run or
lock of this clone needs is removed as well, once it has been left alone for long enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from git_mlvc.errors import CorruptChunk, FormatError, RemoteError
from git_mlvc.formats.run import RunRecord
from git_mlvc.git import revisions
from git_mlvc.progress import Progress, Silent
from git_mlvc.store import gc, gc_plan, run_contents
from git_mlvc.store.store import Store
from git_mlvc.transfer import verify
from git_mlvc.worktree import lock_mentions

if TYPE_CHECKING:
    from git_mlvc.formats.pointer import Pointer
    from git_mlvc.git.repository import Repository
    from git_mlvc.transfer.remote_view import RemoteView

_DAY_S = 24 * 60 * 60
_LEAST_AGE_S = 60 * 60  # a pointer may be on its way into git's index this very moment


@dataclass(frozen=True, slots=True)
class PrunePlan:
    """What would be done; `keep` are the records that stay, `only_here` of them that no remote was seen to
    hold, `silent` the remotes that did not answer, whose word might have let more go. `forgotten`: runs that
    no longer keep anything here."""

    steps: gc_plan.Plan
    keep: frozenset[bytes]
    needed: int
    only_here: int
    silent: tuple[RemoteError, ...]
    forgotten: int = 0


def plan(
    repo: Repository,
    store: Store,
    views: Sequence[RemoteView],
    *,
    older_days: int,
    now_s: float,
    runs_older_days: int | None = None,
    progress: Progress | None = None,
) -> PrunePlan:
    """Decide which packs last used `older_days` ago or earlier can go. Deletes nothing.

    Runs made `runs_older_days` ago or earlier are forgotten: what only they need may go, wherever else it
    is or is not. Raises CorruptChunk, and FormatError where a later git-mlvc has to tell what is needed.
    """
    shown = progress or Silent()
    uses = revisions.all_pointers(repo)
    shown.begin("looking at what is needed", total_files=len(uses))
    pointers = dict.fromkeys(use.pointer for use in uses)
    before_s = None if runs_older_days is None else now_s - runs_older_days * _DAY_S
    with _hint_at_repair():
        runs, forgotten = _runs(store, before_s)
        pointers.update(dict.fromkeys(run_contents.needed(store, runs)))
        pointers.update(dict.fromkeys(lock_mentions.needed(repo, store)))
        needed = _needed(store, pointers, shown)
    shown.end()
    keep = needed | set(runs)
    silent: list[RemoteError] = []
    for view in views:
        try:
            keep -= verify.chunks_on(view, sorted(keep))
        except RemoteError as exc:
            silent.append(exc)
    only_here = len(keep)
    keep.update(runs)
    steps = gc_plan.plan(
        keep,
        gc.contents(store),
        now_s=now_s,
        grace_s=max(older_days * _DAY_S, _LEAST_AGE_S),
    )
    return PrunePlan(steps, frozenset(keep), len(needed), only_here, tuple(silent), forgotten)


def execute(planned: PrunePlan, store: Store, *, progress: Progress | None = None) -> gc.Outcome:
    """Carry the plan out. Raises StoreLocked while somebody adds to the store, StoreError."""
    return gc.execute(planned.steps, store, planned.keep, progress=progress)


def _needed(store: Store, pointers: Iterable[Pointer], progress: Progress) -> set[bytes]:
    """Return every record that these contents are made of.

    Raises CorruptChunk for a damaged recipe: what it would have named must not be taken for unneeded.
    """
    found: set[bytes] = set()
    for pointer in pointers:
        found.update(store.live_digests(pointer))
        progress.advance(files=1)
    return found


def _runs(store: Store, before_s: float | None) -> tuple[list[bytes], int]:
    """Return the runs that keep what they name, and how many do not: those made before a moment."""
    kept = []
    forgotten = 0
    for _, run_id in store.all_runs():
        if before_s is not None:
            run = run_contents.read(store, run_id)
            if isinstance(run, RunRecord) and run.made_at_ms < before_s * 1000:
                forgotten += 1
                continue
        kept.append(run_id)
    return kept, forgotten


@contextmanager
def _hint_at_repair() -> Iterator[None]:
    try:
        yield
    except CorruptChunk as exc:
        exc.hint = "git mlvc fsck --repair, then prune again"
        raise
    except FormatError as exc:
        exc.what = f"nothing is pruned: {exc.what}, so that what it needs is unknown"
        raise
