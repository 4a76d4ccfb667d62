"""The verbs git calls: declared here for their help; `cli/git_calls.py` runs them."""

from __future__ import annotations

import click

from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import verb


def _run(invocation: Invocation, name: str, *arguments: str) -> int:
    from git_mlvc.cli import git_calls

    return git_calls.VERBS[name](invocation, list(arguments))


def _words(skip_smudge: bool) -> list[str]:
    return ["--skip-smudge"] if skip_smudge else []


_skip_smudge = click.option("--skip-smudge", is_flag=True, help="Hand out pointers as they are.")


@verb("filter-process", example='git config filter.mlvc.process "git-mlvc filter-process"')
@_skip_smudge
def filter_process(invocation: Invocation, skip_smudge: bool) -> int:
    """`git mlvc install` writes this into git's configuration; git starts it when it needs it."""
    return _run(invocation, "filter-process", *_words(skip_smudge))


@verb("clean", example="git mlvc clean data/train.bin < data/train.bin")
@click.argument("path", required=False)
def clean(invocation: Invocation, path: str | None) -> int:
    """Stores the content and writes its pointer to standard output."""
    return _run(invocation, "clean", *([path] if path else []))


@verb("smudge", example="git cat-file blob HEAD:data/train.bin | git mlvc smudge data/train.bin")
@_skip_smudge
@click.argument("path", required=False)
def smudge(invocation: Invocation, skip_smudge: bool, path: str | None) -> int:
    """Writes the content that a pointer names to standard output; what is no pointer as it is."""
    return _run(invocation, "smudge", *_words(skip_smudge), *([path] if path else []))


@verb("hook", example="git mlvc hook post-index-change 1 0")
@click.argument("name")
@click.argument("arguments", nargs=-1)
def hook(invocation: Invocation, name: str, arguments: tuple[str, ...]) -> int:
    """The shims in the hooks directory call this when there is something to do."""
    return _run(invocation, "hook", name, *arguments)


@verb(
    "merge-driver",
    example='git config merge.mlvc.driver "git-mlvc merge-driver %O %A %B %L %P %S %X %Y"',
)
@click.argument("arguments", nargs=-1, metavar="BASE OURS THEIRS [MARKER_SIZE [PATH [LABEL]...]]")
def merge_driver(invocation: Invocation, arguments: tuple[str, ...]) -> int:
    """Writes the result over OURS. Exit code 1 when it is a conflict.

    Different pointers are a conflict that leaves OURS in place; `mlvc.lock` is merged stage by stage, without
    conflicts; everything else is merged as text, by `git merge-file`.
    """
    return _run(invocation, "merge-driver", *arguments)
