"""Values as people read them: digits, Markdown, and tables that fit."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_mlvc.cli.comparisons import fitting, markdown
from git_mlvc.cli.comparisons.figures import (
    change_text,
    number_text,
    percentage_text,
    shortened,
    value_text,
)


@pytest.mark.parametrize(
    ("number", "digits", "text"),
    [
        (0.9876543, 5, "0.98765"),
        (0.5, 5, "0.5"),
        (123456.789, 5, "123457"),
        (0.0000123456, 3, "1.23e-05"),
        (1e300, 5, "1e+300"),
        (123456789, 2, "123456789"),
        (-0.0, 5, "0"),
        (1.0, 5, "1"),
        (0.1, None, "0.1"),
        (math.nan, 5, "nan"),
        (-math.inf, 5, "-inf"),
        (0.1 + 0.2, 17, "0.30000000000000004"),
    ],
)
def test_a_number_has_as_many_digits_as_help(number: float, digits: int | None, text: str) -> None:
    assert number_text(number, digits) == text


@given(st.floats() | st.integers(), st.integers(1, 17))
def test_a_number_is_never_far_from_its_text(number: float, digits: int) -> None:
    shown = float(number_text(number, digits)) if abs(number) < 1e300 else number
    assert shown == pytest.approx(number, rel=10 ** (1 - digits), nan_ok=True)
    assert (
        float(number_text(number, None)) == float(number) or number != number
        if abs(number) < 1e300
        else True
    )


@pytest.mark.parametrize(
    ("percentage", "text"),
    [
        (None, ""), (0.0, "0 %"), (2.1978, "+2.2 %"), (-21.93, "-21.9 %"), (1250.4, "+1,250 %"),
        (0.0312, "+0.03 %"), (-0.00012, "-0.0001 %"), (0.00000012, "+1e-07 %"), (3e9, "+3.0e+09 %"),
    ],
)  # fmt: skip
def test_a_percentage_has_a_sign_and_few_digits(percentage: float | None, text: str) -> None:
    assert percentage_text(percentage) == text


def test_changes_and_other_values_are_one_line_each() -> None:
    assert [change_text(one, 5) for one in (0.02, -3, 0, None, math.inf)] == [
        "+0.02",
        "-3",
        "0",
        "",
        "+inf",
    ]
    assert [value_text(one, 5) for one in (True, None, "a b", "a\n\x1b[1m", "", " x", [1, "é"], {"a": 1.0})] == [
        "true", "null", "a b", '"a\\n\\u001b[1m"', '""', '" x"', '[1,"\\u00e9"]', '{"a":1.0}',
    ]  # fmt: skip
    assert len(shortened("x" * 500)) == 60


def test_a_markdown_table_is_aligned_and_shows_texts_as_they_are() -> None:
    lines = markdown.table(
        ["key", ">a|b"], [["val_loss", "1"], ["__x__ *y* <b>", "a|b\n`c`"], ["@who #1 a@b", ""]]
    )
    assert lines == [
        r"| key                 |       a\|b |",
        r"| ------------------- | ---------: |",
        r"| val_loss            |          1 |",
        r"| \__x_\_ \*y\* \<b\> | a\|b \`c\` |",
        r"| &#64;who &#35;1 a@b |            |",
    ]


@given(st.lists(st.lists(st.text(max_size=8), min_size=2, max_size=2), max_size=4))
def test_no_cell_breaks_out_of_a_markdown_table(rows: list[list[str]]) -> None:
    lines = markdown.table(["a", ">b"], rows)
    assert len(lines) == len(rows) + 2
    for line in lines:
        assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) == 3
        assert len(line.splitlines()) == 1


@given(
    st.integers(1, 6).flatmap(
        lambda n: st.lists(
            st.lists(st.text("ab", max_size=30), min_size=n, max_size=n), min_size=1, max_size=3
        )
    ),
    st.integers(20, 80),
)
def test_every_column_is_shown_once_and_nothing_is_wider_than_it_has_to_be(
    rows: list[list[str]], width: int
) -> None:
    columns = [str(at) for at in range(len(rows[0]))]
    found = list(fitting.blocks(columns, rows, width))
    assert [name for names, _ in found for name in names[1:]] == columns[1:]
    for names, cells in found:
        assert names[0] == "0"
        widths = [max(len(names[at]), *(len(row[at]) for row in cells)) for at in range(len(names))]
        assert sum(widths) + 3 * (len(widths) - 1) <= width or len(widths) <= 2
    assert list(fitting.blocks(columns, rows, None)) == [(columns, rows)]
