"""`git mlvc exp diff`: what differs between two experiments: parameters, metrics, files."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from git_mlvc.cli import namesakes
from git_mlvc.cli.comparisons import asked, markdown
from git_mlvc.cli.comparisons import diff as comparison
from git_mlvc.cli.comparisons.declare import MARKDOWN, TABLE, Form, Subject
from git_mlvc.cli.experiments.declare import subcommand
from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import json_option
from git_mlvc.errors import ExitCode, UsageError
from git_mlvc.units import count_text

if TYPE_CHECKING:
    from git_mlvc.cli.output import Output
    from git_mlvc.experiments.changed_files import ChangedFile
    from git_mlvc.experiments.values_at import Reading
    from git_mlvc.pipeline.revision import At, Revisions
    from git_mlvc.repo_path import RepoPath

_MOST_FILES = 20


def _params(at: At, paths: Sequence[RepoPath]) -> Reading:
    from git_mlvc.experiments import values_at

    return values_at.params(at, paths)


def _metrics(at: At, paths: Sequence[RepoPath]) -> Reading:
    from git_mlvc.experiments import values_at

    return values_at.metrics(at, paths)


_SUBJECTS = (Subject("params", "param", _params, ""), Subject("metrics", "metric", _metrics, ""))


@subcommand(
    "diff",
    example="""\
    git mlvc exp diff main brisk-otter
    git mlvc exp diff brisk-otter calm-owl --md
    git mlvc exp diff brisk-otter              # with the worktree""",
)
@click.argument("revs", nargs=-1, metavar="[A] [B]")
@click.option("--all", "shows_all", is_flag=True, help="Also values that are the same.")
@json_option
@click.option("--md", "as_md", is_flag=True, help="Answer in Markdown, for a pull request.")
def diff(
    invocation: Invocation, revs: tuple[str, ...], shows_all: bool, as_json: bool, as_md: bool
) -> int:
    """A and B are experiments, or any names of git's for commits; `.` is the worktree. Without B: A and the worktree;
    without both: HEAD and the worktree. Shows parameters, metrics with direction and percentage, and which
    files differ; better or worse is told where the stage has a goal. Git shows the files themselves.
    """
    from git_mlvc.experiments import changed_files
    from git_mlvc.pipeline.revision import Revisions

    if as_json and as_md:
        raise UsageError("--json and --md exclude each other")
    workspace, output = invocation.workspace, invocation.output
    old_rev, new_rev = asked.pair(invocation, "exp", revs)
    with Revisions(workspace.repository, workspace.store) as revisions:
        old, new = revisions.at(old_rev), revisions.at(new_rev)
        namesakes.tell(output, revisions)
        found = [
            comparison.compared(one, one.read(old, ()), one.read(new, ()), shows_all=shows_all)
            for one in _SUBJECTS
        ]
        command = _command(revisions, old, new)
    files = changed_files.between(workspace.repository, old.commit, new.commit)
    if as_json:
        parts = {
            one.verb: comparison.fields(part) for one, part in zip(_SUBJECTS, found, strict=True)
        }
        output.json("exp-diff", {**parts, "files": files})
        return ExitCode.OK
    form = Form(MARKDOWN if as_md else TABLE)
    for subject, part in zip(_SUBJECTS, found, strict=True):
        if part.changed:
            comparison.show(output, subject, form, part)
            output.line()
    _show_files(output, files, is_marked=as_md)
    _tell(output, found)
    if not files and not any(part.changed for part in found):
        output.message(f"nothing differs between {old.name} and {new.name}")
    elif files and not as_md:
        output.message(f"hint: {command}")
    return ExitCode.OK


def _show_files(output: Output, files: Sequence[ChangedFile], *, is_marked: bool) -> None:
    if not files:
        return
    shown = files[:_MOST_FILES]
    more = len(files) - len(shown)
    if is_marked:
        output.line(f"{count_text(len(files), 'file')} differ{'s' if len(files) == 1 else ''}:\n")
        for one in shown:
            output.line(f"- {one.status}: {markdown.escaped(str(one.path))}")
        if more:
            output.line(f"- and {more:,} more")
        return
    for one in shown:
        output.line(f"{one.status:<10}{one.path}")
    if more:
        output.line(f"and {count_text(more, 'more file')}")


def _tell(output: Output, found: Sequence[comparison.Comparison]) -> None:
    """Say what could not be read: what is not known is not taken for the same."""
    told: dict[str, None] = {}
    for part in found:
        for reading in (part.old, part.new):
            told |= dict.fromkeys(f"{reading.name}: {failure}" for failure in reading.failures)
    output.flush()
    for text in told:
        output.message(text)


def _command(revisions: Revisions, old: At, new: At) -> str:
    """Return the git command that shows the files; it knows experiments by the end of their ref."""
    from git_mlvc.experiments.refs import ref_of

    names = []
    for rev in (old.rev, new.rev):
        if rev is not None:
            is_known = revisions.reader.commit(rev) is not None
            names.append(rev if is_known else ref_of(rev).removeprefix("refs/"))
    turned = " -R" if old.rev is None else ""
    return f"git diff{turned} {' '.join(map(shlex.quote, names))}"
