"""`git mlvc remote`: say where data is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import help_text, json_option
from git_mlvc.cli.registry import VERBS
from git_mlvc.errors import ExitCode
from git_mlvc.settings import without_secrets

if TYPE_CHECKING:
    from git_mlvc.worktree.remotes import Definitions


@click.group(
    "remote",
    invoke_without_command=True,
    short_help=VERBS["remote"].summary,
    help=help_text(
        VERBS["remote"].summary,
        "Without any, the data of a git remote that is a directory is kept beside it.",
        "git mlvc remote add lab /nfs/lab/data --default",
    ),
)
@click.pass_context
def remote(context: click.Context) -> None:
    if context.invoked_subcommand is None:  # as `git remote`
        context.invoke(list_, as_json=False)


def _definitions(invocation: Invocation) -> Definitions:
    from git_mlvc.worktree.remotes import Definitions

    workspace = invocation.workspace
    return Definitions(workspace.settings, workspace.git, workspace.repository.worktree)


@remote.command(
    "add",
    short_help="Define a remote.",
    help=help_text(
        "Define a remote, in the tracked mlvc.toml or, with --private, in this clone only.",
        "A path or URL you add yourself is trusted. An address with a secret has to be private.",
        "git mlvc remote add lab /nfs/lab/data --default",
    ),
)
@click.argument("name")
@click.argument("url")
@click.option("--default", is_flag=True, help="Let pushes go there.")
@click.option("--private", is_flag=True, help="Keep it in this clone's git configuration.")
@click.pass_obj
def add(invocation: Invocation, name: str, url: str, default: bool, private: bool) -> None:
    from git_mlvc.worktree import remotes

    where = _definitions(invocation)
    setting = remotes.add(where, name, url, private=private, default=default)
    invocation.output.line(
        f"remote {name}: {without_secrets(setting.url)} (in {setting.origin.value})"
    )
    if not default and where.settings.default_remote is None:
        invocation.output.message(f"hint: `git mlvc remote default {name}` lets pushes go there")


@remote.command(
    "list",
    short_help="List remotes.",
    help=help_text("List remotes, the default one marked.", None, "git mlvc remote list"),
)
@json_option
@click.pass_obj
def list_(invocation: Invocation, as_json: bool) -> None:
    workspace = invocation.workspace
    settings = workspace.settings
    rows = [
        {
            "name": place.name,
            "url": without_secrets(place.url),
            "origin": place.origin.value,
            "default": place.name == settings.default_remote,
            "trusted": workspace.places.is_trusted(place),
        }
        for place in workspace.places.for_reading()
    ]
    if as_json:
        invocation.output.json("remotes", {"remotes": rows})
        return
    invocation.output.table(
        ["name", "address", "defined", ""],
        [
            [
                str(row["name"]),
                str(row["url"]),
                str(row["origin"]),
                ", ".join(
                    word
                    for word, holds in (
                        ("default", row["default"]),
                        ("not trusted", not row["trusted"]),
                    )
                    if holds
                ),
            ]
            for row in rows
        ],
    )


@remote.command(
    "remove",
    short_help="Forget a remote.",
    help=help_text(
        "Forget a remote; its data stays where it is.", None, "git mlvc remote remove lab"
    ),
)
@click.argument("name")
@click.pass_obj
def remove(invocation: Invocation, name: str) -> None:
    from git_mlvc.worktree import remotes

    remotes.remove(_definitions(invocation), name)


@remote.command(
    "default",
    short_help="Show or set the remote that pushes go to.",
    help=help_text(
        "Show or set the remote that pushes go to.",
        "A git remote of the same name as a data remote keeps using that one. Exit code 1 when none is set.",
        "git mlvc remote default lab",
    ),
)
@click.argument("name", required=False)
@click.pass_obj
def default(invocation: Invocation, name: str | None) -> int:
    from git_mlvc.worktree import remotes

    where = _definitions(invocation)
    if name is not None:
        remotes.set_default(where, name)
        return ExitCode.OK
    if where.settings.default_remote is None:
        return ExitCode.ANSWER
    invocation.output.line(where.settings.default_remote)
    return ExitCode.OK


@remote.command(
    "trust",
    short_help="Let an address that came with the repository be contacted.",
    help=help_text(
        "Let an address that came with the repository be contacted.",
        "Until then nothing is sent to it and nothing is asked of it. The word is kept per address, in this"
        " clone only.",
        "git mlvc remote trust lab",
    ),
)
@click.argument("name")
@click.pass_obj
def trust(invocation: Invocation, name: str) -> None:
    from git_mlvc.worktree import remotes

    where = _definitions(invocation)
    remotes.trust(where, remotes.find(where, name))
