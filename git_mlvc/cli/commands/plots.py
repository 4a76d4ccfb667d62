"""`git mlvc plots`: tables and images of any revision, drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import help_text, json_option
from git_mlvc.cli.plotting import answers, asked
from git_mlvc.cli.registry import VERBS

Function = TypeVar("Function", bound=Callable[..., Any])

_WHAT = (
    "REV is any name of a commit, or an experiment's; `.` is the worktree, A..B are two, A...B are B and what it has in common with A. STAGE and PATH limit it to plots of a stage, or to a file or a"
    " directory; a file that no stage declares is drawn by its columns. Without any, all that stages declare as"
    " `plots` are drawn, or what is in the directory plots/ where none declares any."
)
_HOW = (
    "Without --out, --open, --png and --svg it draws into the terminal. The page holds all that it shows: it can be"
    " sent by mail and needs no network (docs/guide/plots.md)."
)


def _ways(function: Function) -> Function:
    for option in reversed(
        [
            click.option(
                "--out", metavar="FILE.html", help="Write one page that needs no network."
            ),
            click.option(
                "--open",
                "is_opened",
                is_flag=True,
                help="Show the page in the browser. Without --out it is kept in the git directory.",
            ),
            click.option("--png", metavar="DIR", help="Write a PNG file for each chart."),
            click.option("--svg", metavar="DIR", help="Write an SVG file for each chart."),
            json_option,
        ]
    ):
        function = option(function)
    return function


@click.group(
    "plots",
    short_help=VERBS["plots"].summary,
    help=help_text(
        VERBS["plots"].summary,
        "Lines over steps, points, bars, confusion matrices and images, of several revisions over or beside each"
        " other.",
        "git mlvc plots diff\ngit mlvc plots show --out plots.html",
    ),
)
def plots() -> None:
    pass


@plots.command(
    "show",
    short_help="Draw the plots of the worktree, or of revisions.",
    help=help_text(
        "Draw the plots of the worktree, or of revisions.",
        f"{_WHAT}\n\n{_HOW}",
        "git mlvc plots show\ngit mlvc plots show train --open\ngit mlvc plots show v1.0 v2.0 --png report\n"
        "git mlvc plots show --path history.csv -x step -y loss",
    ),
)
@asked.options
@_ways
@click.pass_obj
def show(invocation: Invocation, /, **typed: Any) -> int:
    default = None if invocation.workspace.repository.worktree is not None else "HEAD"
    return _run(invocation, [default], **typed)


@plots.command(
    "diff",
    short_help="Draw what has changed: HEAD and the worktree, or revisions, in one plot.",
    help=help_text(
        "Draw what has changed: HEAD and the worktree, or revisions, in one plot.",
        f"One REV is compared with the worktree. {_WHAT}\n\n{_HOW}",
        "git mlvc plots diff\ngit mlvc plots diff main --open\ngit mlvc plots diff brave-otter calm-heron train",
    ),
)
@asked.options
@_ways
@click.pass_obj
def diff(invocation: Invocation, /, **typed: Any) -> int:
    return _run(invocation, ["HEAD", None], at_least_two=True, **typed)


def _run(
    invocation: Invocation,
    default: list[str | None],
    *,
    words: tuple[str, ...],
    paths: tuple[str, ...],
    x: str,
    y: tuple[str, ...],
    template: str,
    title: str,
    steps: int | None,
    out: str | None,
    is_opened: bool,
    png: str | None,
    svg: str | None,
    as_json: bool,
    at_least_two: bool = False,
) -> int:
    wanted = answers.Wanted(out, is_opened, png, svg, as_json)
    wanted.check()
    what = asked.Asked(words, paths, x, y, template, title, steps)
    found, commits = asked.gathered(
        invocation,
        what,
        default,
        at_least_two=at_least_two,
        with_steps=wanted.has_page or steps is not None,
    )
    return answers.answer(invocation, found, commits, wanted)
