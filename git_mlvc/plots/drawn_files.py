"""Charts as PNG and SVG files for reports, drawn by vl-convert, which needs no browser; images as they are.

What stands under a name already is only replaced where it bears our mark: it may be the only copy (law 11).
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

from git_mlvc import text_width
from git_mlvc.errors import InputError, UsageError
from git_mlvc.fs import atomic
from git_mlvc.oid import Oid
from git_mlvc.plots import page, specs
from git_mlvc.plots.gather import Figure, Gathered
from git_mlvc.plots.picture import is_picture
from git_mlvc.plots.vega import SCHEMA, Panel, Spec

PNG_MARK = b"Software\0git mlvc plots"
_SVG_MARK = "<!-- made by git mlvc plots -->\n"
_NEAR_THE_START = 4096
_WIDTH, _PANEL_WIDTH, _COLUMNS = 640, 320, 3
_PNG_SCALE = 2
_LOOKS = {
    "background": "#ffffff",
    "font": "sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": 500,
        "gridColor": "#e3e7ec",
        "domainColor": "#9aa4af",
        "tickColor": "#9aa4af",
    },
    "legend": {
        "orient": "bottom",
        "symbolStrokeWidth": 3,
        "labelFontSize": 12,
        "labelLimit": 500,
        "layout": {"bottom": {"anchor": "start", "direction": "vertical", "margin": 4}},
    },
    "title": {"anchor": "start", "fontSize": 14},
}


class Kind(Enum):
    """What is drawn, by the ending of its name."""

    PNG = "png"
    SVG = "svg"


def check_can_draw() -> None:
    """Raises UsageError with the command that installs what draws."""
    try:
        import vl_convert  # noqa: F401
    except ImportError as exc:
        raise UsageError(
            "PNG and SVG files need vl-convert, which is not installed",
            why="it is a large package (84 MB) that only these need",
            hint="pip install 'git-mlvc[plots]'; --out FILE.html needs nothing",
        ) from exc


def write(gathered: Gathered, folder: Path, kind: Kind) -> list[Path]:
    """Write a file for each chart into `folder`, and images as they are; return their paths.

    Raises InputError for what cannot be drawn, or written over.
    """
    draw = _drawing(kind)
    names: dict[str, int] = {}
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for figure in gathered.figures:
            if figure.pictures is not None:
                written += _images(figure, folder)
            for chart in figure.charts:
                panels, _ = specs.panels(chart, gathered.revisions)
                path = folder / f"{_unused(_stem(chart.title), names)}.{kind.value}"
                spec = _one_spec(chart.title, panels)
                legend = {"legend": {"columns": _columns(gathered.revisions)}}
                spec["config"] = legend | spec.get("config", {})  # a template's own comes first
                replace_own(path, draw(spec, chart.title))
                written.append(path)
    except OSError as exc:
        raise InputError(f"cannot write into {folder}", why=exc.strerror or str(exc)) from exc
    return written


def replace_own(path: Path, data: bytes) -> None:
    """Write a file of ours, over nothing or an earlier one of ours only. Raises InputError, OSError."""
    if path.is_symlink() or path.exists():
        if path.is_dir():
            raise InputError(f"{path} is a directory", hint="name a file")
        if path.is_symlink() or not path.is_file() or not _is_ours(path):
            raise InputError(
                f"{path} is there already",
                why="and it was not made by git mlvc plots",
                hint="name another, or remove it first",
            )
    atomic.write_file(path, data, durable=False)


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(_NEAR_THE_START)
    marks = (PNG_MARK, _SVG_MARK.strip().encode(), page.MARK.encode())
    return any(mark in start for mark in marks)


def _one_spec(title: str, panels: Sequence[Panel]) -> Spec:
    """Return all panels as one drawing of a fixed width, with its title."""
    head = {"title": text_width.shown(title), "padding": 16, "$schema": SCHEMA}
    if len(panels) == 1 and not panels[0].revision:
        return head | _sized(panels[0], _WIDTH)
    inner = [
        {k: v for k, v in _sized(panel, _PANEL_WIDTH).items() if k != "$schema"}
        | {"title": text_width.shown(panel.revision)}
        for panel in panels
    ]
    return head | {"concat": inner, "columns": _COLUMNS}


def _columns(names: Sequence[str]) -> int:
    """Return how many names stand side by side in a legend; about 7 pixels to a letter."""
    return max(1, _WIDTH // (7 * text_width.widest(map(text_width.shown, names)) + 40))


def _sized(panel: Panel, width: int) -> Spec:
    spec = {key: value for key, value in panel.spec.items() if key != "autosize"}
    return spec | {"width": width} if spec.get("width") == "container" else spec


def _drawing(kind: Kind) -> Callable[[Spec, str], bytes]:
    check_can_draw()
    import vl_convert

    # No address may be asked for what a template names.
    options: dict[str, Any] = {"config": _LOOKS, "allowed_base_urls": []}

    def draw(spec: Spec, title: str) -> bytes:
        try:
            if kind is Kind.SVG:
                svg = str(vl_convert.vegalite_to_svg(spec, **options))
                return (_SVG_MARK + svg).encode("utf-8")
            return _marked(bytes(vl_convert.vegalite_to_png(spec, scale=_PNG_SCALE, **options)))
        except ValueError as exc:  # what a template of the user's holds is not for us to know
            raise InputError(
                f"{title} cannot be drawn", why=str(exc).strip().splitlines()[0]
            ) from exc

    return draw


def _marked(png: bytes) -> bytes:
    """Return a PNG with our mark behind its first chunk, where PNG has a place for such texts."""
    end_of_head = 8 + 8 + 13 + 4
    body = b"tEXt" + PNG_MARK
    chunk = struct.pack(">I", len(PNG_MARK)) + body + struct.pack(">I", zlib.crc32(body))
    return png[:end_of_head] + chunk + png[end_of_head:]


def _images(figure: Figure, folder: Path) -> list[Path]:
    """Images keep their bytes, so their names tell which they are: what has such a name is the same image."""
    assert figure.pictures is not None
    last = figure.path.text.rpartition("/")[2]
    stem = last.rpartition(".")[0] if is_picture(last) else last  # a directory, of a series
    of_steps = [
        (one, f"-{frame.step}") for frame in figure.frames for one in frame.pictures.items()
    ]
    written = []
    for (revision, picture), step in of_steps or [(one, "") for one in figure.pictures.items()]:
        name = (
            f"{_stem(stem)}-{_stem(revision)}{step}-{Oid.of(picture.data).hex[:8]}.{picture.ending}"
        )
        path = folder / name
        if not path.exists() and not path.is_symlink():
            atomic.write_file(path, picture.data, durable=False)
        written.append(path)
    return written


def _stem(text: str) -> str:
    """Return the part of a file's name that any system takes: "Loss of mlp" is "loss-of-mlp"."""
    text = re.sub(r"\.(?:csv|tsv|jsonl?|ndjson|ya?ml)\b", "", text.rpartition("/")[2].lower())
    return re.sub(r"[^\w.]+", "-", text).strip("-._")[:80] or "plot"


def _unused(stem: str, names: dict[str, int]) -> str:
    names[stem] = names.get(stem, 0) + 1
    return stem if names[stem] == 1 else f"{stem}-{names[stem]}"
