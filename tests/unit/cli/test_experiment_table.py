"""The table of experiments as text, Markdown, HTML, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.extent import examples

from git_mlvc.cli.csv_form import csv_bytes
from git_mlvc.cli.experiments.cells import value_text
from git_mlvc.cli.experiments.table_fields import csv_table, fields
from git_mlvc.cli.experiments.table_lines import Style, draw
from git_mlvc.cli.experiments.table_markdown import markdown
from git_mlvc.cli.experiments.table_page import page
from git_mlvc.experiments.findings import Findings
from git_mlvc.experiments.table import DONE, Choice, Group, Row, Table, make
from git_mlvc.text_width import width

HOSTILE = "</title><script>alert(1)</script>|`*[x](http://e)\x1b[2J @team #1 \"' 漢字"


def row(name: str, acc: float, lr: object, text: object = "adam", state: str = DONE) -> Row:
    params = {
        ("params.toml", "train.lr"): lr,
        ("params.toml", "opt"): text,
        ("params.toml", "k"): 1,
    }
    metrics = {("metrics.json", "acc"): acc, ("metrics.json", "val.loss"): 1 / (acc + 1)}
    goals = {("metrics.json", "val.loss"): "min"}
    return Row(
        name, "c" * 40, state=state, duration_s=3.5, findings=Findings(params, metrics, goals)
    )


def table(**choice: object) -> Table:
    rows = (row("brisk-otter", 0.123456789, 0.1), row(HOSTILE, math.nan, [1, 2], HOSTILE))
    group = Group(row("main", 0.5, None, state=""), rows)
    return make([group], Choice(**choice))  # type: ignore[arg-type]


def test_through_a_pipe_the_table_is_plain_and_whole() -> None:
    drawn = draw(table(), Style())
    assert drawn.left_out == () and len(drawn.lines) == 4
    assert drawn.lines[0].split() == ["experiment", "acc", "val.loss", "train.lr", "opt", "k", "duration"]  # fmt: skip
    assert drawn.lines[1].split()[:4] == ["main", "0.5*", "0.666667*", "null"]
    assert drawn.lines[2].split()[:4] == ["brisk-otter", "0.123457", "0.89011", "0.1"]
    assert "\x1b" not in "".join(drawn.lines) and "\\x1b[2J" in drawn.lines[3]


@pytest.mark.parametrize("columns", [24, 30, 40, 60, 80, 120, 400])
def test_it_fits_a_terminal_of_any_width_and_says_what_it_left_out(columns: int) -> None:
    whole = table()
    drawn = draw(whole, Style(columns, bold="<b>", plain="</b>"))
    lines = [re.sub("</?b>", "", line) for line in drawn.lines]
    assert max(map(width, lines)) <= columns
    shown = lines[0].split()
    assert len(shown) == 1 + len(whole.columns) - len(drawn.left_out)
    assert shown[1] in ("acc", "val.loss", "loss")  # what it is sorted by stays
    assert "<b>0.666667*</b>" in drawn.lines[2]
    if columns == 400:
        assert drawn.left_out == ()


def test_long_names_give_way_to_what_was_measured_but_stay_different() -> None:
    names = ["a-rather-long-name-of-an-experiment-1", "a-rather-long-name-of-an-experiment-2"]
    rows = tuple(row(name, at / 7, at) for at, name in enumerate(names))
    whole = make([Group(row("main", 0.5, 2, state=""), rows)], Choice())
    drawn = draw(whole, Style(60))
    assert {"acc", "loss"} <= set(drawn.lines[0].split())
    assert [line.split()[0] for line in drawn.lines[3:]] == [
        "a-rather-l…xperiment-2",
        "a-rather-l…xperiment-1",
    ]
    one = draw(make([Group(whole.groups[0].baseline, rows[:1])], Choice()), Style(60))
    assert one.lines[3].split()[0] == "a-rather-long-nam…"


values = st.one_of(st.floats(), st.integers(), st.text(max_size=30), st.booleans(), st.none())
keys = st.text("abcdefgh漢.", min_size=1, max_size=25)


@settings(max_examples=examples(40))
@given(
    st.lists(st.dictionaries(keys, values, max_size=6), min_size=1, max_size=4),
    st.lists(st.dictionaries(keys, st.floats(), max_size=6), min_size=4, max_size=4),
    st.integers(26, 120),
)
def test_any_table_fits(
    params: list[dict[str, object]], metrics: list[dict[str, float]], columns: int
) -> None:
    rows = [
        Row(
            f"experiment-{at}",
            state=DONE,
            findings=Findings(
                {("p.toml", key): value for key, value in one.items()},
                {("m.json", key): value for key, value in metrics[at].items()},
            ),
        )
        for at, one in enumerate(params)
    ]
    whole = make([Group(Row("main"), tuple(rows))], Choice())
    drawn = draw(whole, Style(columns))
    assert max(map(width, drawn.lines)) <= columns
    assert len(drawn.lines) == len(rows) + 3
    page(whole), csv_table(whole), [*markdown(whole)]
    json.dumps(fields(whole, 0), allow_nan=False)


def test_what_is_equal_everywhere_goes_first() -> None:
    drawn = draw(table(), Style(60))
    assert [one.key for one in drawn.left_out][-1:] != ["acc"]
    assert "k" in {one.key for one in drawn.left_out}


def test_markdown_means_nothing_but_a_table() -> None:
    lines = [*markdown(table())]
    assert lines[0] == "| experiment | acc | val.loss | train.lr | opt | k | duration |"
    assert lines[2].startswith("| *main* | **0.5** | **0.666667** |")
    cells = [re.split(r"(?<!\\)\|", line) for line in lines]
    assert {len(one) for one in cells} == {9}
    assert not re.search(r"<|@t|#1|\x1b|(?<!\\)[`\[]", lines[4])


class Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_holds_hostile_names_as_text_and_asks_for_nothing() -> None:
    seen = Seen()
    seen.feed(page(table()))
    assert seen.tags.count("script") == 1 and "alert(1)" in seen.text
    names = {name for name, _ in seen.attributes}
    assert names.isdisjoint({"src", "href", "onclick", "onerror", "style"})
    policy = dict(seen.attributes)["content"] or ""
    assert "width=device-width" in policy  # the last one; the first is:
    first = next(value for name, value in seen.attributes if name == "content")
    assert first is not None and first.startswith("default-src 'none'; style-src 'sha256-")
    assert seen.tags.count("tr") == 4


def test_law_12_no_name_or_value_of_a_clone_is_an_order_to_a_spreadsheet() -> None:
    orders = ["=1+1", "+a", "-cmd|x", "@SUM(A1)", "\tx", "\r=1", "'=1"]
    numbers = ["-0.5", "+1e-3", "-inf", "-nan", "-1", "a=b", "", "x-y"]
    written = csv_bytes([orders, numbers, [-1, 0.5, None, "a\nb"]]).decode()
    assert [*csv.reader(io.StringIO(written, newline=""))] == [
        ["'=1+1", "'+a", "'-cmd|x", "'@SUM(A1)", "'\tx", "'\r=1", "'=1"],
        numbers,
        ["-1", "0.5", "", "a\nb"],
    ]


def test_csv_has_all_digits_and_json_is_strict() -> None:
    rows = [*csv.DictReader(io.StringIO(csv_table(table()).decode()))]
    assert rows[1]["acc"] == "0.123456789" and rows[1]["experiment"] == "brisk-otter"
    assert rows[2]["acc"] == "nan" and rows[2]["opt"] == HOSTILE and rows[2]["train.lr"] == "[1, 2]"
    assert rows[0]["experiment"] == "" and rows[0]["duration_s"] == "3.5"
    found = fields(table(), 3)
    text = json.dumps(found, allow_nan=False)
    experiments = json.loads(text)["baselines"][0]["experiments"]
    assert experiments[1]["metrics"]["metrics.json"]["acc"] == "NaN"
    assert experiments[1]["params"]["params.toml"]["train.lr"] == [1, 2]
    assert found["sorted_by"] == "val.loss"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (None, "null"),
        ("", '""'),
        (10**20, "1e+20"),
        (10**400, "very large"),
        (1e-05, "1e-05"),
        (math.inf, "inf"),
        ([1, "a"], '[1, "a"]'),
        ("a\nb", "a\\nb"),
    ],
)
def test_values_are_short(value: object, text: str) -> None:
    assert value_text(value) == text
