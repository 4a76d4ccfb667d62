"""What became of numbers: direction, size, percentage, and whether it is better."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from git_mlvc.metrics import difference, goals
from git_mlvc.metrics.difference import Difference, Direction

numbers = st.one_of(st.integers(), st.floats(), st.sampled_from([10**400, -(10**400), 0, -0.0]))
maybe = st.none() | numbers


@pytest.mark.parametrize(
    ("old", "new", "direction", "change", "percentage"),
    [
        (1, 3, Direction.UP, 2, 200.0),
        (-4, -5, Direction.DOWN, -1, -25.0),
        (2, 2.0, Direction.SAME, 0, 0.0),
        (0, 1, Direction.UP, 1, None),
        (0, 0, Direction.SAME, 0, None),
        (None, 1, Direction.ADDED, None, None),
        (1, None, Direction.REMOVED, None, None),
        (math.nan, math.nan, Direction.SAME, 0, None),
        (1.0, math.nan, Direction.UNORDERED, None, None),
        (math.nan, 1.0, Direction.UNORDERED, None, None),
        (1.0, math.inf, Direction.UP, math.inf, None),
        (math.inf, 1.0, Direction.DOWN, -math.inf, None),
        (math.inf, math.inf, Direction.SAME, 0, None),
        (10**400, 0.5, Direction.DOWN, -math.inf, None),
        (1e-320, 1e300, Direction.UP, 1e300, None),
    ],
)
def test_where_a_number_went(
    old: float | None,
    new: float | None,
    direction: Direction,
    change: float | None,
    percentage: float | None,
) -> None:
    one = Difference("a", old, new)
    assert (one.direction, one.change) == (direction, change)
    assert one.percentage == percentage


@example(10**400, math.nan, "")
@given(maybe, maybe, st.sampled_from(["", "max", "min"]))
def test_any_two_numbers_can_be_told_apart_and_back(
    old: float | None, new: float | None, goal: str
) -> None:
    there, back = Difference("a", old, new, goal), Difference("a", new, old, goal)
    mirror = {Direction.UP: Direction.DOWN, Direction.ADDED: Direction.REMOVED}
    mirror |= {value: key for key, value in mirror.items()}
    assert back.direction is mirror.get(there.direction, there.direction)
    assert there.change is None or back.change == -there.change
    assert there.percentage is None or there.percentage == there.percentage
    assert not (there.is_better and back.is_better)
    if there.direction in (Direction.UP, Direction.DOWN) and goal:
        assert there.is_better is ((there.direction is Direction.UP) == (goal == "max"))
        assert back.is_better is not there.is_better
    if there.direction is Direction.SAME or not goal:
        assert there.is_better is None


def test_what_is_no_number_is_never_better_and_any_number_is_better_than_it() -> None:
    for goal in ("max", "min"):
        assert Difference("a", 1.0, math.nan, goal).is_better is False
        assert Difference("a", math.nan, 1.0, goal).is_better is True


def test_a_goal_is_for_all_values_or_by_key_or_by_the_end_of_a_key() -> None:
    keys = ["loss", "val.loss", "val.acc", 'val."a.b"', "x"]
    assert goals.of("min", keys) == dict.fromkeys(keys, "min")
    assert goals.of(None, keys) == {}
    assert goals.of({"loss": "min"}, keys) == {"loss": "min"}
    assert goals.of({"loss": "min"}, keys[1:]) == {"val.loss": "min"}
    assert goals.of({"acc": "max", "val.loss": "min", '"a.b"': "min"}, keys) == {
        "val.loss": "min",
        "val.acc": "max",
        'val."a.b"': "min",
    }
    both = ["a.loss", "b.loss"]
    assert goals.of({"loss": "min"}, both) == {"a.loss": "min", "b.loss": "min"}
    assert goals.of({"loss": "min", "b.loss": "max"}, both) == {"a.loss": "min", "b.loss": "max"}
    assert goals.of({"[": "min"}, both) == {}
    assert goals.of({"loss": "max", "b/loss": "min"}, both) == {"a.loss": "max", "b.loss": "min"}
    assert goals.of({"b/loss": "min"}, [*both, "deep.b/loss"]) == {"deep.b/loss": "min"}


def test_both_sides_keys_are_compared_the_new_ones_first() -> None:
    found = difference.between({"b": 1, "gone": 2}, {"new": 1, "b": 2}, {"b": "min"})
    assert [(one.key, one.direction, one.is_better) for one in found] == [
        ("new", Direction.ADDED, None),
        ("b", Direction.UP, False),
        ("gone", Direction.REMOVED, None),
    ]
