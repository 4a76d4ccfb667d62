"""Charts as Vega-Lite: the shape of each, what is thinned, and that no name of a user's is read as anything else."""

from __future__ import annotations

import itertools
import json
import math
import operator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_mlvc.errors import InputError
from git_mlvc.plots import own_template, palette, reading, series, specs, thinning
from git_mlvc.plots.chart import Chart, Lines, Own, Scale, Series
from git_mlvc.plots.definition import Definition

SHAPES = Path(__file__).parent / "shapes"
TABLES = {
    "line": (
        {"x": "step", "y": ["train", "test"]},
        "step,train,test\n0,1,2\n1,nan,1\n",
        "step,train,test\n0,2,3\n",
    ),
    "scatter": ({"template": "scatter"}, "a,b\n1,2\n3,4\n", "a,b\n5,6\n"),
    "bar": ({}, "name,gain\nloops,1\nwidth,-2\n", "name,gain\nloops,3\n"),
    "confusion": ({}, "actual,predicted\na,a\na,b\nb,b\n", "actual,predicted\nb,a\n"),
}


def chart(*texts: str, **options: object) -> Chart:
    tables = {f"r{at}": reading.table(text.encode(), "a.csv") for at, text in enumerate(texts)}
    return series.charts(Definition.of("a.csv", options), tables)[0]


@pytest.mark.parametrize("name", TABLES)
def test_the_shape_of_a_chart_is_the_one_that_was_looked_at(name: str) -> None:
    options, *texts = TABLES[name]
    panels, left_out = specs.panels(chart(*texts, **options), ["r0", "r1"])
    found = [{"revision": panel.revision, "spec": panel.spec} for panel in panels]
    assert left_out == ()
    path = SHAPES / f"{name}.json"
    assert found == json.loads(path.read_text("utf-8")), f"if it is meant: write it to {path}"


def test_a_revision_keeps_its_colour_where_others_are_missing() -> None:
    drawn = chart("step,loss\n0,1\n")
    (panel,), _ = specs.panels(drawn, ["other", "r0"])
    colours = panel.spec["layer"][0]["encoding"]["color"]["scale"]
    assert colours == {"domain": ["r0"], "range": [palette.colours(2)[1]]}


# What a colour becomes to who lacks the cones for red, or for green (Machado et al., 2009), in linear RGB.
SEEN = {
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
}  # fmt: skip


