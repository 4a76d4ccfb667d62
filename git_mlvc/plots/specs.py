"""Charts as Vega-Lite. Pure.

Fields have names of ours (x, y, rev, column), so that no name of a user's is ever part of an expression. What is drawn
of large tables: `thinning`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from git_mlvc.plots import matrix_specs, own_template, palette, thinning, vega
from git_mlvc.plots.chart import Bars, Chart, Lines, Own, Scale, Series, columns
from git_mlvc.plots.chart import revisions as revisions_of
from git_mlvc.plots.vega import Panel, Spec

MAX_BARS = 60
MAX_DOTS = 50
_TYPES = {Scale.NUMBER: "quantitative", Scale.TIME: "temporal", Scale.NAME: "ordinal"}
_FAINT = 0.12
_EXPONENTS = "datum.value == 0 ? '0' : format(datum.value, '.3~e')"


def panels(chart: Chart, revisions: Sequence[str]) -> tuple[list[Panel], tuple[str, ...]]:
    """Return the drawings of a chart, and what they leave out.

    `revisions`: all that the page tells apart, in their order: each has its colour everywhere.
    """
    if isinstance(chart, Lines):
        return _scatter(chart, revisions) if chart.is_scatter else _lines(chart, revisions)
    if isinstance(chart, Bars):
        return _bars(chart, revisions)
    if isinstance(chart, Own):
        return [Panel({"$schema": vega.SCHEMA, **own_template.filled(chart, revisions)})], ()
    return matrix_specs.panels(chart), ()


# -- lines and points


def _lines(chart: Lines, revisions: Sequence[str]) -> tuple[list[Panel], tuple[str, ...]]:
    rows: list[Mapping[str, object]] = []
    remarks = []
    for series in chart.series:
        xs, ys = thinning.line(series.xs, series.ys)
        if len(xs) < len(series.xs):
            remarks.append(
                f"{_whose(series, chart)}: {len(xs):,} of {len(series.xs):,} points are drawn, with the lowest and highest of each stretch"
            )
        rows += _rows(series, xs, ys, chart.scale, with_dots=True)
    base = {**_xy(chart), **_colour(chart, revisions, "stroke")}
    if len(columns(chart)) > 1 and len(revisions_of(chart)) > 1:
        base["strokeDash"] = {
            "field": "column",
            "type": "nominal",
            "sort": None,
            "legend": {"title": None},
        }
    elif len(revisions) > palette.MOST and len(revisions_of(chart)) > 1:
        base["strokeDash"] = _dashed(chart, revisions)
    opacity = _highlighted(1)
    layers = [
        {
            "mark": {"type": "line", "strokeWidth": 2, "clip": True},
            "encoding": {**base, "opacity": opacity},
            "params": [_legend_click(chart), _ZOOM],
        },
        _nearest(chart, base),
    ]
    if any("dot" in row for row in rows):
        dots = {
            "transform": [{"filter": "datum.dot"}],
            "mark": {"type": "circle", "size": 26, "clip": True},
            "encoding": {**_without(base, "strokeDash"), "opacity": opacity},
        }
        layers.insert(1, dots)
    return [Panel(vega.whole(rows, layer=layers))], tuple(remarks)


def _scatter(chart: Lines, revisions: Sequence[str]) -> tuple[list[Panel], tuple[str, ...]]:
    rows: list[Mapping[str, object]] = []
    remarks = []
    for series in chart.series:
        kept = thinning.spots(_positions(series), series.ys)
        there = sum(y is not None for y in series.ys)
        if len(kept) < there:
            remarks.append(
                f"{_whose(series, chart)}: {len(kept):,} of {there:,} points are drawn, one for each spot"
            )
        xs, ys = [series.xs[at] for at in kept], [series.ys[at] for at in kept]
        rows += _rows(series, xs, ys, chart.scale, with_dots=False)
    encoding = {**_xy(chart), **_colour(chart, revisions, "circle"), "opacity": _highlighted(0.6)}
    if len(columns(chart)) > 1 and len(revisions_of(chart)) > 1:
        encoding["shape"] = {"field": "column", "type": "nominal", "sort": None}
    layer = {
        "mark": {"type": "point", "filled": True, "size": 36, "clip": True},
        "encoding": {**encoding, "tooltip": _tooltip(chart)},
        "params": [_legend_click(chart), _ZOOM],
    }
    return [Panel(vega.whole(rows, layer=[layer]))], tuple(remarks)


def _positions(series: Series) -> list[float]:
    places: dict[object, float] = {}
    return [x if isinstance(x, float) else places.setdefault(x, len(places)) for x in series.xs]


def _rows(
    series: Series,
    xs: Sequence[object],
    ys: Sequence[float | None],
    scale: Scale,
    *,
    with_dots: bool,
) -> list[Mapping[str, object]]:
    """`dot`: a point that no line would show, or one of so few that each is worth showing."""
    rows: list[Mapping[str, object]] = []
    for at, (x, y) in enumerate(zip(xs, ys, strict=True)):
        before = ys[at - 1] if at else None
        after = ys[at + 1] if at + 1 < len(ys) else None
        row = {"x": _shown_x(x, scale), "y": y, "rev": series.revision, "column": series.column}
        if with_dots and y is not None and (len(ys) <= MAX_DOTS or before is None is after):
            row["dot"] = True
        rows.append(row)
    return rows


def _shown_x(x: object, scale: Scale) -> object:
    if isinstance(x, float) and scale is Scale.TIME:
        return round(x * 1000)
    return int(x) if isinstance(x, float) and x.is_integer() and abs(x) < 1e15 else x


def _xy(chart: Lines) -> Spec:
    x: Spec = {"field": "x", "type": _TYPES[chart.scale], "title": chart.x_label}
    if chart.scale is Scale.NUMBER:
        x["scale"] = {"zero": False, "nice": chart.is_scatter}
        whole = all(isinstance(x, float) and x.is_integer() for one in chart.series for x in one.xs)
        numbers = {"tickMinStep": 1} if whole else _number_format(one.xs for one in chart.series)
        x["axis"] = {"grid": False, **numbers}
    elif chart.scale is Scale.TIME:
        x["scale"] = {"type": "utc"}
        x["axis"] = {"grid": False}
    else:
        x["sort"] = None
    y: Spec = {"field": "y", "type": "quantitative", "title": chart.y_label}
    y["scale"] = {"zero": False}
    if shown := _number_format(one.ys for one in chart.series):
        y["axis"] = shown
    return {"x": x, "y": y}


def _number_format(all_values: Iterable[Iterable[object]]) -> Spec:
    """Return how an axis writes its numbers: 1e-7 and 1e9 where zeros would have to be counted."""
    sizes = (abs(one) for values in all_values for one in values if isinstance(one, float))
    most = max(sizes, default=0.0)
    return {"labelExpr": _EXPONENTS} if 0 < most < 1e-3 or most >= 1e8 else {}


def _nearest(chart: Lines, base: Spec) -> Spec:
    """The point beside the pointer: shown, and told in a tooltip."""
    hover = {
        "name": "near",
        "select": {"type": "point", "nearest": True, "on": "pointerover", "clear": "pointerout"},
    }
    return {
        "mark": {"type": "circle", "size": 70, "clip": True},
        "encoding": {
            **_without(base, "strokeDash"),
            "opacity": {"condition": {"param": "near", "empty": False, "value": 1}, "value": 0},
            "tooltip": _tooltip(chart),
        },
        "params": [hover],
    }


def _tooltip(chart: Lines | Bars) -> list[Spec]:
    x_label = chart.x_label if isinstance(chart, Lines) else chart.name_label
    x: Spec = {"field": "x", "type": "nominal", "title": x_label or "x"}
    if isinstance(chart, Lines) and chart.scale is not Scale.NAME:
        x["type"] = _TYPES[chart.scale]
        x["format"] = "" if chart.scale is Scale.NUMBER else "%Y-%m-%d %H:%M:%S"
    found = [
        {"field": "rev", "type": "nominal", "title": "revision"},
        x,
        {"field": "y", "type": "quantitative", "title": "value", "format": ".6~g"},
    ]
    if len(columns(chart)) > 1:
        found.insert(1, {"field": "column", "type": "nominal", "title": "column"})
    return found


# Drawing over the page must still scroll it: both want the shift key.
_ZOOM: Spec = {
    "name": "zoom",
    "select": {
        "type": "interval",
        "on": "[pointerdown[event.shiftKey], window:pointerup] > window:pointermove!",
        "translate": "[pointerdown[event.shiftKey], window:pointerup] > window:pointermove!",
        "zoom": "wheel![event.shiftKey]",
    },
    "bind": "scales",
}


# -- bars


def _bars(chart: Bars, revisions: Sequence[str]) -> tuple[list[Panel], tuple[str, ...]]:
    names = list(dict.fromkeys(x for series in chart.series for x in series.xs))
    remarks: tuple[str, ...] = ()
    if len(names) > MAX_BARS:
        remarks = (f"the first {MAX_BARS} of {len(names):,} bars are drawn",)
        names = names[:MAX_BARS]
    kept = set(names)
    rows: list[Mapping[str, object]] = [
        {"x": x, "y": y, "rev": series.revision, "column": series.column}
        for series in chart.series
        for x, y in zip(series.xs, series.ys, strict=True)
        if y is not None and x in kept
    ]
    label: Spec = {"field": "x", "type": "nominal", "sort": None, "title": chart.name_label}
    value: Spec = {"field": "y", "type": "quantitative", "title": chart.value_label}
    along, across = ("y", "x") if chart.is_lying else ("x", "y")
    label["axis"] = {"grid": False, "labelLimit": 140} | (
        {} if chart.is_lying else {"labelAngle": 0}
    )
    encoding: Spec = {
        along: label,
        across: value,
        **_colour(chart, revisions, "square"),
        "opacity": _highlighted(1),
        "tooltip": _tooltip(chart),
    }
    beside = _beside(chart)
    if beside:
        encoding[f"{along}Offset"] = {"field": beside, "type": "nominal", "sort": None}
    bars = len({(series.revision, series.column) for series in chart.series})
    height = max(120, len(names) * (8 + 12 * bars)) if chart.is_lying else vega.HEIGHT
    mark = {"mark": {"type": "bar"}, "encoding": encoding, "params": [_legend_click(chart)]}
    return [Panel(vega.whole(rows, height=height, **mark))], remarks


def _beside(chart: Bars) -> str:
    if len(revisions_of(chart)) > 1:
        return "rev"
    return "column" if len(columns(chart)) > 1 else ""


# -- what they share


def _colour(chart: Lines | Bars, revisions: Sequence[str], symbol: str) -> Spec:
    """By revision; by column where there is but one revision to tell apart."""
    if len(revisions) < 2 and len(columns(chart)) > 1:
        names, field = columns(chart), "column"
        colours = palette.colours(len(names))
    else:
        names, field = revisions_of(chart), "rev"
        all_colours = dict(zip(revisions, palette.colours(len(revisions)), strict=True))
        colours = tuple(all_colours[name] for name in names)
    legend = {"title": None, "symbolType": symbol} if len(names) > 1 else None
    return {
        "color": {
            "field": field,
            "type": "nominal",
            "sort": None,
            "scale": {"domain": list(names), "range": list(colours)},
            "legend": legend,
        }
    }


def _dashed(chart: Lines, revisions: Sequence[str]) -> Spec:
    """Of many revisions some have colours that are much alike: dashes tell these apart, in the same legend."""
    names = revisions_of(chart)
    all_dashes = dict(zip(revisions, palette.dashes(len(revisions)), strict=True))
    scale = {"domain": list(names), "range": [list(all_dashes[name]) for name in names]}
    return {
        "field": "rev",
        "type": "nominal",
        "sort": None,
        "scale": scale,
        "legend": {"title": None, "symbolType": "stroke"},
    }


def _legend_click(chart: Lines | Bars) -> Spec:
    field = "rev" if len(revisions_of(chart)) > 1 else "column"
    return {"name": "picked", "select": {"type": "point", "fields": [field]}, "bind": "legend"}


def _highlighted(value: float) -> Spec:
    return {"condition": {"param": "picked", "value": value}, "value": _FAINT}


def _whose(series: Series, chart: Lines) -> str:
    return f"{series.revision}: {series.column}" if len(columns(chart)) > 1 else series.revision


def _without(encoding: Spec, channel: str) -> Spec:
    return {name: value for name, value in encoding.items() if name != channel}
