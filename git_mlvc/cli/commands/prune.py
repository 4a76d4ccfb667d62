"""`git mlvc prune`: remove local packs that a remote holds too."""

from __future__ import annotations

import time

import click

from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import json_option, verb
from git_mlvc.units import count_text, size_text


@verb("prune", example="git mlvc prune --older 30 --dry-run")
@click.option(
    "--older",
    "older_days",
    type=click.IntRange(min=0),
    default=14,
    show_default=True,
    metavar="DAYS",
    help="Only packs not used for DAYS; never those of the last hour.",
)
@click.option(
    "--runs-older",
    "runs_older_days",
    type=click.IntRange(min=0),
    metavar="DAYS",
    help="Forget what stages made DAYS ago or earlier, even where no remote holds it.",
)
@click.option(
    "--replaced-older",
    "replaced_older_days",
    type=click.IntRange(min=0),
    metavar="DAYS",
    help="Delete what stood in the way of outs and was kept aside DAYS ago or earlier.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be removed, remove nothing.")
@json_option
def prune(
    invocation: Invocation,
    older_days: int,
    runs_older_days: int | None,
    replaced_older_days: int | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Each piece of data that any commit, stash, reflog or index of this clone needs stays, unless a remote
    was just seen to hold it. Later checkouts fetch what they need again.

    So does what a stage ever made: `git mlvc repro` restores it. With --runs-older the older ones are
    forgotten; what a commit, stash, reflog or index needs stays all the same.

    What stages replaced and nobody else has lies in `.git/mlvc/replaced`: the command that put it there said so,
    and `git mlvc status` does. It may be the only copy, and is never deleted without --replaced-older.
    """
    from git_mlvc.pipeline.outs import kept_earlier
    from git_mlvc.store.gc_plan import Action
    from git_mlvc.worktree import prune as pruning

    workspace, output = invocation.workspace, invocation.output
    views, failures = workspace.views_for_reading()
    planned = pruning.plan(
        workspace.repository,
        workspace.store,
        views,
        older_days=older_days,
        runs_older_days=runs_older_days,
        now_s=time.time(),
        progress=output.progress,
    )
    for failure in [*failures, *planned.silent]:
        output.message(f"warning: {failure}; what only it may hold stays here")
    going = [step for step in planned.steps.steps if step.action is not Action.KEEP]
    aside, old = kept_earlier.kept(workspace.repository), []
    if replaced_older_days is not None:
        old = kept_earlier.older(aside, time.time() - replaced_older_days * 86_400)
    if not dry_run:
        kept_earlier.remove(old)
    outcome = None
    if going and not dry_run:
        outcome = pruning.execute(planned, workspace.store, progress=output.progress)
    if as_json:
        output.json(
            "prune",
            {
                "dry_run": dry_run,
                "steps": planned.steps.steps,
                "needed_records": planned.needed,
                "records_only_here": planned.only_here,
                "forgotten_runs": planned.forgotten,
                "outcome": outcome,
                "replaced": [
                    {
                        "place": str(one.place),
                        "files": one.files,
                        "size_bytes": one.size_bytes,
                        "made_at_s": one.made_at_s,
                        "action": "delete" if one in old else "keep",
                    }
                    for one in aside
                ],
            },
        )
        return
    for step in going:
        output.line(f"{step.action.value} pack {step.pack.hex()[:16]}: {step.reason}")
    for pack, why in outcome.left if outcome else ():
        output.message(f"left pack {pack.hex()[:16]}: {why}")
    if planned.forgotten:
        would = "would forget" if dry_run else "forgot"
        output.line(f"{would} {count_text(planned.forgotten, 'earlier run')} of stages")
    for one in old:
        would = "would delete" if dry_run else "deleted"
        files = count_text(one.files, "file")
        output.line(f"{would} {one.place}: {files}, {size_text(one.size_bytes)}")
    freed = outcome.freed_bytes if outcome else planned.steps.freed_bytes
    kept = len(planned.steps.steps) - len(going)
    verb_text = "would free" if dry_run else "freed"
    output.line(f"{verb_text} {size_text(freed)}; {count_text(kept, 'pack')} left")
