"""One HTML page with all plots: it holds its data, its images and the scripts that draw them, and loads nothing.

Its Content-Security-Policy lets no request leave and runs the page's own scripts only, known by their hashes. Texts of
the user's (names of files, columns, revisions; contents) are escaped wherever they stand (law 12).
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

from git_mlvc import text_width
from git_mlvc.plots import palette, specs
from git_mlvc.plots.chart import Chart, same_revisions
from git_mlvc.plots.gather import Figure, Gathered
from git_mlvc.plots.picture import Picture
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
            f"<title>{_text(title)}</title>",
            '<link rel="icon" href="data:,">',
            f"<style>{_asset('page.css')}</style>",
            "</head>",
            "<body>",
            f"<header><h1>{_text(title)}</h1>",
            _revisions(gathered.revisions, details),
            "</header>",
            _contents(drawn.titles),
            "<main>",
            *sections,
            "</main>",
            _FOOTER,
            f'<script type="application/json" id="specs">{_json(drawn.specs)}</script>',
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

    def sections(self, figure: Figure) -> list[str]:
        absent = [*figure.remarks, *(f"not in {revision}" for revision in figure.missing)]
        if figure.pictures is not None:
            body = self._images(figure.path, figure.pictures)
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
            items = "".join(f"<li>{_text(remark)}</li>" for remark in dict.fromkeys(remarks))
            parts.append(f'<ul class="remarks">{items}</ul>')
        return "\n".join([*parts, "</section>"])

    def _panels(self, chart: Chart, panels: Sequence[Panel]) -> list[str]:
        parts = [f'<div class="panels{" one" if len(panels) == 1 else ""}">']
        for panel in panels:
            caption = ""
            if panel.revision and len(self._revisions) > 1:
                caption = f"<figcaption>{self._swatch(panel.revision)}{_text(panel.revision)}</figcaption>"
            label = _attribute(f"{chart.title} {panel.revision}".strip())
            parts.append(
                f'<figure class="panel">{caption}<div class="chart" data-spec="{len(self.specs)}" '
                f'role="group" aria-label="{label}"></div></figure>'
            )
            self.specs.append(panel.spec)
        return [*parts, "</div>"]

    def _images(self, path: RepoPath, pictures: Mapping[str, Picture]) -> list[str]:
        """Equal images are shown once."""
        parts = ['<div class="images">']
        shown: dict[bytes, list[str]] = {}
        for revision, picture in pictures.items():
            shown.setdefault(picture.data, []).append(revision)
        choices = []
        for number, revisions in enumerate(shown.values()):
            name = f"image-{len(self.titles)}-{number}"
            label = " and ".join(revisions)
            swatches = "".join(map(self._swatch, revisions)) if len(self._revisions) > 1 else ""
            same = ": the same" if len(revisions) > 1 else ""
            caption = (
                f"{swatches}<span>{_text(label)}{same}</span>" if len(self._revisions) > 1 else ""
            )
            parts.append(
                f'<figure><figcaption>{caption}</figcaption><img id="{name}" src="{pictures[revisions[0]].uri}" '
                f'alt="{_attribute(f"{path}, {label}")}"></figure>'
            )
            choices.append((name, label))
        parts.append("</div>")
        return parts + (_slider(choices) if len(choices) > 1 else [])

    def _swatch(self, revision: str) -> str:
        return f'<span class="swatch" style="background:{self._colours[revision]}"></span>'


def _slider(choices: Sequence[tuple[str, str]]) -> list[str]:
    """Two images over each other; how much of the upper one is seen is for the reader to say."""

    def options(chosen: int) -> str:
        return "".join(
            f'<option data-image="{name}"{" selected" if at == chosen else ""}>{_text(label)}</option>'
            for at, (name, label) in enumerate(choices)
        )

    return [
        '<div class="compare"><div class="stack"><img class="below" alt=""><img class="top" alt="">'
        '<span class="rule"></span></div>',
        '<input type="range" min="0" max="100" value="50" aria-label="How much of the left image is shown">',
        f'<div class="sides"><select aria-label="Left image">{options(0)}</select>'
        f'<select aria-label="Right image">{options(1)}</select></div></div>',
    ]


def _head(title: str, path: str) -> str:
    below = f'<div class="path">{_text(path)}</div>' if title != path else ""
    return f"<header><h2>{_text(title)}</h2>{below}</header>"


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
            f'<span class="quiet">{_text(details[revision])}</span>'
            if details.get(revision)
            else ""
        )
        items.append(f"<li>{swatch}<strong>{_text(revision)}</strong>{detail}</li>")
    return f'<ul class="revisions">{"".join(items)}</ul>'


def _contents(titles: Sequence[str]) -> str:
    if len(titles) <= _MANY:
        return ""
    items = "".join(
        f'<li><a href="#figure-{at}">{_text(title)}</a></li>' for at, title in enumerate(titles)
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


def _json(value: object) -> str:
    """Return JSON that may stand in a script element of any page."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _text(text: str) -> str:
    return html.escape(text_width.shown(text), quote=False)


def _attribute(text: str) -> str:
    return html.escape(text_width.shown(text), quote=True)
