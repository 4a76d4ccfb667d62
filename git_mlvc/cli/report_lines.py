"""How the reports that several verbs give are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from git_mlvc.errors import ExitCode

if TYPE_CHECKING:
    from git_mlvc.cli.output import Output
    from git_mlvc.hooks.install import Report


def show_install(output: Output, report: Report) -> int:
    """What was installed or removed; exit code 1 when something is left that only the user can settle."""
    for line in report.lines:
        output.line(line)
    for conflict in report.conflicts:
        output.message(f"warning: {conflict}")
    return ExitCode.ANSWER if report.conflicts else ExitCode.OK