def lab(colour: str, eyes: str) -> tuple[float, float, float]:
    """Return a colour as these eyes see it, in CIELAB."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    red, green, blue = (
        min(1.0, max(0.0, sum(map(operator.mul, row, linear)))) for row in SEEN[eyes]
    )
    xyz = (
        (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.95047,
        0.2126 * red + 0.7152 * green + 0.0722 * blue,
        (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.08883,
    )
    x, y, z = (one ** (1 / 3) if one > 0.008856 else 7.787 * one + 16 / 116 for one in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@pytest.mark.parametrize("eyes", list(SEEN))
def test_the_first_colours_differ_also_to_who_sees_no_red_or_green(eyes: str) -> None:
    found = [lab(colour, eyes) for colour in palette.colours(palette.MOST)]
    assert min(math.dist(*pair) for pair in itertools.combinations(found, 2)) > 15


def test_of_many_revisions_lines_of_like_colours_are_dashed() -> None:
    names = [f"run-{at}" for at in range(12)]
    series = tuple(Series(name, "loss", [0.0, 1.0], [1.0, 2.0]) for name in names)
    (panel,), _ = specs.panels(Lines("Loss", "step", "loss", Scale.NUMBER, series), names)
    encoding = panel.spec["layer"][0]["encoding"]
    assert encoding["strokeDash"]["scale"]["range"] == [[1, 0]] * 10 + [[4, 2]] * 2
    assert encoding["strokeDash"]["field"] == encoding["color"]["field"]  # one legend for both


def test_colours_are_never_the_same_twice() -> None:
    assert len(set(palette.colours(60))) == 60


def test_what_is_thinned_is_told_and_spikes_stay() -> None:
    rows = "".join(f"{step},{99 if step == 5_003 else step % 7}\n" for step in range(20_000))
    (panel,), told = specs.panels(chart(f"step,loss\n{rows}"), ["r0"])
    values = panel.spec["data"]["values"]
    assert len(values) <= thinning.MAX_POINTS
    assert {"x": 5003, "y": 99.0, "rev": "r0", "column": "loss"} in values
    assert told == (
        f"r0: {len(values)} of 20,000 points are drawn, with the lowest and highest of each stretch",
    )


def test_many_bars_are_cut_and_told() -> None:
    rows = "".join(f"n{at},{at}\n" for at in range(100))
    (panel,), told = specs.panels(chart(f"name,gain\n{rows}"), ["r0"])
    assert len(panel.spec["data"]["values"]) == 60
    assert told == ("the first 60 of 100 bars are drawn",)


@given(st.lists(st.none() | st.floats(-9, 9), max_size=400), st.integers(10, 60))
def test_a_thinned_line_keeps_its_ends_extremes_and_order(
    ys: list[float | None], most: int
) -> None:
    xs = [float(at) for at in range(len(ys))]
    kept_x, kept_y = thinning.line(xs, ys, most)
    assert list(kept_x) == sorted(kept_x)
    assert all(ys[int(x)] == y for x, y in zip(kept_x, kept_y, strict=True))  # type: ignore[arg-type]
    assert len(kept_x) <= most or len(kept_x) == len(ys)
    if ys:
        assert (kept_x[0], kept_x[-1]) == (xs[0], xs[-1])
        numbers, kept = [y for y in ys if y is not None], [y for y in kept_y if y is not None]
        assert [f(numbers, default=0) for f in (min, max)] == [
            f(kept, default=0) for f in (min, max)
        ]
        assert (None in ys) == (None in kept_y)


@given(st.lists(st.tuples(st.floats(-1e308, 1e308), st.floats(-1e308, 1e308)), max_size=50))
def test_of_scattered_points_the_outermost_stay(points: list[tuple[float, float]]) -> None:
    many = points * 100
    kept = thinning.spots([x for x, _ in many], [y for _, y in many])
    if points:
        seen = {many[at] for at in kept}
        for axis in (0, 1):
            for edge in (min, max):
                assert edge(one[axis] for one in seen) == edge(one[axis] for one in points)


def filled(template: object, text: str = "a.b,loss\n1,nan\n", **options: object) -> Any:
    drawn = chart(text, template="own.json", **options)
    assert isinstance(drawn, Own)
    told = json.dumps(template)
    whole = Own(drawn.title, drawn.definition, "own.json", told, drawn.tables)
    return own_template.filled(whole, ["r0"])


DATA = {"values": "<DVC_METRIC_DATA>"}


def test_a_template_of_the_users_has_its_anchors_filled_in() -> None:
    template = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "usermeta": {"embedOptions": {"ast": False}},
        "data": DATA,
        "title": "<DVC_METRIC_TITLE> (test)",
        "encoding": {"x": {"field": "<DVC_METRIC_X>", "title": "<DVC_METRIC_X_LABEL>"}},
        "width": "<DVC_METRIC_PLOT_WIDTH>",
    }
    assert filled(template, x="a.b", title="Loss") == {
        "data": {"values": [{"a.b": 1, "loss": None, "rev": "r0"}]},
        "title": "Loss (test)",
        "encoding": {"x": {"field": "a\\.b", "title": "a.b"}},
        "width": "container",
    }


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ([], "own.json is no Vega-Lite template"),
        ({"mark": "bar"}, "own.json has no place for the data"),
        ({"data": DATA, "title": "<DVC_METRIC_TITEL>"}, "the anchor <DVC_METRIC_TITEL> is not known"),
        ({"data": DATA, "encoding": "<DVC_METRIC_Y>"}, "a.csv: its template needs y"),
        ({"data": DATA, "layer": [{"data": {"url": "http://x/"}}]}, "own.json loads data from elsewhere"),
    ],
)  # fmt: skip
def test_what_a_template_cannot_have_is_told(template: object, told: str) -> None:
    with pytest.raises(InputError) as caught:
        filled(template)
    assert told in caught.value.what


def test_a_template_gets_all_rows_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_template, "MAX_ROWS", 1)
    with pytest.raises(InputError, match=r"a\.csv has too many rows for a template"):
        filled({"data": DATA}, "a\n1\n2\n")
