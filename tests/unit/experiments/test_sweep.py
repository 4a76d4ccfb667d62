"""Several values for a parameter, and the points that they span."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_mlvc.errors import UsageError
from git_mlvc.experiments import assignment, sweep
from git_mlvc.experiments.sweep import Choices, Interval


class Fit:
    """Of a parameter that is `current` now."""

    def __init__(self, current) -> None:
        self.current = current
        self.is_whole = isinstance(current, int) and not isinstance(current, bool)

    def text(self, typed: str) -> object:
        return assignment.fitting(typed, self.current, "lr")

    def value(self, value: object) -> object:
        return assignment.suited(value, self.current, "lr")


def values(text: str, current: object = 0.5) -> list[object]:
    found = sweep.dimension(text, Fit(current), "lr")
    assert isinstance(found, Choices)
    return list(found.values)


@pytest.mark.parametrize(
    ("text", "current", "expected"),
    [
        ("0.1,0.01", 0.5, [0.1, 0.01]),
        (" 0.1 , 1", 0.5, [0.1, 1.0]),
        ("1,2,2,1", 7, [1, 2]),
        ("range(5)", 7, [0, 1, 2, 3, 4]),
        ("range(2,5)", 7, [2, 3, 4]),
        ("range(5,0,-2)", 7, [5, 3, 1]),
        ("range(0.1,0.5,0.1)", 0.5, [0.1, 0.2, 0.3, 0.4]),
        ("range(2)", 0.5, [0.0, 1.0]),
        ("range(3),10,20", 7, [0, 1, 2, 10, 20]),
        ("sgd,adam", "sgd", ["sgd", "adam"]),
        ('"a,b",c', "x", ["a,b", "c"]),
        ("'a,b'", "x", ["a,b"]),
        (r'"a\",b",c', "x", ['a",b', "c"]),
        ("[1,2],[3]", [1], [[1, 2], [3]]),
        ("[1,[2,3]]", [1], [[1, [2, 3]]]),
        ("{a = 1, b = 2},{a = 3}", {"a": 1}, [{"a": 1, "b": 2}, {"a": 3}]),
        ("true,false", True, [True, False]),
        ("f(a,b)", "x", ["f(a,b)"]),
        ("", "x", [""]),
        ("it's, fine", "x", ["it's, fine"]),
    ],
)
def test_a_comma_separates_values_unless_it_is_in_quotes_or_brackets(text, current, expected):
    assert values(text, current) == expected


@pytest.mark.parametrize(
    ("text", "several"),
    [("0.1", False), ("a,b", True), ("range(3)", True), ("uniform(0,1)", True), ("[1,2]", False)],
)
def test_what_is_several_values_is_known_without_the_parameter(text, several):
    assert sweep.is_several(text) is several


@pytest.mark.parametrize(
    ("text", "current", "said"),
    [
        ("0.1,", 0.5, "no value between"),
        ("a,,b", "x", "no value between"),
        ("0.1,x", 0.5, "number"),
        ("range(0)", 1, "no value"),
        ("range(5,1)", 1, "no value"),
        ("range(1,5,0)", 1, "step of 0"),
        ("range(a)", 1, "numbers"),
        ("range()", 1, "numbers"),
        ("range(1,2,3,4)", 1, "1 to 3"),
        ("range(1e99)", 1, "at most"),
        ("range(nan)", 1, "finite"),
        ("range(1e400)", 1.0, "finite"),
        ("range(0,1,0.5)", 1, "whole number"),
        ("uniform(1)", 0.5, "2 numbers"),
        ("uniform(2,1)", 0.5, "smaller"),
        ("loguniform(0,1)", 0.5, "above 0"),
        ("uniform(0,1),3", 0.5, "alone"),
        ("uniform(0,1)", "text", "text"),
        ("uniform(0.5,9)", 3, "whole number"),
    ],
)
def test_mistakes_are_told(text, current, said):
    with pytest.raises(UsageError) as told:
        sweep.dimension(text, Fit(current), "lr")
    assert said in f"{told.value} {told.value.hint}"


def test_a_grid_has_all_points_the_last_parameter_varies_fastest():
    points = sweep.grid({"lr": Choices((0.1, 0.01)), "seed": Choices((1, 2))})
    assert points == [
        {"lr": 0.1, "seed": 1},
        {"lr": 0.1, "seed": 2},
        {"lr": 0.01, "seed": 1},
        {"lr": 0.01, "seed": 2},
    ]
    with pytest.raises(UsageError, match="interval"):
        sweep.grid({"lr": Interval(0, 1)})
    with pytest.raises(UsageError, match="1,000,000"):
        sweep.grid({key: Choices(tuple(range(100))) for key in "abc"})


GRIDS = st.dictionaries(
    st.sampled_from("abc"),
    st.lists(st.integers(), min_size=1, max_size=4, unique=True).map(lambda xs: Choices(tuple(xs))),
    min_size=1,
)


@given(GRIDS, st.integers(0, 70), st.integers())
def test_a_sample_of_a_grid_has_no_point_twice_and_begins_the_same_however_long(dims, wanted, seed):
    points = sweep.sample(dims, wanted, random.Random(seed).random)
    assert len(points) == min(wanted, sweep.count(dims))
    whole = [sweep.canonical(point) for point in sweep.grid(dims)]
    taken = [sweep.canonical(point) for point in points]
    assert len(set(taken)) == len(taken)
    assert set(taken) <= set(whole)
    more = sweep.sample(dims, wanted + 3, random.Random(seed).random)
    assert more[: len(points)] == points


@given(
    st.floats(1e-9, 1e9),
    st.floats(1e-9, 1e9),
    st.booleans(),
    st.floats(0, 1, exclude_max=True),
)
def test_what_is_drawn_lies_in_its_interval(a, b, is_log, share):
    low, high = sorted((a, b))
    if low < high:
        assert low <= Interval(low, high, is_log).at(share) <= high
        whole = Interval(int(low) + 1, int(high) + 2, is_log, is_whole=True).at(share)
        assert isinstance(whole, int)
        assert int(low) + 1 <= whole <= int(high) + 2


def test_samples_of_intervals():
    dims = {
        "lr": sweep.dimension("loguniform(1e-5,1e-1)", Fit(0.5), "lr"),
        "n": sweep.dimension("uniform(1,3)", Fit(3), "n"),
        "kind": Choices(("a", "b")),
    }
    points = sweep.sample(dims, 200, random.Random(0).random)
    assert len(points) == 200
    assert {point["n"] for point in points} == {1, 2, 3}
    small = sum(point["lr"] < 1e-3 for point in points)
    assert 60 < small < 140  # half of the decades
    assert sweep.sample({"n": dims["n"]}, 9, random.Random(0).random) != []
    assert len(sweep.sample({"n": dims["n"]}, 9, random.Random(0).random)) == 3


def test_a_sweep_is_known_by_what_it_is_made_of():
    one = sweep.identity(["a" * 40, sweep.described({"lr": Choices((0.1,)), "n": Interval(0, 1)})])
    same = sweep.identity(["a" * 40, sweep.described({"n": Interval(0, 1), "lr": Choices((0.1,))})])
    assert one == same != sweep.identity(["b" * 40, []])
