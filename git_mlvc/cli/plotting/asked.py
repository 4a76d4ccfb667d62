"""What was typed after `git mlvc plots`: revisions, stages and files, and how to draw them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from git_mlvc.errors import ExitCode, InputError, MlvcError, UsageError
from git_mlvc.pipeline.model import Out, PipelineError
from git_mlvc.repo_path import RepoPath

if TYPE_CHECKING:
    from git_mlvc.cli.invocation import Invocation
    from git_mlvc.pipeline.revision import At, Revisions
    from git_mlvc.plots.definition import Definition
    from git_mlvc.plots.gather import Gathered

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Asked:
    """`words`: revisions, stages and paths as they were typed; `paths`: those of `--path`. `steps`: of a series of images."""

    words: tuple[str, ...]
    paths: tuple[str, ...] = ()
    x: str = ""
    y: tuple[str, ...] = ()
    template: str = ""
    title: str = ""
    steps: int | None = None

    def adjust(self, definition: Definition) -> Definition:
        """Return what is to be drawn: what was typed, else what is written in the stage file."""
        template, x, y = self.template, self.x, self.y
        if template and not x and not y and template != definition.template:
            return replace(definition, template=template, title=self.title or definition.title)
        return replace(
            definition,
            x=x or definition.x,
            y=y or definition.y,
            x_label="" if x else definition.x_label,
            y_label="" if y else definition.y_label,
            template=template or definition.template,
            title=self.title or definition.title,
        )


def options(function: Function) -> Function:
    """The arguments that say what is drawn, and how."""
    for option in reversed(
        [
            click.argument("words", nargs=-1, metavar="[REV | STAGE | PATH]..."),
            click.option(
                "--path",
                "paths",
                multiple=True,
                metavar="PATH",
                help="This file, or all in this directory, whether a stage declares it or not. Repeatable.",
            ),
            click.option("-x", "x", default="", metavar="COLUMN", help="What goes to the right."),
            click.option(
                "-y", "y", multiple=True, metavar="COLUMN", help="What goes up. Repeatable."
            ),
            click.option(
                "--template",
                default="",
                metavar="NAME|FILE",
                help="line, scatter, bar, confusion, confusion_normalized, or a Vega-Lite file of your own.",
            ),
            click.option("--title", default="", help="What stands above the plot."),
            click.option(
                "--steps",
                type=click.IntRange(1),
                metavar="N",
                help="Of images called by their steps, show so many steps on the page; else as many as 20 MB hold.",
            ),
        ]
    ):
        function = option(function)
    return function


def gathered(
    invocation: Invocation,
    asked: Asked,
    default: Sequence[str | None],
    *,
    at_least_two: bool = False,
    with_steps: bool = False,
) -> tuple[Gathered, dict[str, str]]:
    """Return what is to be shown, and the commits of the revisions by what these are called.

    `default`: the revisions where none is asked for; with `at_least_two`, the worktree stands beside a single one.
    With `with_steps`, images by step are read, not their last only. Raises UsageError, InputError, ConfigError.
    """
    from git_mlvc.cli import namesakes
    from git_mlvc.pipeline.revision import Revisions
    from git_mlvc.plots import gather
    from git_mlvc.plots.picture_series import Wanted
    from git_mlvc.worktree.selection import Selection

    workspace = invocation.workspace
    with Revisions(workspace.repository, workspace.store) as revisions:
        views, names = _views(
            revisions, [part for word in asked.words for part in _range(invocation, word)]
        )
        if not views:
            views = [revisions.at(rev) for rev in default]
        elif at_least_two and len(views) == 1:
            views.append(revisions.at(None))
        paths = [_path(raw) for raw in Selection.parse(asked.paths, invocation.prefix).patterns]
        chosen, more = _chosen(views, names, invocation)
        found = gather.gather(
            views,
            paths=[*paths, *more],
            is_wanted=(lambda path, out: out.path in chosen) if chosen else None,
            adjust=asked.adjust,
            series_steps=Wanted(asked.steps) if with_steps else None,
        )
        namesakes.tell(invocation.output, revisions)
    if not found.figures and not found.errors:
        raise _nothing(views)
    return found, {view.name: view.commit for view in views if view.commit}


def _views(revisions: Revisions, words: Iterable[str]) -> tuple[list[At], list[str]]:
    """Return the words that name revisions as these, each once, and the others as they are."""
    views: dict[str, At] = {}
    others = []
    for word in words:
        try:
            view = revisions.at(None if word == "." else word)
        except UsageError:
            others.append(word)
        else:
            views.setdefault(view.name, view)
    return list(views.values()), others


def _range(invocation: Invocation, word: str) -> list[str]:
    """Return both ends of A..B and A...B; anything else, a path with `..` in it too, as it is."""
    from git_mlvc.cli.comparisons.asked import ends

    old, _, new = word.partition("..")
    new = new.removeprefix(".")
    is_range = old and new and not new.startswith(".") and "/" not in (old[-1:], new[:1])
    return ends(invocation, word) if is_range else [word]


def _chosen(
    views: Sequence[At], names: Sequence[str], invocation: Invocation
) -> tuple[set[RepoPath], list[RepoPath]]:
    """Return the plots of the stages that are named, and the paths that are. Raises UsageError."""
    from git_mlvc.worktree.selection import Selection

    outs: set[RepoPath] = set()
    paths: list[RepoPath] = []
    for name in names:
        of_stage = _plots_of_stage(views, name, invocation)
        if of_stage is not None:
            outs |= of_stage
            continue
        path = _path(Selection.parse([name], invocation.prefix).patterns[0])
        if not any(view.exists(path) for view in views) and not _is_declared(views, path):
            raise _unknown(name, views)
        paths.append(path)
    return outs, paths


def _plots_of_stage(views: Sequence[At], name: str, invocation: Invocation) -> set[RepoPath] | None:
    """Return the plots of a stage in all views; None if there is none of that name."""
    from git_mlvc.pipeline.model import OutKind

    folder = _folder(invocation)
    found: set[RepoPath] | None = None
    for view in views:
        try:
            graph = view.pipeline().graph
            addresses = graph.resolve([name], folder)
        except PipelineError:
            continue
        except MlvcError:
            if len(views) == 1:
                raise
            continue  # told by whoever looks for its plots
        outs = [out for address in addresses for out in graph[address].outs]
        found = (found or set()) | {out.path for out in outs if out.kind is OutKind.PLOT}
    if found == set():
        raise InputError(f"stage '{name}' declares no plots", hint=f"git mlvc stage list {name}")
    return found


def _folder(invocation: Invocation) -> RepoPath | None:
    from git_mlvc.pipeline import stage_commands

    if invocation.workspace.repository.worktree is None:
        return None
    return stage_commands.folder_of(invocation.workspace.repository, invocation.cwd)


def _is_declared(views: Sequence[At], path: RepoPath) -> bool:
    return any(path in (at, out.path) for view in views for at, out in _files(view))


def _files(view: At) -> list[tuple[RepoPath, Out]]:
    try:
        return view.plot_files()
    except MlvcError:
        return []  # told by whoever draws them


def _path(raw: bytes) -> RepoPath:
    if not raw:
        raise UsageError("all of the repository is no plot", hint="name a file, or a directory")
    return RepoPath(raw)


def _unknown(name: str, views: Sequence[At]) -> UsageError:
    from git_mlvc.nearest import nearest

    known = [str(path) for view in views for path, _ in _files(view)]
    for view in views:
        try:
            known += [stage.address.partition("@")[0] for stage in view.pipeline().stages]
        except MlvcError:
            continue
    near = nearest(name, known)
    return UsageError(
        f"'{name}' is neither a revision, nor a stage, nor a file",
        hint=f"did you mean '{near}'?" if near else "git mlvc plots show -h",
    )


def _nothing(views: Sequence[At]) -> InputError:
    where = " or ".join("the worktree" if view.rev is None else view.name for view in views)
    return InputError(
        f"there are no plots in {where}",
        why="no stage declares `plots`, and there is no directory plots/",
        hint="git mlvc plots show --path FILE.csv draws any table",
    )


def details(invocation: Invocation, commits: Mapping[str, str]) -> dict[str, str]:
    """Return the short name and subject of each revision's commit, with one git process."""
    if not commits:
        return {}
    said = invocation.workspace.repository.git.run(
        "log", "--no-walk=unsorted", "--format=%H%x00%h  %s", *dict.fromkeys(commits.values()), "--"
    ).stdout.decode("utf-8", "replace")
    known = dict(line.split("\0", 1) for line in said.splitlines() if "\0" in line)
    return {name: known.get(commit, commit[:10]) for name, commit in commits.items()}


def exit_code(invocation: Invocation, found: Gathered) -> int:
    """Tell what could not be shown; the rest was."""
    for error in found.errors:
        invocation.output.error(error.what, why=error.why, hint=error.hint)
    if not found.errors:
        return ExitCode.OK
    codes = {error.exit_code for error in found.errors}
    return codes.pop() if len(codes) == 1 else ExitCode.INPUT
