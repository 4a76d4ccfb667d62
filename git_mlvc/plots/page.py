"""One HTML page with all plots: it holds its data, its images and the scripts that draw them, and loads nothing.

Its Content-Security-Policy lets no request leave and runs the page's own scripts only, known by their hashes. Texts of
the user's (names of files, columns, revisions; contents) are escaped wherever they stand (law 12).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

from git_mlvc.errors import MlvcError
from git_mlvc.plots import palette, specs
from git_mlvc.plots.chart import Chart, same_revisions
from git_mlvc.plots.gather import Figure, Gathered
from git_mlvc.plots.page_images import Images
from git_mlvc.plots.page_text import attribute, json_text, text
from git_mlvc.plots.vega import Panel, Spec
from git_mlvc.repo_path import RepoPath
from git_mlvc.units import count_text

MARK = "<!-- made by git mlvc plots -->"
_SCRIPTS = ("vega.min.js", "vega-lite.min.js", "vega-embed.min.js", "page.js")
_MANY = 6


def page(gathered: Gathered, *, title: str, details: Mapping[str, str]) -> str:
    """Return the page. `details`: what else is known of a revision, in a few words."""
    drawn = _Drawing(gathered.revisions)
    sections = [section for figure in gathered.figures for section in drawn.sections(figure)]
    scripts = [_asset(name) for name in _SCRIPTS]
    return "\n".join(
        [
            "<!doctype html>",
            MARK,
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_policy(scripts)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="referrer" content="no-referrer">',
            f"<title>{text(title)}</title>",
            '<link rel="icon" href="data:,">',
            f"<style>{_asset('page.css')}</style>",
            "</head>",
            "<body>",
            f"<header><h1>{text(title)}</h1>",
            _revisions(gathered.revisions, details),
            "</header>",
            _contents(drawn.titles),
            "<main>",
            *sections,
            *_failed(gathered.errors),
            "</main>",
            _FOOTER,
            f'<script type="application/json" id="specs">{json_text(drawn.specs)}</script>',
            f'<script type="application/json" id="images">{json_text(drawn.images.data)}</script>',
            f'<script type="text/plain" id="licences">{_asset("LICENSES.txt")}</script>',
            *(f"<script>{script}</script>" for script in scripts),
            "</body>",
            "</html>",
            "",
        ]
    )


_FOOTER = (
    '<footer class="hint">Point at a line for its values, click a name in a legend to pick it out. With the shift key the '
    "wheel zooms and dragging moves; a double click goes back.</footer>"
)


class _Drawing:
    """The sections of a page, one for each chart or file of images; and the specs that they name by number."""

    def __init__(self, revisions: Sequence[str]) -> None:
        self._revisions = revisions
        self._colours = dict(zip(revisions, palette.colours(len(revisions)), strict=True))
        self.specs: list[Spec] = []
        self.titles: list[str] = []
        self.images = Images(self._swatch if len(revisions) > 1 else lambda _: "")

    def sections(self, figure: Figure) -> list[str]:
        absent = [*figure.remarks, *(f"not in {revision}" for revision in figure.missing)]
        if figure.pictures is not None:
            body = self.images.of(figure)
            return [self._section(figure.title, figure.path, body, absent, len(figure.pictures))]
        made = []
        for chart in figure.charts:
            panels, left_out = specs.panels(chart, self._revisions)
            remarks = [*absent, *chart.remarks, *same_revisions(chart), *left_out]
            body = self._panels(chart, panels)
            made.append(self._section(chart.title, figure.path, body, remarks, len(panels)))
        return made

    def _section(
        self, title: str, path: RepoPath, body: list[str], remarks: list[str], panels: int
    ) -> str:
        parts = [
            f'<section class="figure{" wide" if panels > 2 else ""}" id="figure-{len(self.titles)}">',
            _head(title, str(path)),
            *body,
        ]
        self.titles.append(title)
        if remarks:
            parts.append(_remarks(list(dict.fromkeys(remarks))))
        return "\n".join([*parts, "</section>"])

    def _panels(self, chart: Chart, panels: Sequence[Panel]) -> list[str]:
        least = max(panel.least_width for panel in panels)
        style = f' style="--least: {least}px"' if least else ""
        parts = [f'<div class="panels{" one" if len(panels) == 1 else ""}"{style}>']
        for panel in panels:
            caption = ""
            if panel.revision and len(self._revisions) > 1:
                caption = (
                    f"<figcaption>{self._swatch(panel.revision)}{text(panel.revision)}</figcaption>"
                )
            label = attribute(f"{chart.title} {panel.revision}".strip())
            parts.append(
                f'<figure class="panel">{caption}<div class="chart" data-spec="{len(self.specs)}" '
                f'role="group" aria-label="{label}"></div></figure>'
            )
            self.specs.append(panel.spec)
        return [*parts, "</div>"]

    def _swatch(self, revision: str) -> str:
        return f'<span class="swatch" style="background:{self._colours[revision]}"></span>'


def _remarks(remarks: Sequence[str]) -> str:
    """A list; where it is long, the rest of it behind a click."""
    items = [f"<li>{text(remark)}</li>" for remark in remarks]
    first, rest = (items, []) if len(items) <= _MANY else (items[: _MANY - 1], items[_MANY - 1 :])
    more = ""
    if rest:
        more = (
            f"<li><details><summary>and {count_text(len(rest), 'more remark')}</summary>"
            f"<ul>{''.join(rest)}</ul></details></li>"
        )
    return f'<ul class="remarks">{"".join(first)}{more}</ul>'


def _failed(errors: Sequence[MlvcError]) -> list[str]:
    """What is not on the page is told on it, too: it may be read far from where it was made."""
    if not errors:
        return []
    told = dict.fromkeys(f"{one.what}: {one.why}" if one.why else one.what for one in errors)
    return [
        '<section class="figure failed-plots">',
        "<header><h2>Not shown</h2></header>",
        _remarks(list(told)),
        "</section>",
    ]


def _head(title: str, path: str) -> str:
    below = f'<div class="path">{text(path)}</div>' if title != path else ""
    return f"<header><h2>{text(title)}</h2>{below}</header>"


def _revisions(revisions: Sequence[str], details: Mapping[str, str]) -> str:
    colours = palette.colours(len(revisions))
    items = []
    for revision, colour in zip(revisions, colours, strict=True):
        swatch = (
            f'<span class="swatch" style="background:{colour}"></span>'
            if len(revisions) > 1
            else ""
        )
        detail = (
            f'<span class="quiet">{text(details[revision])}</span>' if details.get(revision) else ""
        )
        items.append(f"<li>{swatch}<strong>{text(revision)}</strong>{detail}</li>")
    return f'<ul class="revisions">{"".join(items)}</ul>'


def _contents(titles: Sequence[str]) -> str:
    if len(titles) <= _MANY:
        return ""
    items = "".join(
        f'<li><a href="#figure-{at}">{text(title)}</a></li>' for at, title in enumerate(titles)
    )
    return f'<nav aria-label="{count_text(len(titles), "plot")}"><ul class="contents">{items}</ul></nav>'


# -- bytes


def _policy(scripts: Sequence[str]) -> str:
    hashes = " ".join(f"'sha256-{_hash(script)}'" for script in scripts)
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {hashes}",
            "style-src 'unsafe-inline'",
            "img-src data: blob:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")


@cache
def _asset(name: str) -> str:
    """Return a file that the page holds. Maps of sources are not there to be asked for."""
    text = files("git_mlvc.plots").joinpath("assets", name).read_text("utf-8")
    kept = [line for line in text.splitlines() if not line.startswith("//# sourceMappingURL=")]
    return "\n".join(kept)
