"""Texts as a terminal shows them: wide ones, accents, and what would steer it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from git_mlvc import text_width
from git_mlvc.cli.comparisons import fitting, markdown
from git_mlvc.cli.output import aligned
from git_mlvc.plots import terminal
from git_mlvc.plots.chart import Bars, Lines, Matrix, Scale, Series

WORDS = ("loss", "損失", "e\u0301te\u0301", "🙂 ok", "한국어", "ラベル")


@pytest.mark.parametrize(
    ("text", "columns"),
    [("loss", 4), ("損失", 4), ("e\u0301", 1), ("한국", 4), ("🙂", 2), ("ｱ", 1), ("", 0)],
)
def test_wide_signs_take_two_columns_and_accents_none(text: str, columns: int) -> None:
    assert text_width.width(text) == columns


def test_what_is_measured_here_is_as_wide_as_in_tables_of_rich() -> None:
    for sign in map(chr, range(0x20, 0x2900)):
        if sign.isprintable():
            assert text_width.width(sign) == cell_len(sign), ascii(sign)


def test_half_of_a_wide_sign_is_never_left_and_no_accent_without_its_letter() -> None:
    assert [text_width.cut("損失関数", columns) for columns in (8, 7, 6, 3, 2, 0)] == [
        *("損失関数", "損失関…", "損失…", "損…", "…", ""),
    ]
    assert [text_width.cut_start("損失関数", columns) for columns in (8, 6, 1)] == [
        *("損失関数", "…関数", "…"),
    ]
    assert text_width.cut_start("abe\u0301", 2) == "…e\u0301"
    assert text_width.cut("e\u0301te\u0301", 2, "") == "e\u0301t"


def test_joined_emoji_stay_joined_and_what_steers_a_terminal_is_written_as_its_code() -> None:
    assert text_width.shown("👩\u200d💻 क्\u200dष") == "👩\u200d💻 क्\u200dष"
    assert text_width.shown("a\u200db\x1b[1m\u202e") == "a\\u200db\\x1b[1m\\u202e"


@given(st.text(max_size=30), st.integers(0, 20))
def test_what_is_cut_fits(text: str, columns: int) -> None:
    shown = text_width.shown(text)
    assert text_width.width(text_width.cut(shown, columns)) <= columns
    assert text_width.width(text_width.cut_start(shown, columns)) <= columns


def test_all_tables_measure_with_these() -> None:
    rows = [[word, "1"] for word in WORDS]
    widths = lambda lines: {text_width.width(line) for line in lines}  # noqa: E731
    assert len(widths(aligned(rows, [False, True]))) == 1
    assert len(widths(markdown.table(["name", ">value"], rows))) == 1
    ((_, cells),) = fitting.blocks(["name", ">v"], [["損失" * 20, "1"]], 30)
    assert text_width.width(cells[0][0]) <= 30

    style = terminal.Style(40)
    counts = {"a": [[3] * len(WORDS)] * len(WORDS)}
    matrix = terminal.lines(Matrix("", "予測", "正解", WORDS, counts), ["a"], style)
    assert widths(matrix[1:]) == {text_width.width(matrix[1])}
    long = ["airplane", "automobile", "bird", *WORDS]
    narrow = Matrix("", "a", "b", tuple(long), {"a": [[3] * len(long)] * len(long)})
    assert "aut" in terminal.lines(narrow, ["a"], terminal.Style(48))[1].split()
    assert "too wide to be shown here" in terminal.lines(narrow, ["a"], terminal.Style(30))
    xs, ys = list(WORDS), [1.0] * len(WORDS)
    bars = terminal.lines(Bars("", "", "", (Series("a", "b", xs, ys),)), ["a"], style)
    assert len(widths(bars)) == 1
    named = tuple(Series(f"実験{'験' * at}", "b", [0.0, 1.0], [0.0, 1.0]) for at in range(6))
    drawn = terminal.lines(
        Lines("", "時" * 60, "", Scale.NUMBER, named), [one.revision for one in named], style
    )
    assert max(widths(drawn)) <= 40
