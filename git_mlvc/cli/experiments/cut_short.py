"""`git mlvc exp apply` that was killed while git wrote files: told once."""

from __future__ import annotations

from shlex import quote

from git_mlvc.cli.invocation import Invocation


def tell(invocation: Invocation) -> None:
    """Say so, unless it is still at work."""
    from git_mlvc.errors import StoreLocked
    from git_mlvc.experiments import apply_journal
    from git_mlvc.pipeline.repro_lock import ReproLock

    repo = invocation.workspace.repository
    try:
        with ReproLock(repo):
            journal = apply_journal.read(repo)
            if journal is None or journal.is_told:
                return
            apply_journal.told(repo, journal)
    except StoreLocked:
        return
    invocation.output.message(
        f"warning: `git mlvc exp apply {quote(journal.name)}` was cut short: some of its files are here, some are not\n"
        f"hint: the same again finishes it; nothing of yours was overwritten"
    )
