"""Sizes and durations as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_mlvc.units import count_text, names_text, seconds_text, size_text


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (1_234, "1.2 kB"),
        (9_949, "9.9 kB"),
        (9_950, "10 kB"),
        (999_499, "999 kB"),
        (999_500, "1 MB"),
        (4_100_000_000, "4.1 GB"),
        (10**21, "1,000 EB"),
    ],
)
def test_size(size_bytes: int, text: str) -> None:
    assert size_text(size_bytes) == text


@given(st.integers(0, 10**20))
def test_size_is_short(size_bytes: int) -> None:
    assert len(size_text(size_bytes)) <= 6


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.96, "10 s"), (59.4, "59 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_seconds(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text


def test_count() -> None:
    assert [count_text(n, "file") for n in (0, 1, 2000)] == ["0 files", "1 file", "2,000 files"]


def test_names_are_cut_where_there_are_too_many() -> None:
    assert names_text(["a", "b"], most=2) == "a, b"
    assert names_text(["a", "b", "c"], most=2) == "a, b and 1 other file"
    assert names_text(["a", "b", "c"], most=1, noun="pack") == "a and 2 other packs"
