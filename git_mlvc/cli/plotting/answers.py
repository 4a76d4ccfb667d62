"""The answers of `git mlvc plots`: text, a page, files for reports, JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from git_mlvc.cli.plotting import asked as asking
from git_mlvc.errors import InputError, UsageError

if TYPE_CHECKING:
    from git_mlvc.cli.invocation import Invocation
    from git_mlvc.plots.chart import Chart
    from git_mlvc.plots.gather import Figure, Gathered

PAGE = "plots.html"
_WIDTH_UNKNOWN = 80


@dataclass(frozen=True, slots=True)
class Wanted:
    """How plots are to be shown. None of it: as text."""

    out: str | None = None
    is_opened: bool = False
    png: str | None = None
    svg: str | None = None
    as_json: bool = False

    @property
    def has_page(self) -> bool:
        return self.out is not None or self.is_opened

    def check(self) -> None:
        """Raises UsageError for what cannot be made, before anything is read."""
        from git_mlvc.plots import drawn_files

        if self.out is not None and not self.out.lower().endswith((".html", ".htm")):
            raise UsageError(
                f"'{self.out}' is no name of a page", hint=f"end it in .html: --out {PAGE}"
            )
        if self.png is not None or self.svg is not None:
            drawn_files.check_can_draw()


def answer(
    invocation: Invocation, found: Gathered, commits: Mapping[str, str], wanted: Wanted
) -> int:
    """Show what was found in all the ways that are wanted; return the exit code."""
    if wanted.has_page:
        _page(invocation, found, commits, wanted)
    if wanted.png is not None or wanted.svg is not None:
        _files(invocation, found, wanted)
    if wanted.as_json:
        _json(invocation, found, commits)
    elif wanted == Wanted():
        _text(invocation, found)
    return asking.exit_code(invocation, found)


# -- a page


def _page(
    invocation: Invocation, found: Gathered, commits: Mapping[str, str], wanted: Wanted
) -> None:
    """Without a name of the user's it goes into the git directory, where git and `add .` never see it."""
    from git_mlvc.plots import drawn_files, page

    if not found.figures:
        return  # the errors say why
    repository = invocation.workspace.repository
    text = page.page(
        found,
        title=f"Plots of {repository.top.resolve().name}",
        details=asking.details(invocation, commits),
    )
    path = repository.state_dir / PAGE if wanted.out is None else invocation.cwd / wanted.out
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        drawn_files.replace_own(path, text.encode("utf-8", "backslashreplace"))
    except OSError as exc:
        raise InputError(
            f"cannot write {path}",
            why=exc.strerror or str(exc),
            hint="name a place that can be written to: --out FILE.html",
        ) from exc
    if not wanted.as_json:
        invocation.output.message(f"wrote {wanted.out if wanted.out is not None else path}")
    if wanted.is_opened:
        _open(invocation, path)


def _open(invocation: Invocation, path: Path) -> None:
    import webbrowser

    if not webbrowser.open(path.resolve().as_uri()):
        invocation.output.message(f"no browser could be started: open {path} in one")


# -- files


def _files(invocation: Invocation, found: Gathered, wanted: Wanted) -> None:
    from git_mlvc.plots import drawn_files

    for typed, kind in (
        (wanted.png, drawn_files.Kind.PNG),
        (wanted.svg, drawn_files.Kind.SVG),
    ):
        if typed is None:
            continue
        for path in drawn_files.write(found, invocation.cwd / typed, kind):
            if not wanted.as_json:
                invocation.output.line(str(Path(typed) / path.name))


# -- text


def _text(invocation: Invocation, found: Gathered) -> None:
    from git_mlvc.plots import terminal
    from git_mlvc.text_width import shown

    output = invocation.output
    style = terminal.Style(
        width=max(20, output.width or _WIDTH_UNKNOWN),
        can_draw=output.can_draw,
        has_colours=output.has_colours,
    )
    for figure in found.figures:
        for title, lines, remarks in _parts(figure, found, style):
            path = "" if str(figure.path) in title else f"  ({figure.path})"
            output.line(shown(title) + path)
            for line in lines:
                output.line(line)
            for remark in remarks:
                output.line(f"  {shown(remark)}")
            output.line()
    if output.width is not None and found.figures:
        output.message("--open shows them in a browser; --out FILE.html writes that page")


def _parts(
    figure: Figure, found: Gathered, style: object
) -> list[tuple[str, list[str], tuple[str, ...]]]:
    from git_mlvc.plots import terminal
    from git_mlvc.plots.chart import same_revisions

    assert isinstance(style, terminal.Style)
    absent = (*figure.remarks, *(f"not in {revision}" for revision in figure.missing))
    if figure.pictures is not None:
        return [(figure.title, terminal.pictures(figure.pictures), absent)]
    return [
        (
            chart.title,
            terminal.lines(chart, found.revisions, style),
            (*absent, *chart.remarks, *same_revisions(chart)),
        )
        for chart in figure.charts
    ]


# -- JSON


def _json(invocation: Invocation, found: Gathered, commits: Mapping[str, str]) -> None:
    invocation.output.json(
        "plots",
        {
            "revisions": [{"name": name, "commit": commits.get(name)} for name in found.revisions],
            "plots": [_figure(figure, found) for figure in found.figures],
            "failed": [
                {"what": error.what, "why": error.why, "hint": error.hint} for error in found.errors
            ],
        },
    )


def _figure(figure: Figure, found: Gathered) -> dict[str, object]:
    return {
        "path": figure.path,
        "title": figure.title,
        "missing": figure.missing,
        "remarks": figure.remarks,
        "charts": [_chart(chart, found) for chart in figure.charts],
        "steps": [frame.step for frame in figure.frames],
        "images": [
            {
                "revision": revision,
                "type": one.media_type,
                "size_bytes": len(one.data),
                "width": one.width or None,
                "height": one.height or None,
            }
            for revision, one in (figure.pictures or {}).items()
        ],
    }


def _chart(chart: Chart, found: Gathered) -> dict[str, object]:
    from git_mlvc.plots import specs

    panels, left_out = specs.panels(chart, found.revisions)
    return {
        "title": chart.title,
        "remarks": [*chart.remarks, *left_out],
        "specs": [{"revision": one.revision or None, "spec": one.spec} for one in panels],
    }
