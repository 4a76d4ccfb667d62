"""What verbs that fill stubs share with the hooks: one of them at a time in a worktree."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from git_mlvc.cli.invocation import Invocation

WAIT_S = 5.0  # a fill can take an hour; whoever waits is told who is at it


@contextmanager
def filling(invocation: Invocation, *, wait_s: float = WAIT_S) -> Iterator[None]:
    """Hold the worktree's fill lock, then fill what hooks left to us while we held it.

    Raises StoreLocked. Where nothing can be written into the git dir there is nobody to exclude.
    """
    from git_mlvc.hooks import fill_stubs
    from git_mlvc.worktree.fill_lock import fill_lock
    from git_mlvc.worktree.pending import Pending

    workspace, output = invocation.workspace, invocation.output
    pending = Pending(workspace.repository.state_dir)
    lock = fill_lock(workspace.repository, timeout_s=wait_s)
    try:
        lock.path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError:
        yield
        return
    try:
        before = pending.read()
        yield
    finally:
        lock.release()
    if pending.read().keys() - before.keys():
        fill_stubs.run(workspace, (), b"", output.message, output.progress)
