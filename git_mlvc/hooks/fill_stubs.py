"""What all post-* hooks do: fill the stubs that the filter left in this worktree.

Which hook it is does not matter. The list is the filter's own, a file is replaced only if it is exactly
its stub, and git's index, not HEAD, is what the files are compared with: post-index-change comes before
the refs move.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from git_mlvc.progress import Progress
    from git_mlvc.repo_path import RepoPath
    from git_mlvc.workspace import Workspace
    from git_mlvc.worktree.fill import FillReport
    from git_mlvc.worktree.pending import Pending, Stubs

ABSENT = "absent"
TOLD = "told."  # and the process id of the git that left the stubs: what was filled for it


def run(
    workspace: Workspace,
    argv: Sequence[str],
    stdin: bytes,
    messages: Callable[[str], None],
    progress: Progress | None = None,
) -> int:
    """Fill what is pending, unless another process is at it: it will look again when it is done."""
    from git_mlvc.worktree.pending import Pending

    repo = workspace.repository
    pending = Pending(repo.state_dir)
    told = Pending(repo.state_dir, TOLD + workspace.environment.get("MLVC_GIT", ""))
    if not (pending or told) or repo.worktree is None or repo.is_sequencing():
        return 0
    # A temporary index (stash, `git commit PATH`) is no place to note what the worktree holds.
    if repo.index_path != repo.git_dir / "index":
        return 0

    from git_mlvc.errors import StoreLocked
    from git_mlvc.worktree.fill_lock import fill_lock

    again = told.read()
    could_tell = True
    while (pending or again) and could_tell:
        try:
            with fill_lock(repo, timeout_s=0):
                if again:
                    _tell_again(workspace, again)
                    again = {}
                if pending:
                    could_tell = _fill(workspace, pending, told, messages, progress)
        except StoreLocked:
            break
    return 0


def _tell_again(workspace: Workspace, stubs: Stubs) -> None:
    """Tell git again what we filled: it has written its index once more, from what it remembers."""
    from git_mlvc.worktree.fill import fill

    fill(workspace.repository, workspace.store, stubs.items(), jobs=1)


def _fill(
    workspace: Workspace,
    pending: Pending,
    told: Pending,
    messages: Callable[[str], None],
    progress: Progress | None,
) -> bool:
    """Fill what is listed. False if git's index was locked all the time: the next hook tells git."""
    from git_mlvc.progress import Silent
    from git_mlvc.worktree.fill import fill
    from git_mlvc.worktree.pending import Pending
    from git_mlvc.worktree.stub_message import still_stubs

    stubs = pending.take()
    shown = progress or Silent()
    report = fill(
        workspace.repository,
        workspace.store,
        stubs.items(),
        fetch=workspace.fetcher(shown),
        progress=shown,
        jobs=workspace.settings.jobs,
    )
    left = _unfilled(report)
    absent = Pending(workspace.repository.state_dir, ABSENT)
    absent.discard(report.filled)
    absent.extend((path, stubs[path]) for path in left)
    _sweep(told)
    if told.path.name != TOLD:
        told.extend((path, stubs[path]) for path in report.filled)
    pending.finish((path, stubs[path]) for path in report.untold)
    if left:
        first = report.left[left[0]]
        messages(still_stubs([str(path) for path in left], why=first.why, hint=first.hint))
    return not report.untold


def _sweep(told: Pending) -> None:
    """Forget what was filled for gits that have ended."""
    for path in told.path.parent.glob(f"{TOLD}*"):
        if path != told.path:
            path.unlink(missing_ok=True)


def _unfilled(report: FillReport) -> list[RepoPath]:
    """Return the files that still are stubs; those that somebody has written to are no concern of ours."""
    from git_mlvc.worktree.fill import LeftKind

    theirs = (LeftKind.CHANGED, LeftKind.UNSAFE)
    return sorted(path for path, left in report.left.items() if left.kind not in theirs)
