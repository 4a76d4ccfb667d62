"""Pruning: local packs go when a remote was just seen to hold what is still needed of them.

Law 11: a record that some pointer needs counts as needed here until a remote, asked now, names it in a pack
that stands there now. What no pointer of this clone needs is removed as well, once it has been left alone
for long enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from git_mlvc.errors import CorruptChunk, RemoteError
from git_mlvc.git import revisions
from git_mlvc.progress import Progress, Silent
from git_mlvc.store import gc, gc_plan
from git_mlvc.store.store import Store
from git_mlvc.transfer import verify

if TYPE_CHECKING:
    from git_mlvc.formats.pointer import Pointer
    from git_mlvc.git.repository import Repository
    from git_mlvc.transfer.remote_view import RemoteView

_DAY_S = 24 * 60 * 60
_LEAST_AGE_S = 60 * 60  # a pointer may be on its way into git's index this very moment


@dataclass(frozen=True, slots=True)
class PrunePlan:
    """What would be done; `keep` are the records that have to stay, `silent` the remotes that did not
    answer, whose word might have let more go."""

    steps: gc_plan.Plan
    keep: frozenset[bytes]
    needed: int
    silent: tuple[RemoteError, ...]


def plan(
    repo: Repository,
    store: Store,
    views: Sequence[RemoteView],
    *,
    older_days: int,
    now_s: float,
    progress: Progress | None = None,
) -> PrunePlan:
    """Decide which packs last used `older_days` ago or earlier can go. Deletes nothing."""
    shown = progress or Silent()
    uses = revisions.all_pointers(repo)
    shown.begin("looking at what is needed", total_files=len(uses))
    needed = _needed(store, dict.fromkeys(use.pointer for use in uses), shown)
    shown.end()
    keep = set(needed)
    silent: list[RemoteError] = []
    for view in views:
        try:
            keep -= verify.chunks_on(view, sorted(keep))
        except RemoteError as exc:
            silent.append(exc)
    steps = gc_plan.plan(
        keep,
        gc.contents(store),
        now_s=now_s,
        grace_s=max(older_days * _DAY_S, _LEAST_AGE_S),
    )
    return PrunePlan(steps, frozenset(keep), len(needed), tuple(silent))


def execute(planned: PrunePlan, store: Store, *, progress: Progress | None = None) -> gc.Outcome:
    """Carry the plan out. Raises StoreLocked while somebody adds to the store, StoreError."""
    return gc.execute(planned.steps, store, planned.keep, progress=progress)


def _needed(store: Store, pointers: Iterable[Pointer], progress: Progress) -> set[bytes]:
    """Return every record that these contents are made of.

    Raises CorruptChunk for a damaged recipe: what it would have named must not be taken for unneeded.
    """
    found: set[bytes] = set()
    for pointer in pointers:
        try:
            found.update(store.live_digests(pointer))
        except CorruptChunk as exc:
            exc.hint = "git mlvc fsck --repair, then prune again"
            raise
        progress.advance(files=1)
    return found
