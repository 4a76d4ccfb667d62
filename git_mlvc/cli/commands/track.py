"""`git mlvc track`: keep files that match a pattern as data, or list the patterns."""

from __future__ import annotations

import click

from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import json_option, verb
from git_mlvc.cli.report_lines import named
from git_mlvc.errors import ExitCode
from git_mlvc.units import size_text


@verb("track", example="git mlvc track '*.bin' 'data/**'\ngit mlvc track '*' --above 1MiB")
@click.argument("patterns", nargs=-1, metavar="[PATTERN]...")
@click.option(
    "--above", metavar="SIZE", help="Only content of SIZE and more; smaller stays in git."
)
@click.option(
    "--renormalize", is_flag=True, help="Also convert and stage what is committed already."
)
@json_option
def track(
    invocation: Invocation,
    patterns: tuple[str, ...],
    above: str | None,
    renormalize: bool,
    as_json: bool,
) -> int:
    """Writes lines to the .gitattributes of the current directory; sizes go to mlvc.toml. Both are to be
    committed. Quote patterns, so that the shell leaves them alone. Without PATTERN, lists what is tracked.
    """
    from git_mlvc.errors import UsageError
    from git_mlvc.worktree import renormalize as converting
    from git_mlvc.worktree import track as tracking

    workspace, output = invocation.workspace, invocation.output
    repo = workspace.repository
    if not patterns and not renormalize:
        if above is not None:
            raise UsageError("--above needs a pattern", hint="git mlvc track '*' --above 1MiB")
        lines = tracking.tracked(repo, workspace.settings)
        if as_json:
            output.json("tracked", {"patterns": lines})
        else:
            output.table(
                ["pattern", ">above", "written in"],
                [[line.pattern, size_text(line.min_size_bytes), str(line.file)] for line in lines],
            )
        return ExitCode.OK
    report = tracking.TrackReport()
    if patterns:
        report = tracking.track(repo, invocation.cwd, patterns, workspace.settings, above=above)
    converted = converting.RenormalizeReport()
    if renormalize:
        fresh = invocation.reopened()
        converted = converting.renormalize(
            repo, fresh.store, fresh.settings, progress=output.progress
        )
        report.raw = []
    if as_json:
        output.json("track", {"tracked": report, "converted": converted})
        return ExitCode.ANSWER if converted.failed else ExitCode.OK
    for pattern in report.added:
        output.line(f"tracking {pattern}")
    for pattern in report.already:
        output.line(f"{pattern} was tracked already")
    for what, paths in (("into pointers", converted.to_pointer), ("into git", converted.to_raw)):
        if paths:
            output.line(f"converted {what}, staged: {named([str(path) for path in paths])}")
    for path, why in converted.failed.items():
        output.error(f"cannot convert {path}", why=why, hint="git mlvc fetch")
    if report.raw:
        files = named([str(path) for path in report.raw])
        output.message(f"git holds the content of these itself: {files}")
        output.message("hint: `git mlvc track --renormalize` converts and stages them")
    return ExitCode.ANSWER if converted.failed else ExitCode.OK
