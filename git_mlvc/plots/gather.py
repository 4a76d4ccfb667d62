"""Which plots there are in some revisions, and what each of them shows there.

Files are read, and drawn as charts or shown as images; what is wrong with one file does not keep the others away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from git_mlvc.errors import InputError, MlvcError
from git_mlvc.pipeline.model import Out
from git_mlvc.plots import picture, reading, series
from git_mlvc.plots.chart import Chart
from git_mlvc.plots.definition import Definition
from git_mlvc.plots.picture import Picture
from git_mlvc.plots.table import Table
from git_mlvc.repo_path import RepoPath


class View(Protocol):
    """A revision, or the worktree: `pipeline.revision.At`."""

    @property
    def name(self) -> str: ...
    def read(self, path: RepoPath) -> bytes | None:
        """Return what a file holds; None if there is none. Raises MlvcError."""
        ...

    def exists(self, path: RepoPath) -> bool: ...
    def below(self, path: RepoPath) -> list[RepoPath]: ...
    def plot_files(self) -> list[tuple[RepoPath, Out]]: ...


@dataclass(frozen=True, slots=True)
class Figure:
    """What one file shows: charts of its tables, or its images by revision. `missing`: where it is not."""

    path: RepoPath
    title: str
    charts: tuple[Chart, ...] = ()
    pictures: Mapping[str, Picture] | None = None
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gathered:
    """`errors`: what could not be shown, and why; all else could."""

    revisions: tuple[str, ...]
    figures: tuple[Figure, ...]
    errors: tuple[MlvcError, ...]


Adjust = Callable[[Definition], Definition]
"""What the command line says instead of the stage file."""


def gather(
    views: Sequence[View],
    *,
    paths: Sequence[RepoPath] = (),
    is_wanted: Callable[[RepoPath, Out], bool] | None = None,
    adjust: Adjust = lambda definition: definition,
) -> Gathered:
    """Return the plots of all views: those that stages declare, or the default ones, and the files of `paths`.

    Where only `paths` are given and no `is_wanted`, these alone. What the first view says of a plot counts.
    """
    errors: list[MlvcError] = []
    definitions: dict[RepoPath, Definition] = {}
    declared = _declared(views, errors)
    for path, out in declared.items():
        is_asked = any(path == asked or _is_below(path, asked) for asked in paths)
        is_chosen = is_wanted(path, out) if is_wanted is not None else not paths
        if is_asked or is_chosen:
            definitions[path] = adjust(Definition.of(path.text, out.options))
    for asked in paths:
        inside = dict.fromkeys(path for view in views for path in view.below(asked))
        for path in inside or [asked]:
            definitions.setdefault(path, adjust(Definition(path.text)))
    figures = []
    for path, definition in definitions.items():
        is_single = path in paths or (path in declared and not _is_below(path, declared[path].path))
        figure = _figure(path, definition, views, errors, is_single=is_single)
        if figure is not None:
            figures.append(figure)
    return Gathered(tuple(view.name for view in views), tuple(figures), tuple(errors))


def _declared(views: Sequence[View], errors: list[MlvcError]) -> dict[RepoPath, Out]:
    found: dict[RepoPath, Out] = {}
    for view in views:
        try:
            files = view.plot_files()
        except MlvcError as exc:
            if len(views) == 1:
                raise
            errors.append(InputError(f"{view.name}: {exc.what}", why=exc.why, hint=exc.hint))
            continue
        for path, out in files:
            found.setdefault(path, out)
    return found


def _is_below(path: RepoPath, above: RepoPath) -> bool:
    return path.raw.startswith(above.raw + b"/")


def _figure(
    path: RepoPath,
    definition: Definition,
    views: Sequence[View],
    errors: list[MlvcError],
    *,
    is_single: bool,
) -> Figure | None:
    """Return what a file shows; None where it shows nothing: then `errors` say why.

    A file of a directory that is neither table nor image is no plot, and that is no error.
    """
    shown = str(path)
    is_picture = picture.is_picture(shown)
    if not is_single and not is_picture and not reading.is_table(shown):
        return None
    missing = []
    tables: dict[str, Table] = {}
    pictures: dict[str, Picture] = {}
    failed = False
    for view in views:
        name = f"{shown} ({view.name})" if len(views) > 1 else shown
        try:
            data = view.read(path)
            if data is None:
                missing.append(view.name)
            elif is_picture:
                pictures[view.name] = picture.picture(data, name)
            else:
                tables[view.name] = _table(data, shown, name)
        except MlvcError as exc:
            failed = True
            errors.append(exc)
    title = definition.title or shown
    if is_picture and pictures:
        return Figure(path, title, pictures=pictures, missing=tuple(missing))
    if not tables:
        if not failed:
            errors.append(_nowhere(shown, views))
        return None
    try:
        charts = _charts(replace(definition, path=shown), tables, views)
    except MlvcError as exc:
        errors.append(exc)
        return None
    return Figure(path, title, tuple(charts), missing=tuple(missing))


def _table(data: bytes, shown: str, name: str) -> Table:
    """As `reading.table`, but a mistake is told with the revision that it is in."""
    try:
        return reading.table(data, shown)
    except InputError as exc:
        what = exc.what.replace(shown, name, 1)
        raise InputError(what, why=exc.why, hint=exc.hint) from exc


def _charts(
    definition: Definition, tables: Mapping[str, Table], views: Sequence[View]
) -> list[Chart]:
    series.check_template(definition.template, definition.path)
    text = ""
    if definition.own_template:
        text = _template(definition, views)
    return series.charts(definition, tables, text)


def _template(definition: Definition, views: Sequence[View]) -> str:
    try:
        path = RepoPath.parse(definition.own_template)
    except ValueError as exc:
        raise InputError(
            f"{definition.path}: there is no template {definition.own_template}",
            why="a template is a file of the repository, named from its top",
        ) from exc
    for view in views:
        data = view.read(path)
        if data is not None:
            return data.decode("utf-8-sig", "replace")
    raise _no_template(definition, views)


def _no_template(definition: Definition, views: Sequence[View]) -> InputError:
    where = " or ".join(view.name for view in views)
    return InputError(
        f"{definition.path}: there is no template {definition.own_template}",
        why=f"no such file in {where}",
        hint="templates are named from the top of the repository",
    )


def _nowhere(shown: str, views: Sequence[View]) -> InputError:
    where = " or ".join("the worktree" if one.name == "worktree" else one.name for one in views)
    return InputError(
        f"{shown} is not there",
        why=f"no such file in {where}",
        hint="git mlvc repro makes what stages declare",
    )
