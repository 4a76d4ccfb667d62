"""`git mlvc untrack`: stop keeping files that match a pattern as data."""

from __future__ import annotations

import click

from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import json_option, verb
from git_mlvc.cli.report_lines import named
from git_mlvc.errors import ExitCode


@verb("untrack", example="git mlvc untrack '*.bin'")
@click.argument("patterns", nargs=-1, required=True, metavar="PATTERN...")
@json_option
def untrack(invocation: Invocation, patterns: tuple[str, ...], as_json: bool) -> int:
    """Takes the lines out of the .gitattributes of the current directory. What is committed stays as it is
    until it is converted. Exit code 1 if a pattern was not tracked there.
    """
    from git_mlvc.worktree import track as tracking

    output = invocation.output
    report = tracking.untrack(invocation.workspace.repository, invocation.cwd, patterns)
    if as_json:
        output.json("untrack", {"untracked": report})
        return ExitCode.ANSWER if report.unknown else ExitCode.OK
    for pattern in report.removed:
        output.line(f"no longer tracking {pattern}")
    for pattern in report.unknown:
        output.message(f"warning: {pattern} is not in .gitattributes here")
    if report.pointers:
        files = named([str(path) for path in report.pointers])
        output.message(f"these are still pointers in git: {files}")
        output.message("hint: `git mlvc track --renormalize` puts their content into git")
    return ExitCode.ANSWER if report.unknown else ExitCode.OK
