"""From tables to charts: what is guessed, what is left out and told, what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_mlvc.errors import InputError
from git_mlvc.plots import reading, series, specs, terminal
from git_mlvc.plots.chart import Bars, Chart, Lines, Matrix, Own, Scale, same_revisions
from git_mlvc.plots.definition import NAMES, Definition
from git_mlvc.plots.table import Table


def table(text: str) -> Table:
    return reading.table(text.encode(), "a.csv")


def charts(*texts: str, path: str = "a.csv", **options: object) -> list[Chart]:
    tables = {f"r{at}": table(text) for at, text in enumerate(texts)}
    return series.charts(Definition.of(path, options), tables)


def lines(*texts: str, **options: object) -> Lines:
    (chart,) = charts(*texts, **options)
    assert isinstance(chart, Lines)
    return chart


def test_without_a_word_each_column_of_numbers_is_a_line_over_the_steps() -> None:
    found = charts("epoch,step,time,loss,acc,note\n0,0,9.5,1,.5,a\n0,10,9.9,2,.6,b\n")
    assert [chart.title for chart in found] == ["a.csv: loss", "a.csv: acc"]
    for chart, ys in zip(found, ([1, 2], [0.5, 0.6]), strict=True):
        assert isinstance(chart, Lines)
        assert chart.x_label == "step"
        assert list(chart.series[0].xs) == [0, 10]
        assert list(chart.series[0].ys) == ys


def test_without_steps_the_number_of_the_row_is_x() -> None:
    chart = lines("loss\n1\n2\n")
    assert chart.x_label == "row"
    assert list(chart.series[0].xs) == [0, 1]


def test_columns_that_are_named_are_drawn_together() -> None:
    chart = lines("step,train,test\n0,1,2\n", y=["train", "test"], x="step", y_label="nats")
    assert [one.column for one in chart.series] == ["train", "test"]
    assert (chart.title, chart.x_label, chart.y_label) == ("a.csv", "step", "nats")


def test_lines_follow_x_and_skip_what_is_empty() -> None:
    chart = lines("step,loss\n2,3\n0,1\n1,\n,9\n")
    assert list(chart.series[0].xs) == [0, 2]
    assert chart.remarks == ("r0: 1 row left out, whose 'step' is no number",)


def test_nan_leaves_a_gap_and_is_told() -> None:
    chart = lines("step,loss\n0,1\n1,nan\n2,inf\n3,x\n")
    assert list(chart.series[0].ys) == [1, None, None]
    assert chart.remarks == (
        "r0: 1 value of 'loss' is no number: 'x' in row 4",
        "r0: 2 values of 'loss' are NaN or infinite",
    )


def test_a_revision_without_the_column_is_told_and_the_others_are_drawn() -> None:
    chart = lines("step,acc\n0,1\n", "step,loss\n0,2\n", x="step", y="loss")
    assert [one.revision for one in chart.series] == ["r1"]
    assert chart.remarks == ("r0 has no column 'loss'",)


def test_a_column_that_no_revision_has_is_an_error_with_the_nearest_name() -> None:
    with pytest.raises(InputError) as caught:
        charts("step,loss\n0,1\n", y="lss")
    assert caught.value.what == "a.csv has no column 'lss'"
    assert caught.value.hint == "did you mean 'loss'?"


def test_moments_and_names_can_be_x() -> None:
    moments = lines("day,loss\n2024-01-02,1\n2024-01-01,2\n", x="day", y="loss")
    assert moments.scale is Scale.TIME
    assert list(moments.series[0].ys) == [2, 1]
    names = lines("layer,size\nb,1\na,2\n", x="layer", y="size", template="line")
    assert names.scale is Scale.NAME
    assert list(names.series[0].xs) == ["b", "a"]


def test_actual_and_predicted_are_a_confusion_matrix() -> None:
    (chart,) = charts("actual,predicted\n10,10\n9,10\n9,9\n9,9\n", "actual,predicted\n9,9\n")
    assert isinstance(chart, Matrix)
    assert chart.labels == ("9", "10")
    assert chart.counts == {"r0": [[2, 1], [0, 1]], "r1": [[1, 0], [0, 0]]}
    assert (chart.actual_label, chart.predicted_label) == ("actual", "predicted")


def test_classes_can_be_any_two_columns() -> None:
    (chart,) = charts("a,b\ncat,dog\n", x="a", y="b", template="confusion_normalized")
    assert isinstance(chart, Matrix)
    assert chart.is_normalized
    assert chart.counts == {"r0": [[0, 0], [1, 0]]}
    with pytest.raises(InputError, match="which columns are the classes is not known"):
        charts("a,b,c\n1,2,3\n", template="confusion")


def test_of_too_many_classes_the_rest_is_drawn_together() -> None:
    text = "actual,predicted\n" + "".join(f"c{n},c{n}\n" * (2 if n < 49 else 1) for n in range(80))
    (chart,) = charts(text)
    assert isinstance(chart, Matrix)
    assert len(chart.labels) == 50
    assert chart.labels[-1] == "(others)"
    assert sum(map(sum, chart.counts["r0"])) == 49 * 2 + 31
    assert chart.counts["r0"][-1][-1] == 31
    assert "of 80 classes the 49 most frequent are drawn" in chart.remarks[0]


def test_names_with_one_number_each_are_bars() -> None:
    (chart,) = charts("feature,gain\nwidth,2\nloops,1\n")
    assert isinstance(chart, Bars)
    assert list(chart.series[0].xs) == ["width", "loops"]
    assert not chart.is_lying


def test_bars_lie_where_x_is_the_number_or_names_need_room() -> None:
    (chart,) = charts("feature,gain\nwidth,2\n", x="gain", y="feature", template="bar")
    assert isinstance(chart, Bars)
    assert chart.is_lying
    assert (chart.name_label, chart.value_label) == ("feature", "gain")
    (long,) = charts("feature,gain\nthe width of the stroke,2\n")
    assert isinstance(long, Bars)
    assert long.is_lying


def test_scattered_points_keep_their_order_and_take_the_first_two_columns() -> None:
    chart = lines("a,b\n3,1\n2,5\n", template="scatter")
    assert chart.is_scatter
    assert (chart.x_label, list(chart.series[0].xs)) == ("a", [3, 2])


def test_a_table_without_rows_or_numbers_is_an_error() -> None:
    with pytest.raises(InputError, match=r"a.csv has no rows to draw"):
        charts("step,loss\n")
    with pytest.raises(InputError, match=r"a.csv has no column of numbers to draw"):
        charts("a,b\nx,y\nx,z\n")


def test_columns_beyond_a_dozen_are_named_and_not_drawn() -> None:
    names = [f"m{n}" for n in range(14)]
    found = charts(",".join(names) + "\n" + ",".join("1" for _ in names) + "\n")
    assert len(found) == 12
    assert found[0].remarks == ("not drawn, name them with y: 'm12', 'm13'",)


def test_a_template_that_is_not_known_is_told_with_the_nearest() -> None:
    with pytest.raises(InputError) as caught:
        series.check_template("linear", "a.csv")
    assert caught.value.hint == "did you mean 'line'?"
    series.check_template("plots/mine.json", "a.csv")


def test_a_template_of_the_users_gets_all_rows() -> None:
    (chart,) = charts("step,loss\n0,1\n", template="plots/mine.json", y="loss")
    assert isinstance(chart, Own)
    assert chart.template == "plots/mine.json"


def test_revisions_that_show_the_same_are_told() -> None:
    text = "step,loss\n0,1\n"
    assert same_revisions(lines(text, "step,loss\n0,2\n", text)) == ("the same in r0 and r2",)


names = st.sampled_from(["step", "loss", "actual", "predicted", "a.b[0]", "x'\"<"])
cells = st.sampled_from(["", "1", "2.5", "nan", "-inf", "1e308", "-1e308", "2024-01-01", "cat", "1e-320"])  # fmt: skip
tables = st.lists(names, min_size=1, max_size=4, unique=True).flatmap(
    lambda columns: st.lists(
        st.lists(cells, min_size=len(columns), max_size=len(columns)), max_size=6
    ).map(lambda rows: Table({name: [row[at] for row in rows] for at, name in enumerate(columns)}))
)


@given(
    st.lists(tables, min_size=1, max_size=3),
    st.sampled_from(("", *NAMES)),
    names | st.just(""),
    st.lists(names, max_size=2),
    st.integers(20, 90),
    st.booleans(),
)
def test_any_tables_can_be_drawn_everywhere_or_the_error_names_the_file(
    found: list[Table], template: str, x: str, y: list[str], width: int, can_draw: bool
) -> None:
    definition = Definition("a.csv", x=x, y=tuple(y), template=template)
    revisions = [f"r{at}" for at in range(len(found))]
    try:
        drawn = series.charts(definition, dict(zip(revisions, found, strict=True)))
    except InputError as exc:
        assert "a.csv" in exc.what
        return
    for chart in drawn:
        panels, _ = specs.panels(chart, revisions)
        assert panels
        shown = terminal.lines(chart, revisions, terminal.Style(width, can_draw))
        assert max(map(len, shown)) <= width
        assert can_draw or "\n".join(shown).isascii()
