"""`git mlvc exp rename`: another name for an experiment."""

from __future__ import annotations

import click

from git_mlvc.cli.experiments.declare import subcommand
from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import json_option


@subcommand("rename", example="git mlvc exp rename brisk-otter best-so-far")
@click.argument("old")
@click.argument("new")
@json_option
def rename(invocation: Invocation, old: str, new: str, as_json: bool) -> None:
    """The commit stays the same. On a remote it keeps its old name until it is pushed under the new one."""
    from git_mlvc.experiments import claims, names, refs, states

    repo, output = invocation.workspace.repository, invocation.output
    found = refs.find(repo, old)
    names.check(new)
    states.check_free(repo, new)
    claims.check_free(repo, new)
    refs.rename(repo, found.name, new)
    if as_json:
        output.json("exp-rename", {"old": found.name, "new": new, "commit": found.commit})
    else:
        output.line(f"{found.name} is now {new}")
