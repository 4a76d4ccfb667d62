"""What an experiment in the user's own worktree changed before it was killed: put back, and told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from git_mlvc.cli.invocation import Invocation

if TYPE_CHECKING:
    from git_mlvc.cli.output import Output
    from git_mlvc.experiments.in_place import PutBack


def recover(invocation: Invocation) -> str:
    """Put back what is left of one in this worktree; return its name, "" if none is or it may still run."""
    from git_mlvc.cli.means import opened
    from git_mlvc.errors import StoreLocked
    from git_mlvc.experiments import in_place, refs
    from git_mlvc.fs.owner import is_alive
    from git_mlvc.pipeline import repro
    from git_mlvc.pipeline.repro_lock import ReproLock

    output, repo = invocation.output, invocation.workspace.repository
    journal = in_place.read(repo)
    if journal is None or is_alive(journal.owner):
        return ""
    try:
        with ReproLock(repo):  # one whose end cannot be seen from here has ended if this is free
            journal = in_place.read(repo)
            if journal is None:
                return ""
            for kept in repro.put_right(opened(invocation)):
                output.message(
                    f"kept what stood at {kept.path}, which nobody else has: {kept.place}"
                )
            if any(one.name == journal.name for one in refs.list(repo)):
                in_place.forget(repo)  # it was made before it was killed
                return ""
            output.message(f"experiment '{journal.name}' was killed here: its outs are as before")
            tell(output, in_place.put_back(repo, journal))
    except StoreLocked:
        return ""
    return journal.name


def tell(output: Output, done: PutBack) -> None:
    """Say what is as it was before an experiment, and what is not."""
    if done.files:
        files = ", ".join(map(str, done.files))
        output.message(f"{files}: as before experiment '{done.name}' again")
    for kept in done.kept:
        output.message(
            f"{kept.path} was edited since experiment '{done.name}' began, and stays; as it was before: {kept.place}"
        )
