"""`git mlvc remote add`, `remove`, `rename`, `set-url`, `set` and `default`: who is where, and what it is called."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import help_text
from git_mlvc.cli.trust import definitions
from git_mlvc.errors import ExitCode, UsageError
from git_mlvc.settings import Origin, without_secrets
from git_mlvc.units import names_text

if TYPE_CHECKING:
    from git_mlvc.cli.output import Output
    from git_mlvc.git.repository import Repository
    from git_mlvc.settings import RemoteSetting

_private = click.option(
    "--private",
    is_flag=True,
    help="In this clone's git configuration only, not in the tracked mlvc.toml.",
)


@click.command(
    "add",
    short_help="Define a remote.",
    help=help_text(
        "Define a remote, in the tracked mlvc.toml or, with --private, in this clone only.",
        "A path or URL you add yourself is trusted. What holds a secret has to be private. A private remote with the"
        " name of a tracked one takes its place in this clone; nothing of the tracked one counts then.\n\n"
        "A relative path starts at the top of the worktree.",
        "git mlvc remote add lab /nfs/lab/data --default\n"
        "git mlvc remote add cloud s3://bucket/data -o region=eu-central-1",
    ),
)
@click.argument("name")
@click.argument("url")
@click.option(
    "-o",
    "--option",
    "options",
    multiple=True,
    metavar="KEY=VALUE",
    help="An option of this kind of remote; repeat it for several.",
)
@click.option("--default", is_flag=True, help="Let pushes go there.")
@_private
@click.pass_obj
def add(
    invocation: Invocation,
    name: str,
    url: str,
    options: tuple[str, ...],
    default: bool,
    private: bool,
) -> None:
    from git_mlvc.worktree import remotes
    from git_mlvc.worktree.remote_definition import options_of

    where, output = definitions(invocation.workspace), invocation.output
    known = where.settings.remotes.get(name)
    setting = remotes.add(where, name, url, options_of(options), private=private, default=default)
    _tell(output, setting)
    if known is not None:
        output.message(f"in this clone it takes the place of {without_secrets(known.url)}")
    _warn(invocation, setting)
    if not default and where.settings.default_remote is None:
        output.message(f"hint: `git mlvc remote default {name}` lets pushes go there")


@click.command(
    "set-url",
    short_help="Give a remote another address.",
    help=help_text(
        "Give a remote another address.",
        "Its data is not moved: `git mlvc copy` does that.",
        "git mlvc remote set-url lab /nfs/new/data",
    ),
)
@click.argument("name")
@click.argument("url")
@_private
@click.pass_obj
def set_url(invocation: Invocation, name: str, url: str, private: bool) -> None:
    from git_mlvc.worktree import remotes

    setting = remotes.set_url(definitions(invocation.workspace), name, url, private=private)
    _tell(invocation.output, setting)
    _warn(invocation, setting)


@click.command(
    "set",
    short_help="Set options of a remote.",
    help=help_text(
        "Set options of a remote, where it is defined or, with --private, in this clone only.",
        "A private option wins over a tracked one of its name. Secrets have to be private.",
        "git mlvc remote set cloud region=eu-west-1\ngit mlvc remote set cloud profile=me --private",
    ),
)
@click.argument("name")
@click.argument("options", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--unset", multiple=True, metavar="KEY", help="Take an option away; may be repeated.")
@_private
@click.pass_obj
def set_(
    invocation: Invocation,
    name: str,
    options: tuple[str, ...],
    unset: tuple[str, ...],
    private: bool,
) -> None:
    from git_mlvc.worktree import remotes
    from git_mlvc.worktree.remote_definition import option_name, options_of

    if not options and not unset:
        raise UsageError("there is nothing to set", hint=f"git mlvc remote set {name} KEY=VALUE")
    remotes.set_options(
        definitions(invocation.workspace),
        name,
        options_of(options),
        [option_name(key) for key in unset],
        private=private,
    )
    workspace = invocation.reopened()
    setting = workspace.settings.remotes[name]
    _tell(invocation.output, setting)
    if workspace.places.is_trusted(setting):
        _warn(invocation, setting)
    else:
        invocation.output.message(f"hint: `git mlvc remote trust {name}` lets it be contacted")


@click.command(
    "remove",
    short_help="Forget a remote.",
    help=help_text(
        "Forget a remote; its data stays where it is.",
        "With --private, forget only what this clone adds to a tracked remote or puts in its place.",
        "git mlvc remote remove lab",
    ),
)
@click.argument("name")
@_private
@click.pass_obj
def remove(invocation: Invocation, name: str, private: bool) -> None:
    from git_mlvc.worktree import remotes

    where = definitions(invocation.workspace)
    remotes.remove(where, name, private=private)
    left = invocation.reopened().settings.remotes.get(name)
    if left is not None:
        _tell(invocation.output, left)
        return
    routes = remotes.routes_to(where, name)
    if routes:
        shown = names_text(routes, most=3, noun="pattern")
        invocation.output.message(
            f"warning: mlvc.toml still sends data there: {shown}\n"
            f"hint: change `remote` in [track.\"{routes[0]}\"], or add a remote '{name}' again"
        )


@click.command(
    "rename",
    short_help="Give a remote another name.",
    help=help_text(
        "Give a remote another name, wherever it is named: in both places, as the default, in routes.",
        None,
        "git mlvc remote rename lab archive",
    ),
)
@click.argument("old")
@click.argument("new")
@click.pass_obj
def rename(invocation: Invocation, old: str, new: str) -> None:
    from git_mlvc.worktree import remotes

    remotes.rename(definitions(invocation.workspace), old, new)


@click.command(
    "default",
    short_help="Show or set the remote that pushes go to.",
    help=help_text(
        "Show or set the remote that pushes go to.",
        "A git remote of the same name as a data remote keeps using that one. Exit code 1 when none is set.",
        "git mlvc remote default lab",
    ),
)
@click.argument("name", required=False)
@click.option("--unset", is_flag=True, help="Let pushes go beside the git remote again.")
@_private
@click.pass_obj
def default(invocation: Invocation, name: str | None, unset: bool, private: bool) -> int:
    from git_mlvc.worktree import remotes

    where = definitions(invocation.workspace)
    if unset and name is not None:
        raise UsageError("a NAME or --unset, not both")
    if unset:
        return ExitCode.OK if remotes.unset_default(where) else ExitCode.ANSWER
    if name is not None:
        remotes.set_default(where, name, private=private)
        return ExitCode.OK
    if where.settings.default_remote is None:
        return ExitCode.ANSWER
    invocation.output.line(where.settings.default_remote)
    return ExitCode.OK


def _tell(output: Output, setting: RemoteSetting) -> None:
    from git_mlvc.cli.remotes.listing import options_text

    options = options_text(setting.options)
    shown = f"{without_secrets(setting.url)} {options}".rstrip()
    output.line(f"remote {setting.name}: {shown} (in {setting.origin.value})")


def _warn(invocation: Invocation, setting: RemoteSetting) -> None:
    """Say what a person may not have meant: a path that nobody else has, one from elsewhere, what cannot be opened."""
    from git_mlvc.backend.address import local_path, scheme_of
    from git_mlvc.errors import ConfigError

    workspace, output = invocation.reopened(), invocation.output
    home = invocation.environment.get("HOME", "")
    path = local_path(workspace.places.absolute_url(setting.url))
    is_own = setting.url.startswith("~") or (
        home not in ("", os.sep) and path is not None and path.is_relative_to(home)
    )
    if is_own and setting.origin is Origin.TRACKED:
        output.message(
            f"warning: {setting.url} is below your home, and everybody who clones reads it in mlvc.toml\n"
            f"hint: `git mlvc remote remove {setting.name}`, then add it with --private"
        )
    if path is not None and scheme_of(setting.url) is None and setting.url[:1] not in "/~":
        output.message(
            f"it is {os.path.realpath(path)}: relative paths start at the top of the worktree"
        )
    if path is not None and _is_tracked_ground(workspace.repository, path):
        output.message(
            f"warning: {setting.url} is in the worktree, and `git add` would add what is there to git\n"
            f"hint: choose a directory beside it: git mlvc remote set-url {setting.name} PATH"
        )
    try:
        workspace.driver(workspace.settings.remotes[setting.name]).close()
    except ConfigError as wrong:
        output.message(f"warning: it cannot be used here yet: {wrong}")
        if wrong.hint:
            output.message(f"hint: {wrong.hint}")


def _is_tracked_ground(repo: Repository, path: Path) -> bool:
    """True for the worktree and all below it, but for git's own directory."""
    # realpath, and not resolve: that takes offence at links in a circle.
    real, git_dir = os.path.realpath(path), os.path.realpath(repo.common_dir)
    if repo.worktree is None or Path(real).is_relative_to(git_dir):
        return False
    return Path(real).is_relative_to(os.path.realpath(repo.worktree))
