"""`git mlvc copy`: data from one remote to another."""

from __future__ import annotations

import click

from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import json_option, no_run_cache_option, verb
from git_mlvc.cli.report_lines import push_fields
from git_mlvc.cli.trust import settled
from git_mlvc.errors import ExitCode, UsageError


@verb("copy", example="git mlvc copy --from lab --to archive --all")
@click.option("--from", "source", required=True, metavar="REMOTE", help="Where the data is.")
@click.option("--to", "target", required=True, metavar="REMOTE", help="Where it shall be as well.")
@click.argument("refs", nargs=-1, metavar="[REF]...")
@click.option("--all", "everything", is_flag=True, help="The data of every commit of every ref.")
@no_run_cache_option
@json_option
def copy(
    invocation: Invocation,
    source: str,
    target: str,
    refs: tuple[str, ...],
    everything: bool,
    no_run_cache: bool,
    as_json: bool,
) -> int:
    """Of HEAD and all commits before it if no REF is given. The data passes through this machine, verified,
    and is not kept here. With it go all runs of the run cache that the one remote has. What the other remote has is not sent again; run it again if it was interrupted.
    """
    from git_mlvc.cli.run_exchange import tell_left
    from git_mlvc.transfer import copying
    from git_mlvc.worktree import exchange

    workspace, output = invocation.workspace, invocation.output
    for name in (source, target):
        workspace.places.named(name)
        workspace = settled(invocation, name)
    one, other = workspace.places.named(source), workspace.places.named(target)
    if workspace.places.is_same(one, other):
        raise UsageError(
            f"'{source}' and '{target}' are the same place", hint="git mlvc remote list shows where"
        )
    uses = exchange.pushed(workspace.repository, refs, everything=everything)
    views = workspace.view(one), workspace.view(other)
    scratch = workspace.store_path / "tmp"
    report = copying.copy(
        *views, uses, scratch=scratch, progress=output.progress, has_runs=not no_run_cache
    )
    if as_json:
        missing = list(report.missing.paths) if report.missing else []
        fields = {"from": source, "to": target, **push_fields(report.done), "missing": missing}
        output.json("copy", fields)
    else:
        output.line(f"{source} -> {target}: {report.done.summary()}")
        tell_left(output, f"{source} -> {target}", report.done, where=f"on '{source}'")
    if report.missing:
        raise report.missing
    return ExitCode.OK
