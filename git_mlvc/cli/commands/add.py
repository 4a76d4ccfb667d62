"""`git mlvc add`: as `git add`, without git's pipe to the filter."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import json_option, verb

if TYPE_CHECKING:
    from git_mlvc.git.add_arguments import AddArguments
    from git_mlvc.worktree.add import AddReport

_JSON = "--json"


@verb("add", example="git mlvc add data\ngit mlvc add -A", takes_any_option=True)
@click.argument("words", nargs=-1, metavar="[OPTION OF GIT ADD | PATH]...", type=click.UNPROCESSED)
@json_option
def add(invocation: Invocation, words: tuple[str, ...], as_json: bool) -> int:
    """The same files are staged, with the same result and the same messages: all options of `git add` are
    understood. Data files are read by several threads and handed to git at once; git does the rest. Plain
    `git add` stays as good as this, for any number of files that you do not have to wait for.

    A damaged stub (`git mlvc status` shows those) is refused, and then nothing is added. Exit codes are
    those of `git add`, or ours.
    """
    from git_mlvc.git import add_arguments

    typed = _without_json(invocation.argv[1:])
    arguments = add_arguments.parse(typed)
    standard_input = None
    if arguments is not None and arguments.pathspec_file is not None:
        arguments, standard_input = _with_file(invocation, arguments)
    workspace = invocation.workspace_if_any
    if arguments is None or workspace is None or workspace.repository.worktree is None:
        return invocation.git_anywhere.hand_over("add", *typed, input=standard_input)
    report = _add(invocation, arguments, typed, standard_input, as_json)
    if as_json:
        invocation.output.json("add", {"added": report})
    return report.code


def _add(
    invocation: Invocation,
    arguments: AddArguments,
    typed: list[str],
    standard_input: bytes | None,
    is_quiet: bool,
) -> AddReport:
    import os

    from git_mlvc.filter import rooms
    from git_mlvc.filter.clean import Cleaner
    from git_mlvc.hooks.install import ensure_installed
    from git_mlvc.worktree.add import Adding

    workspace, output = invocation.workspace, invocation.output

    def open_cleaner() -> Cleaner:
        """What the filter does when git starts it."""
        repo, git = workspace.repository, workspace.git
        ensure_installed(repo, git, invocation.launcher, invocation.environment)
        session = workspace.store.session()  # one for all threads
        return rooms.cleaner(workspace, output.message, open_session=lambda: session)

    def told(path: bytes) -> None:
        if not is_quiet:
            output.line(f"add '{os.fsdecode(path)}'")

    adding = Adding(
        repo=workspace.repository,
        git=workspace.git,
        config=workspace.config,
        words=typed,
        arguments=arguments,
        open_cleaner=open_cleaner,
        progress=output.progress,
        jobs=lambda: workspace.settings.jobs,
        standard_input=standard_input,
        is_quiet=is_quiet,
        told=told,
        flush=output.flush,
    )
    return adding.run()


def _without_json(words: tuple[str, ...]) -> list[str]:
    """Return what is meant for git, `--` included, which click would take for its own."""
    end = words.index("--") if "--" in words else len(words)
    return [word for word in words[:end] if word != _JSON] + list(words[end:])


def _with_file(
    invocation: Invocation, arguments: AddArguments
) -> tuple[AddArguments | None, bytes | None]:
    """Read the pathspecs; standard input, which can be read only once, is returned for git."""
    name = arguments.pathspec_file
    assert name is not None
    if name == "-":
        data = sys.stdin.buffer.read()
        return arguments.with_pathspecs_of(data), data
    try:
        return arguments.with_pathspecs_of((invocation.cwd / name).read_bytes()), None
    except OSError:  # git says what is wrong with it
        return None, None
