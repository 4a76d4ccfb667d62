"""What of pipelines goes with a push: the outs that its commits' locks name, and the runs that made them.

Pipelines are imported only where a lock is among what is pushed. Runs are a cache and a lock can be made anew, so
what is not to be had is a warning; that a place which takes data does not answer stops the push like any other.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from pathlib import Path

    from git_mlvc.git.changes import Entry
    from git_mlvc.git.revisions import PointerUse
    from git_mlvc.repo_path import RepoPath
    from git_mlvc.settings import RemoteSetting
    from git_mlvc.transfer.bundles import Bundle
    from git_mlvc.workspace import Workspace


class HasPath(Protocol):
    """Something that stands at a path."""

    @property
    def path(self) -> RepoPath: ...


_Placed = TypeVar("_Placed", bound=HasPath)
_SAYS_NOT = re.compile(rb"\bpush[\"']?\s*=\s*false")


def may_stay(workspace: Workspace, uses: Iterable[HasPath]) -> bool:
    """True if a stage file beside or above one of `uses` may keep some out off remotes: a glance, no more."""
    top = workspace.repository.worktree
    if top is None:
        return False
    folders = {b""}
    for use in uses:
        folder = use.path.raw.rpartition(b"/")[0]
        while folder not in folders:
            folders.add(folder)
            folder = folder.rpartition(b"/")[0]
    return any(_SAYS_NOT.search(_stage_file(top, folder)) for folder in folders)


def _stage_file(top: Path, folder: bytes) -> bytes:
    try:
        return (top / os.fsdecode(folder) / "mlvc.toml").read_bytes()
    except OSError:
        return b""


def kept_here(workspace: Workspace, messages: Callable[[str], None]) -> frozenset[RepoPath] | None:
    """Return the outs whose data stays off remotes; None, with a warning, where that cannot be told."""
    from git_mlvc.errors import MlvcError
    from git_mlvc.pipeline.runs import run_travel

    try:
        return run_travel.unpushed(workspace.repository)
    except MlvcError as exc:
        messages(f"warning: outs that only a lock names are not pushed\n  why: {exc.what}")
        return None


def outgoing(
    workspace: Workspace,
    locks: Sequence[Entry],
    kept: frozenset[RepoPath] | None,
    messages: Callable[[str], None],
) -> list[Bundle]:
    """Return what travels with these versions of lock files; of outs in `kept` nothing does."""
    from git_mlvc.pipeline.runs import run_travel

    results, failures = run_travel.locked(workspace.repository, locks)
    for failure in failures[:1]:
        messages(f"warning: {failure.what}: what it names is not pushed\n  why: {failure.why}")
    if kept is None:
        kept = frozenset(path for one in results for path, _ in one.result.outs)
    return run_travel.bundles_of_locked(workspace.store, results, kept)


def with_whole(workspace: Workspace, locks: Iterable[Entry], commits: Sequence[str]) -> list[Entry]:
    """Return the lock files in `commits` beside `locks`, and nothing that was before them: all they name counts."""
    from git_mlvc.git import changes
    from git_mlvc.git.changes import Entry
    from git_mlvc.worktree.lock_mentions import LOCK_FILE

    found = {(e.path, e.blob_sha): Entry(e.path, e.blob_sha, e.commit) for e in locks}
    for entry in changes.called(workspace.repository, commits, LOCK_FILE):
        found.setdefault((entry.path, entry.blob_sha), entry)
    return list(found.values())


def without(
    uses: Sequence[PointerUse],
    kept: frozenset[RepoPath],
    workspace: Workspace,
    include: list[str],
    exclude: list[str],
) -> list[PointerUse]:
    """Return what of `uses` is not in outs that stay off remotes, unless it stands elsewhere as well."""
    from git_mlvc.git import changes
    from git_mlvc.pipeline.runs import run_travel

    repo = workspace.repository
    return run_travel.without_unpushed(uses, kept, lambda: changes.placed(repo, include, exclude))


def without_kept(workspace: Workspace, files: list[_Placed]) -> list[_Placed]:
    """Return those of `files` that are not in outs which stay off remotes."""
    if not may_stay(workspace, files):
        return files
    from git_mlvc.pipeline.runs import run_travel

    kept = kept_here(workspace, lambda message: None)
    return [file for file in files if not run_travel.is_in(file.path, kept or ())]


def can_take(
    workspace: Workspace, place: RemoteSetting | None, messages: Callable[[str], None]
) -> bool:
    """True if runs alone can be sent to a place: if not, a push of nothing else is not refused for it."""
    from git_mlvc.backend.base import Capability
    from git_mlvc.errors import MlvcError

    if place is None:
        return False
    try:
        is_writable = Capability.WRITE in workspace.view(place).backend.capabilities
    except MlvcError as exc:
        messages(f"warning: what stages made is not pushed to '{place.name}'\n  why: {exc.what}")
        return False
    return is_writable


def tell_left(name: str, left: Sequence[Bundle], messages: Callable[[str], None]) -> None:
    """Say which stages have to run again where the commits go."""
    from git_mlvc.units import names_text

    stages = [bundle.stage for bundle in left if bundle.run is None]
    if stages:
        shown = names_text([f"'{stage}'" for stage in dict.fromkeys(stages)], most=5, noun="stage")
        messages(
            f"warning: what {shown} made is neither here nor on '{name}': who needs it has to run it again"
        )
