"""`git mlvc track`: keep files that match a pattern as data, or list the patterns."""

from __future__ import annotations

import click

from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import json_option, verb
from git_mlvc.cli.report_lines import named
from git_mlvc.errors import ExitCode
from git_mlvc.units import size_text


@verb(
    "track",
    example="git mlvc track '*.bin' 'data/**'\n"
    "git mlvc track '*' --above 1MiB\n"
    "git mlvc track 'models/**' --remote archive",
)
@click.argument("patterns", nargs=-1, metavar="[PATTERN]...")
@click.option(
    "--above", metavar="SIZE", help="Only content of SIZE and more; smaller stays in git."
)
@click.option(
    "--remote", metavar="REMOTE", help="Their data goes to REMOTE, not to the usual place."
)
@click.option(
    "--renormalize", is_flag=True, help="Also convert and stage what is committed already."
)
@json_option
def track(
    invocation: Invocation,
    patterns: tuple[str, ...],
    above: str | None,
    remote: str | None,
    renormalize: bool,
    as_json: bool,
) -> int:
    """Writes lines to the .gitattributes of the current directory; sizes and remotes go to mlvc.toml. Both are
    to be committed. Quote patterns, so that the shell leaves them alone. Without PATTERN, lists what is tracked.
    """
    from git_mlvc.errors import UsageError
    from git_mlvc.settings import Origin
    from git_mlvc.worktree import renormalize as converting
    from git_mlvc.worktree import track as tracking

    workspace, output = invocation.workspace, invocation.output
    repo = workspace.repository
    if not patterns and not renormalize:
        if above is not None:
            raise UsageError("--above needs a pattern", hint="git mlvc track '*' --above 1MiB")
        if remote is not None:
            raise UsageError(
                "--remote needs a pattern", hint=f"git mlvc track 'models/**' --remote {remote}"
            )
        lines = tracking.tracked(repo, workspace.settings)
        if as_json:
            output.json("tracked", {"patterns": lines})
        else:
            routed = any(line.remote for line in lines)
            output.table(
                ["pattern", ">above", *(["remote"] if routed else []), "written in"],
                [
                    [
                        line.pattern,
                        size_text(line.min_size_bytes),
                        *([line.remote or ""] if routed else []),
                        str(line.file),
                    ]
                    for line in lines
                ],
            )
        return ExitCode.OK
    report = tracking.TrackReport()
    if patterns:
        report = tracking.track(
            repo, invocation.cwd, patterns, workspace.settings, above=above, remote=remote
        )
    converted = converting.RenormalizeReport()
    if renormalize:
        fresh = invocation.reopened()
        converted = converting.renormalize(
            repo, fresh.store, fresh.settings, progress=output.progress
        )
        report.raw = []
    if remote is not None and workspace.settings.remotes[remote].origin is Origin.PRIVATE:
        output.message(
            f"warning: remote '{remote}' is defined in this clone only; others need it too"
        )
        output.message(f"hint: git mlvc remote remove {remote} && git mlvc remote add {remote} URL")
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
    if patterns and "filter.mlvc.process" not in workspace.config:
        # Git passes over attributes of filters that it does not know, and says nothing.
        output.message(
            "warning: git does not know the filter yet: it would keep all content itself"
        )
        output.message("hint: git mlvc install   before `git add`")
    if report.raw:
        files = named([str(path) for path in report.raw])
        output.message(f"git holds the content of these itself: {files}")
        output.message("hint: `git mlvc track --renormalize` converts and stages them")
    return ExitCode.ANSWER if converted.failed else ExitCode.OK
