"""Which plots there are in some revisions, and what each of them shows there.

Files are read, and drawn as charts or shown as images; what is wrong with one file does not keep the others away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from git_mlvc.errors import InputError, MlvcError
from git_mlvc.pipeline.model import Out
from git_mlvc.plots import picture, picture_series, reading, series
from git_mlvc.plots.chart import Chart
from git_mlvc.plots.definition import Definition
from git_mlvc.plots.picture import Picture
from git_mlvc.plots.picture_series import Frame, Wanted
from git_mlvc.plots.table import Table
from git_mlvc.repo_path import RepoPath
from git_mlvc.units import size_text

MAX_IMAGES_BYTES = 100_000_000


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
    """What one file shows: charts of its tables, or its images by revision. `missing`: where it is not.

    Of a directory of images that are called by their steps, `pictures` are the last of each revision, and `frames`
    what is shown of its steps where that was asked for.
    """

    path: RepoPath
    title: str
    charts: tuple[Chart, ...] = ()
    pictures: Mapping[str, Picture] | None = None
    missing: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    frames: tuple[Frame, ...] = ()


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
    series_steps: Wanted | None = None,
) -> Gathered:
    """Return the plots of all views: those that stages declare, or the default ones, and the files of `paths`.

    Where only `paths` are given and no `is_wanted`, these alone. What the first view says of a plot counts.
    `series_steps`: how many steps of a series of images are read; None: the last of each view.
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
    single = {
        path
        for path in definitions
        if path in paths or (path in declared and not _is_below(path, declared[path].path))
    }
    reader = _Reading(views, errors)
    figures = []
    for folder, steps in picture_series.by_folder(definitions, single).items():
        if steps:
            figures.append(reader.series(folder, steps, series_steps))
        else:
            is_single = folder in single
            figures.append(reader.figure(folder, definitions[folder], is_single=is_single))
    shown = tuple(figure for figure in figures if figure is not None)
    return Gathered(tuple(view.name for view in views), shown, tuple(errors))


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


class _Reading:
    """Reads the files of all views; what is wrong goes to `errors`."""

    def __init__(self, views: Sequence[View], errors: list[MlvcError]) -> None:
        self._views = views
        self._errors = errors
        self._room_bytes = MAX_IMAGES_BYTES

    def figure(self, path: RepoPath, definition: Definition, *, is_single: bool) -> Figure | None:
        """Return what a file shows; None where it shows nothing: then `errors` say why.

        A file of a directory that is neither table nor image is no plot, and that is no error.
        """
        shown = str(path)
        title = definition.title or shown
        if picture.is_picture(shown):
            return self._pictures(path, title)
        if not is_single and not reading.is_table(shown):
            return None
        tables: dict[str, Table] = {}
        missing = self._each(
            path,
            lambda data, view: tables.update(
                {view.name: _table(data, shown, self._named(shown, view))}
            ),
        )
        if not tables:
            return None
        try:
            charts = _charts(replace(definition, path=shown), tables, self._views)
        except MlvcError as exc:
            self._errors.append(exc)
            return None
        return Figure(path, title, tuple(charts), missing=missing)

    def series(
        self, folder: RepoPath, steps: Sequence[tuple[int, RepoPath]], wanted: Wanted | None
    ) -> Figure | None:
        """Return the image of the last step that each view has, and the steps that are wanted; None: no more."""
        by_view = {
            view.name: {step: path for step, path in steps if view.exists(path)}
            for view in self._views
        }
        missing = tuple(name for name, found in by_view.items() if not found)
        there = {name: found for name, found in by_view.items() if found}
        read = self._reader_of_series()
        last = {name: read(name, found[max(found)]) for name, found in there.items()}
        pictures = {name: one for name, one in last.items() if one is not None}
        if not pictures:
            return None
        frames: Sequence[Frame] = ()
        remarks = [
            f"{name}: step {max(there[name]):,}, the last of {len(there[name]):,}"
            for name in pictures
        ]
        if wanted is not None:
            try:
                frames, remarks = picture_series.frames(there, read, wanted, self._room_bytes)
            except MlvcError as exc:
                self._errors.append(InputError(f"{folder}: {exc.what}", why=exc.why, hint=exc.hint))
        self._room_bytes -= sum(map(picture_series.size, frames))
        return Figure(folder, str(folder), (), pictures, missing, tuple(remarks), tuple(frames))

    def _reader_of_series(self) -> picture_series.Read:
        """Return what reads one image; of each view the first mistake is told, not one for each step."""
        views = {view.name: view for view in self._views}
        failed: set[str] = set()

        def read(name: str, path: RepoPath) -> Picture | None:
            try:
                data = views[name].read(path)
                if data is None:
                    return None
                return picture.picture(data, self._named(str(path), views[name]))
            except MlvcError as exc:
                if name not in failed:
                    self._errors.append(exc)
                failed.add(name)
                return None

        return read

    def _pictures(self, path: RepoPath, title: str) -> Figure | None:
        pictures: dict[str, Picture] = {}

        def take(data: bytes, view: View) -> None:
            found = picture.picture(data, self._named(str(path), view))
            if len(data) > self._room_bytes:
                raise InputError(
                    f"{self._named(str(path), view)} has no room on the page",
                    why=f"images are shown up to {size_text(MAX_IMAGES_BYTES)} in all",
                    hint="name fewer stages, files or revisions",
                )
            self._room_bytes -= len(data)
            pictures[view.name] = found

        missing = self._each(path, take)
        return Figure(path, title, pictures=pictures, missing=missing) if pictures else None

    def _each(self, path: RepoPath, take: Callable[[bytes, View], None]) -> tuple[str, ...]:
        """Give each view's content to `take`; return the views that have none."""
        missing = []
        failed = False
        for view in self._views:
            try:
                data = view.read(path)
                if data is None:
                    missing.append(view.name)
                else:
                    take(data, view)
            except MlvcError as exc:
                failed = True
                self._errors.append(exc)
        if len(missing) == len(self._views) and not failed:
            self._errors.append(_nowhere(str(path), self._views))
        return tuple(missing)

    def _named(self, shown: str, view: View) -> str:
        return f"{shown} ({view.name})" if len(self._views) > 1 else shown


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
