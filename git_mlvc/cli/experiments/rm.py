"""`git mlvc exp rm`: experiments that nobody needs any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from git_mlvc.cli.experiments.declare import subcommand
from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import json_option
from git_mlvc.errors import UsageError
from git_mlvc.units import count_text

if TYPE_CHECKING:
    from collections.abc import Sequence


@subcommand(
    "rm",
    example="""\
    git mlvc exp rm brisk-otter 'lr-*'
    git mlvc exp rm --filter 'metrics.acc < 0.8' --dry-run
    git mlvc exp rm --all""",
)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--filter",
    "filtered",
    metavar="EXPR",
    help="Those of which it is true, as `exp show` with it lists them.",
)
@click.option("--all", "everything", is_flag=True, help="All, or with --filter: of every baseline.")
@click.option("--dry-run", is_flag=True, help="Name what would be removed, remove nothing.")
@json_option
def rm(
    invocation: Invocation,
    names: tuple[str, ...],
    filtered: str | None,
    everything: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """NAME may be a glob. One that waits in the queue is taken out of it; one that runs is not removed. On remotes
    they stay.

    Only the names go at once. Commits stay as long as git keeps what nothing names, data until `git mlvc prune`:
    until then the line that is printed for each brings it back.
    """
    from git_mlvc.experiments import remove

    workspace, output = invocation.workspace, invocation.output
    if names and (everything or filtered is not None):
        raise UsageError("names, or --filter and --all: not both")
    if not names and not everything and filtered is None:
        raise UsageError("which experiments are to be removed?", hint="git mlvc exp list --all")
    words = names if filtered is None else _matching(invocation, filtered, everything)
    if filtered is not None and not words:
        removal = remove.Removal((), ())
    else:
        removal = remove.plan(workspace.repository, words)
    if not dry_run:
        remove.execute(workspace.repository, removal)
    if as_json:
        output.json(
            "exp-rm",
            {
                "dry_run": dry_run,
                "removed": [{"name": one.name, "commit": one.commit} for one in removal.made],
                "forgotten": [
                    {"name": one.name, "state": one.phase.value} for one in removal.unmade
                ],
            },
        )
        return
    for made in removal.made:
        output.line(f"git update-ref {made.ref} {made.commit}")
    for unmade in removal.unmade:
        output.line(f"{unmade.name}: {unmade.phase.value}")
    count = count_text(len(removal.made) + len(removal.unmade), "experiment")
    if dry_run:
        output.message(f"would remove {count}")
        return
    output.message(f"removed {count}")
    if removal.made:
        output.message(
            "hint: a line above brings one back, as long as git has its commit; data stays until `git mlvc prune`"
        )


def _matching(invocation: Invocation, expression: str, everything: bool) -> Sequence[str]:
    """Return the names of those of which a filter is true. Raises UsageError that points into it."""
    from git_mlvc.experiments import filter as filter_expression
    from git_mlvc.experiments import listing, table

    filter_expression.parse(
        expression
    )  # an empty one, of a variable that is not set, is no wish for all
    workspace = invocation.workspace
    found = listing.collect(
        workspace.repository,
        lambda: workspace.store,
        shows_all=everything,
        permissions=workspace.permissions,
    )
    chosen = table.make(found.groups, table.Choice(filter=expression))
    return [row.name for group in chosen.groups for row in group.rows]
