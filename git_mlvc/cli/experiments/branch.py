"""`git mlvc exp branch`: a branch where an experiment is."""

from __future__ import annotations

from shlex import quote

import click

from git_mlvc.cli.experiments.declare import subcommand
from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import json_option
from git_mlvc.errors import UsageError


@subcommand(
    "branch",
    example="""\
    git mlvc exp branch brisk-otter higher-rate
    git switch higher-rate""",
)
@click.argument("name")
@click.argument("branch")
@json_option
def branch(invocation: Invocation, name: str, branch: str, as_json: bool) -> None:
    """The branch begins at the commit of the experiment, one after its baseline, and is an ordinary one: it can be
    pushed, merged and rebased. The experiment stays. The worktree is not touched.
    """
    from git_mlvc.experiments import refs

    repo, output = invocation.workspace.repository, invocation.output
    found = refs.find(repo, name)
    done = repo.git.run("branch", "--no-track", "--", branch, found.commit, check=False)
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().removeprefix("fatal: ")
        raise UsageError(
            f"no branch '{branch}' is made",
            why=said,
            hint=f"git mlvc exp branch {found.name} OTHER",
        )
    if as_json:
        output.json("exp-branch", {"name": found.name, "branch": branch, "commit": found.commit})
        return
    output.line(f"{branch} is at {found.commit[:10]}, the experiment {found.name}")
    output.message(f"hint: git switch {quote(branch)}")
