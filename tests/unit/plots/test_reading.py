"""Tables out of files: what is read, what is left out and told, what is refused and how."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_mlvc.errors import InputError
from git_mlvc.plots import reading
from git_mlvc.plots.table import Table, label, moment, number, numbers

ENDINGS = ("csv", "tsv", "json", "jsonl", "yaml")


def table(text: str, name: str = "loss.csv") -> Table:
    return reading.table(text.encode(), name)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "step,loss\n0,0.5\n1,0.25\n"),
        ("a.csv", "step;loss\r\n0;0.5\r\n\r\n1;0.25"),
        ("a.csv", "step;loss\n0;0,5\n1;,25\n"),
        ("a.tsv", "\ufeffstep\tloss\n0\t0.5\n1\t0.25\n"),
        ("a.json", '[{"step": 0, "loss": 0.5}, {"step": 1, "loss": 0.25}]'),
        ("a.json", '{"step": [0, 1], "loss": [0.5, 0.25]}'),
        (
            "a.json",
            '{"model": "mlp", "train": {"log": [{"step": 0, "loss": 0.5}, {"step": 1, "loss": 0.25}]}}',
        ),
        ("a.jsonl", '{"step": 0, "loss": 0.5}\n{"step": 1, "loss": 0.25}\n'),
        ("a.yaml", "- {step: 0, loss: 0.5}\n- {step: 1, loss: 0.25}\n"),
        ("dir.csv/A.YML", "step: [0, 1]\nloss: [0.5, 0.25]\n"),
    ],
)
def test_the_same_table_is_read_from_every_form(name: str, text: str) -> None:
    found = table(text, name)
    assert list(found.columns) == ["step", "loss"]
    assert [number(cell) for cell in found.columns["step"]] == [0, 1]
    assert [number(cell) for cell in found.columns["loss"]] == [0.5, 0.25]
    assert found.remarks == ()


def test_rows_that_do_not_fit_are_left_out_and_told() -> None:
    found = table("step,loss\n0,0.5\n1\n2,0.1,9\n3,0.2\n")
    assert list(found.columns["step"]) == ["0", "3"]
    assert found.remarks == ("2 rows left out: line 3 has 1 value, not 2",)


def test_rows_of_json_may_lack_columns_and_hold_tables() -> None:
    found = table('[{"step": 0}, {"loss": {"train": 1, "test": 2}}, 7, {"step": 2}]', "a.json")
    assert found.columns == {
        "step": [0, None, None, 2],
        "loss.train": [None, 1, None, None],
        "loss.test": [None, 2, None, None],
        "value": [None, None, 7, None],
    }


def test_of_several_tables_the_first_is_drawn_and_the_others_are_told() -> None:
    found = table('{"roc": [{"x": 1}], "prc": [{"x": 2}]}', "a.json")
    assert found.columns == {"x": [1]}
    assert found.remarks == ("drawn is 'roc'; not 'prc'",)


def test_numbers_by_name_are_names_with_values() -> None:
    assert table('{"loops": 3, "width": 1.5}', "a.json").columns == {
        "name": ["loops", "width"],
        "value": [3, 1.5],
    }


def test_the_index_that_data_frames_write_has_a_name() -> None:
    assert list(table(",loss\n0,1\n").columns) == ["index", "loss"]


def test_a_key_without_a_name_gets_one() -> None:
    assert table('[{"": 1}]', "a.json").columns == {"value": [1]}


def test_a_name_that_would_steer_a_terminal_is_written_as_its_code() -> None:
    assert list(table("a\x1b[31m,b\n1,2\n").columns) == ["a\\x1b[31m", "b"]
    assert list(table('[{"\\u001b[2J": 1}]', "a.json").columns) == ["\\x1b[2J"]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("loss.csv", "", "loss.csv has no columns to draw"),
        ("loss.csv", "0,0.5\n1,0.4\n", "loss.csv has no names of columns"),
        ("loss.csv", "a,b,a\n1,2,3\n", "loss.csv has two columns 'a'"),
        ("loss.csv", "a,,c\n1,2,3\n", "loss.csv: column 2 has no name"),
        ("loss.json", "[1,", "loss.json, line 1"),
        ("loss.json", '{"a": [1, 2], "b": [1]}', "loss.json: columns are not of one length"),
        ("loss.json", '"text"', "loss.json holds no table"),
        ("loss.json", "[[1, 2]]", "loss.json holds no rows"),
        ("loss.jsonl", "{\n{\n", "loss.jsonl holds no rows"),
        ("loss.yaml", "a: [", "loss.yaml, line"),
        ("loss.txt", "a,b\n", "loss.txt cannot be drawn"),
        (".csv", "a,b\n", ".csv cannot be drawn"),
    ],
)
def test_what_is_no_table_is_refused_by_name(name: str, text: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        table(text, name)
    assert caught.value.what.startswith(told)


def test_text_that_is_not_utf_8_is_told_with_its_line() -> None:
    with pytest.raises(InputError, match=r"loss\.csv, line 2 is not UTF-8 text"):
        reading.table(b"a,b\n\xff,1\n", "loss.csv")


def test_a_table_beyond_all_measure_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_TABLE_BYTES", 10)
    with pytest.raises(InputError, match=r"loss\.csv is too large to be drawn"):
        table("step,loss\n1,2\n")


def test_a_column_that_is_not_there_is_told_with_the_nearest() -> None:
    with pytest.raises(InputError) as caught:
        table("step,loss\n0,1\n").column("los", "loss.csv")
    assert caught.value.what == "loss.csv has no column 'los'"
    assert caught.value.why == "its columns are 'step', 'loss'"
    assert caught.value.hint == "did you mean 'loss'?"


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1.0), (" -2.5e-3 ", -0.0025), (".5", 0.5), ("+7.", 7.0), ("inf", math.inf), ("-Infinity", -math.inf)],
)  # fmt: skip
def test_numbers_are_read_as_programs_write_them(text: str, value: float) -> None:
    assert number(text) == value


@pytest.mark.parametrize("text", ["", "1_000", "0x10", "1,5", "++inf", "n/a", "--1", "true", "1 2"])
def test_what_only_looks_like_a_number_is_none(text: str) -> None:
    assert number(text) is None


def test_cells_that_are_no_numbers_are_counted_and_the_first_is_told() -> None:
    found, wrong = numbers(["1", "", "n/a", "nan", "?"], "loss")
    assert found[:3] == [1.0, None, None]
    assert math.isnan(found[3] or 0)
    assert wrong == "2 values of 'loss' are no numbers: 'n/a' in row 3"


def test_labels_are_as_people_write_them() -> None:
    assert [label(cell) for cell in (7.0, 7, "007", True, None, 0.5)] == [
        "7",
        "7",
        "007",
        "true",
        "",
        "0.5",
    ]


def test_moments_without_a_zone_are_utc() -> None:
    assert moment("1970-01-01") == 0
    assert moment("1970-01-01T01:00:00+01:00") == 0
    assert moment("1970-01-01 00:00:10.5Z") == 10.5
    assert moment("2024-13-45") is None
    assert moment("20240101") is None


cells = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
documents = st.recursive(
    cells,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(documents)
def test_any_json_gives_columns_of_one_height_or_says_why_not(document: object) -> None:
    try:
        found = reading.table(json.dumps(document).encode(), "any.json")
    except InputError as exc:
        assert "any.json" in exc.what
        return
    assert {len(column) for column in found.columns.values()} == {found.height}


@given(st.binary(max_size=80), st.sampled_from(ENDINGS))
def test_any_bytes_give_columns_of_one_height_or_say_why_not(data: bytes, ending: str) -> None:
    try:
        found = reading.table(data, f"any.{ending}")
    except InputError as exc:
        assert f"any.{ending}" in exc.what
        return
    assert {len(column) for column in found.columns.values()} == {found.height}
