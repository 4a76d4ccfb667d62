"""Confusion matrices as Vega-Lite: one panel for each revision, all with the same depths of colour. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from git_mlvc.plots import palette, vega
from git_mlvc.plots.chart import Matrix
from git_mlvc.plots.vega import Panel, Spec

_MOST_NUMBERS = 20  # classes up to which cells have room for their numbers


def panels(chart: Matrix) -> list[Panel]:
    most = max((n for counts in chart.counts.values() for row in counts for n in row), default=0)
    depth = 1.0 if chart.is_normalized else float(most or 1)
    least = _least_width(chart, most)
    return [
        Panel(_matrix(chart, counts, depth), revision, least)
        for revision, counts in chart.counts.items()
    ]


def _least_width(chart: Matrix, most: int) -> int:
    """Return the width at which each number has room in its cell."""
    if len(chart.labels) > _MOST_NUMBERS:
        return 0
    digits = 4 if chart.is_normalized or most >= 10_000 else len(f"{most:,}")
    names = min(180, 7 * max(map(len, chart.labels)))
    return names + 60 + (7 * digits + 6) * len(chart.labels)


def _matrix(chart: Matrix, counts: Sequence[Sequence[int]], most: float) -> Spec:
    rows = []
    for actual, row in zip(chart.labels, counts, strict=True):
        total = sum(row)
        for predicted, count in zip(chart.labels, row, strict=True):
            share = round(count / total, 6) if total else 0
            shown = share if chart.is_normalized else count
            rows.append(
                {"x": predicted, "y": actual, "count": count, "share": share, "shown": shown}
            )
    place = {
        "x": {
            **_class_axis("x", chart.predicted_label),
            "axis": {"grid": False, "labelAngle": _angle(chart)},
        },
        "y": {**_class_axis("y", chart.actual_label), "axis": {"grid": False}},
    }
    cell = {
        "mark": {"type": "rect", "stroke": "#ffffff", "strokeWidth": 0.5},
        "encoding": {
            **place,
            "color": {
                "field": "shown",
                "type": "quantitative",
                # By the square root: few mistakes beside many hits must be seen.
                "scale": {"type": "sqrt", "domain": [0, most], "range": list(palette.DEPTHS)},
                "legend": None,
            },
            "tooltip": [
                {"field": "y", "type": "nominal", "title": chart.actual_label},
                {"field": "x", "type": "nominal", "title": chart.predicted_label},
                {"field": "count", "type": "quantitative", "title": "count", "format": ","},
                {"field": "share", "type": "quantitative", "title": "share", "format": ".1%"},
            ],
        },
    }
    layers: list[Spec] = [cell]
    if len(chart.labels) <= _MOST_NUMBERS:
        layers.append(_cell_numbers(chart, place, most))
    height = max(160, min(560, 30 * len(chart.labels)))
    return vega.whole(rows, height=height, layer=layers)


def _class_axis(field: str, title: str) -> Spec:
    return {"field": field, "type": "ordinal", "sort": None, "title": title}


def _angle(chart: Matrix) -> int:
    return 0 if max(map(len, chart.labels)) * len(chart.labels) <= 40 else -90


def _cell_numbers(chart: Matrix, place: Spec, most: float) -> Spec:
    dark = {"test": f"datum.shown > {most * 0.3}", "value": "#ffffff"}
    return {
        "transform": [{"filter": "datum.count > 0"}],
        "mark": {"type": "text", "fontSize": 11},
        "encoding": {
            **place,
            "text": {
                "field": "shown",
                "type": "quantitative",
                "format": ".2f" if chart.is_normalized else "~s" if most >= 10_000 else ",",
            },
            "color": {"condition": dark, "value": "#1c2733"},
        },
    }
