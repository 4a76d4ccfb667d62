"""`show` and `diff`, made for a subject: metrics or parameters."""

from __future__ import annotations

from typing import Any

import click

from git_mlvc.cli.comparisons import asked, declare, diff, show
from git_mlvc.cli.comparisons.declare import Files, Subject
from git_mlvc.cli.invocation import Invocation

_REVS = "[REV]..."
_WHICH = (
    "REV is any name of git's for a commit, or that of an experiment; `.` is the worktree."
    " Data behind pointers is read from the local store; --fetch looks further."
)


_KINDS = (
    click.option("--all-branches", is_flag=True, help="Of every local branch, and the worktree."),
    click.option("--all-tags", is_flag=True, help="Of every tag, and the worktree."),
)


def _kinds(*, all_branches: bool, all_tags: bool) -> list[str]:
    return [asked.BRANCHES] * all_branches + [asked.TAGS] * all_tags


def show_of(subject: Subject, doc: str, example: str) -> click.Command:
    @declare.command(
        "show",
        f"Show {subject.verb}, of the worktree or of revisions.",
        f"Without REV: of the worktree. {_WHICH}\n\n{doc}",
        example,
    )
    @click.argument("revs", nargs=-1, metavar=_REVS)
    @_KINDS[0]
    @_KINDS[1]
    @click.option(
        "--only-changed",
        is_flag=True,
        help="Of several revisions, only what is not the same in all.",
    )
    @declare.common_options
    def command(
        invocation: Invocation,
        revs: tuple[str, ...],
        all_branches: bool,
        all_tags: bool,
        only_changed: bool,
        paths: tuple[str, ...],
        fetches: bool,
        **forms: Any,
    ) -> int:
        return show.run(
            invocation,
            subject,
            declare.form(**forms),
            revs=revs,
            files=Files(paths, fetches),
            kinds=_kinds(all_branches=all_branches, all_tags=all_tags),
            only_changed=only_changed,
        )

    return command


def diff_of(subject: Subject, doc: str, example: str) -> click.Command:
    @declare.command(
        "diff",
        f"Compare {subject.verb} of two revisions, or of one with the worktree.",
        "Without REV: HEAD and the worktree; with one: that and the worktree; A..B are two, A...B are B and what"
        " it has in common with A. Of more than two, and with --all-branches and --all-tags, the first REV, or"
        " HEAD, is compared with each of the others."
        f" {_WHICH}\n\n{doc}",
        example,
    )
    @click.argument("revs", nargs=-1, metavar=_REVS)
    @_KINDS[0]
    @_KINDS[1]
    @click.option("--all", "shows_all", is_flag=True, help="Also what is the same.")
    @declare.common_options
    def command(
        invocation: Invocation,
        revs: tuple[str, ...],
        all_branches: bool,
        all_tags: bool,
        shows_all: bool,
        paths: tuple[str, ...],
        fetches: bool,
        **forms: Any,
    ) -> int:
        return diff.run(
            invocation,
            subject,
            declare.form(**forms),
            revs=revs,
            files=Files(paths, fetches),
            kinds=_kinds(all_branches=all_branches, all_tags=all_tags),
            shows_all=shows_all,
        )

    return command
