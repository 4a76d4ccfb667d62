"""Starting from what another revision made: its outs and lock files, put in the place of the snapshot's.

Code, params and sources stay those of the snapshot. Of each out of its stages, and of each `mlvc.lock`, the one
that the revision has is put there; what the revision does not have stays as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from git_mlvc.errors import UsageError
from git_mlvc.experiments import refs
from git_mlvc.experiments.workplace import STUBS
from git_mlvc.git.process import NO_HOOKS, UNDER_US
from git_mlvc.pipeline import discovery

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository


def resolve(repo: Repository, name: str) -> str:
    """Return the commit that an experiment's name, or else a revision, stands for. Raises UsageError."""
    for revision in (refs.ref_of(name), name):
        done = repo.git.run(
            *("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"),
            check=False,
        )
        if done.returncode == 0:
            return done.stdout.decode("ascii").strip()
    raise UsageError(
        f"'{name}' is neither an experiment nor a revision", hint="`git mlvc exp show` lists them"
    )


def put(repo: Repository, commit: str) -> None:
    """Put a commit's outs and lock files into a worktree that is ours; data as stubs. Raises GitError."""
    stages = discovery.load(repo).stages
    wanted = {out.path.raw for stage in stages for out in stage.outs}
    wanted |= {stage.lock_file.raw for stage in stages}
    listed = repo.git.records(
        "ls-tree", "-z", "--name-only", "--full-tree", commit, *sorted(wanted)
    )
    there = [b":(top,literal)" + name for name in listed]
    if there:
        restore = ("restore", f"--source={commit}", "--staged", "--worktree", "--")
        repo.git.run(*NO_HOOKS, *STUBS, *restore, *there, env_extra=UNDER_US)
