"""`git mlvc env`: versions, paths and settings."""

from __future__ import annotations

from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import json_option, verb


@verb("env", example="git mlvc env --json")
@json_option
def env(invocation: Invocation, as_json: bool) -> None:
    """Made to be pasted into a report of a problem; addresses are shown without secrets."""
    from git_mlvc.cli import surroundings

    workspace = invocation.workspace_if_any
    git = workspace.git if workspace is not None else invocation.git_anywhere
    found = {
        "versions": surroundings.versions(git),
        "paths": surroundings.paths(workspace, invocation.launcher),
        "settings": surroundings.settings(git, invocation.environment),
    }
    if as_json:
        invocation.output.json("env", found)
        return
    for section, values in found.items():
        invocation.output.line(f"{section}:")
        for name, value in values.items():
            invocation.output.line(f"  {name}: {value}")
