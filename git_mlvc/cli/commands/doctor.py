"""`git mlvc doctor`: prove that git can run the filter and each hook."""

from __future__ import annotations

from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import json_option, verb
from git_mlvc.errors import ExitCode


@verb("doctor", example="git mlvc doctor")
@json_option
def doctor(invocation: Invocation, as_json: bool) -> int:
    """Runs the filter and the program of the hooks through git from an empty environment, as a graphical
    client might, looks for other tools' hooks, and names the command that mends each fault.

    Exit code 1 if there is a fault.
    """
    from git_mlvc.cli.diagnosis import diagnose
    from git_mlvc.hooks.checks import Verdict

    output = invocation.output
    workspace = invocation.workspace_if_any
    git = workspace.git if workspace is not None else invocation.git_anywhere
    checks = []
    for check in diagnose(git, workspace):
        checks.append(check)
        if not as_json:
            output.line(f"{check.verdict.value:>7}  {check.name}: {check.says}")
            if check.mend:
                output.line(f"         mend: {check.mend}")
    is_well = all(check.verdict is not Verdict.BAD for check in checks)
    if as_json:
        output.json("doctor", {"ok": is_well, "checks": checks})
    elif workspace is None:
        output.line("         outside of a repository: its hooks and data were not looked at")
    return ExitCode.OK if is_well else ExitCode.ANSWER
