"""The table of experiments: names of columns, order, goals, what is best, what is hidden."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_mlvc.errors import UsageError
from git_mlvc.experiments.columns import Column, Columns, Kind
from git_mlvc.experiments.findings import Findings
from git_mlvc.experiments.table import DONE, Choice, Group, Row, Table, make
from git_mlvc.formats import dotted_key

LR = Column(Kind.PARAM, "params.toml", "train.lr")
ACC = Column(Kind.METRIC, "metrics.json", "acc")
LOSS = Column(Kind.METRIC, "metrics.json", "loss")
OTHER = Column(Kind.METRIC, "val/metrics.json", "loss")


def row(name: str, lr: object = 0.1, state: str = DONE, **metrics: float) -> Row:
    values = {("metrics.json", key): value for key, value in metrics.items()}
    params: dict[tuple[str, str], object] = {("params.toml", "train.lr"): lr}
    goals = {("metrics.json", "loss"): "min"} if "loss" in metrics else {}
    return Row(name, name * 8, state=state, findings=Findings(params, values, goals))


GROUP = Group(
    row("main", state="", acc=0.5, loss=0.9),
    (
        row("a", acc=0.9, loss=0.3),
        row("b", lr=0.01, acc=0.7, loss=0.1),
        row("c", lr="auto", acc=0.9, loss=math.nan),
        row("d", lr=[1, 2], state="running"),
    ),
)


def table(*groups: Group, **choice: object) -> Table:
    return make(groups or [GROUP], Choice(**choice))  # type: ignore[arg-type]


def names(found: Table) -> list[str]:
    return [one.name for one in found.rows]


def test_the_baseline_is_first_then_the_best_by_the_goal_and_what_has_no_value_is_last() -> None:
    found = table()
    assert names(found) == ["main", "b", "a", "c", "d"] and found.sorted_by == LOSS
    assert names(table(sort="-loss")) == ["main", "a", "b", "c", "d"]
    assert names(table(sort="acc")) == ["main", "a", "c", "b", "d"]
    assert names(table(sort="-metrics.acc")) == ["main", "b", "a", "c", "d"]
    assert names(table(sort="lr")) == ["main", "b", "a", "c", "d"]
    assert names(table(sort="-name")) == ["main", "d", "c", "b", "a"]


def test_the_best_of_each_metric_is_known_where_values_differ() -> None:
    found = table()
    assert found.best == {ACC: 0.9, LOSS: 0.1}
    assert found.is_best(ACC, 0.9) and not found.is_best(LOSS, math.nan)
    equal = Group(row("main", state="", acc=1), (row("a", acc=1.0),))
    assert table(equal).best == {}


def test_the_filter_leaves_baselines_and_drops_groups_only_where_asked() -> None:
    assert names(table(filter="acc > 0.8 and lr <= 0.1")) == ["main", "a"]
    assert names(table(filter="params.lr == 'auto' or state != 'done'")) == ["main", "c", "d"]
    other = Group(row("old", state=""), (row("z", acc=0.1),))
    assert names(table(GROUP, other, filter="acc > 0.8", drops_empty=True)) == ["main", "a", "c"]
    with pytest.raises(UsageError) as alone:
        table(filter="lr < 1 and not acc")
    assert "compare it" in alone.value.why
    with pytest.raises(UsageError) as typo:
        table(filter="acc > 0.8 and lrr < 1")
    assert "did you mean" in typo.value.hint
    assert typo.value.why.split("\n")[1].index("^") == len("acc > 0.8 and ")


def test_columns_that_are_equal_everywhere_are_hidden_with_nan_as_one_value() -> None:
    group = Group(row("main", state="", acc=math.nan), (row("a", acc=math.nan),))
    found = table(group, only_changed=True)
    assert found.columns == () and set(found.hidden) == {ACC, LR}
    changed = replace(group, rows=(row("a", lr=0.2, acc=1), row("b")))
    assert set(table(changed, only_changed=True).columns) == {ACC, LR}  # missing differs


def test_columns_are_chosen_in_the_order_they_are_named() -> None:
    assert table(columns=("lr", "name", "loss", "lr")).columns == (LR, LOSS)
    assert table(columns=("*.lr", "metrics.*", "s*")).columns[:3] == (LR, ACC, LOSS)
    with pytest.raises(UsageError):
        table(columns=("zz*",))
    assert [one.key for one in table().columns] == ["state", "acc", "loss", "train.lr"]


def test_a_short_name_works_when_it_is_unique_and_else_the_choices_are_named() -> None:
    known = Columns([ACC, LOSS, OTHER, LR, Column(Kind.PARAM, "params.toml", "opt.lr")])
    assert known.find("acc") == known.find("metrics.json:acc") == known.find("metrics.acc") == ACC
    assert known.find("train.lr") == known.find("params.params.toml:train.lr") == LR
    assert [known.label(one) for one in (ACC, LOSS, OTHER, LR)] == [
        "acc",
        "metrics.json:loss",
        "val/metrics.json:loss",
        "train.lr",
    ]
    for word in ("loss", "metrics.loss"):
        with pytest.raises(UsageError) as several:
            known.find(word)
        assert "metrics.json:loss, val/metrics.json:loss" in several.value.what
    with pytest.raises(UsageError) as lr:
        known.find("lr")
    assert "train.lr, opt.lr" in lr.value.what
    for word, near in (("metrics.ac", "acc"), ("los", "loss"), ("trian.lr", "train.lr")):
        with pytest.raises(UsageError) as unknown:
            known.find(word)
        assert near in unknown.value.hint
    with pytest.raises(UsageError) as strange:
        known.find("zzzzzz")
    assert "acc, metrics.json:loss" in strange.value.hint


def test_one_key_in_params_and_metrics_and_odd_keys_have_names_too() -> None:
    seed = Column(Kind.PARAM, "params.toml", "seed")
    drawn = Column(Kind.METRIC, "metrics.json", "seed")
    odd = Column(Kind.PARAM, "params.toml", 'model."a.b"')
    took = Column(Kind.METRIC, "metrics.json", "duration")
    known = Columns([seed, drawn, odd, took])
    assert known.label(seed) == "params.seed" and known.find("metrics.seed") == drawn
    assert known.find('model."a.b"') == known.find("'a.b'") == known.find('params."a.b"') == odd
    assert known.label(took) == "metrics.duration" and known.find("metrics.duration") == took
    assert known.find("duration").kind is Kind.FIXED


parts = st.sampled_from(["a", "b", "metrics", "params", "duration", "x y", "a.b", "m:k", "'q", "é"])
columns = st.builds(
    lambda kind, file, key: Column(kind, file, dotted_key.written(tuple(key))),
    st.sampled_from([Kind.METRIC, Kind.PARAM]),
    st.sampled_from(["a", "metrics.json", "metrics", "d/p.toml", "my file.toml"]),
    st.lists(parts, min_size=1, max_size=3),
)


@given(st.lists(columns, max_size=8))
def test_what_a_column_is_called_means_that_column(some: list[Column]) -> None:
    known = Columns(some)
    for column in known.all:
        assert known.find(known.label(column)) == column


@given(st.lists(columns, max_size=8), st.text(max_size=12))
def test_any_word_means_one_column_or_is_refused(some: list[Column], word: str) -> None:
    try:
        assert Columns(some).find(word) in Columns(some).all
    except UsageError as refused:
        assert refused.hint
