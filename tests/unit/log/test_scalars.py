"""Numbers and parameters from whatever a script has in its hands."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Any

import pytest

from git_mlvc.log.scalars import number, plain, plain_where_possible, step_number


class OfOneElement:
    """What numpy, torch and jax have in common."""

    def __init__(self, value: Any, shape: tuple[int, ...] = ()) -> None:
        self.value, self.shape = value, shape

    def item(self) -> Any:
        if self.shape:
            raise ValueError("only arrays of one element")
        return self.value

    def tolist(self) -> Any:
        return self.value


class Numpys(float):
    """As numpy's float64: a float of its own that knows `item`."""

    def item(self) -> float:
        return float(self)


class Level(IntEnum):
    HIGH = 3


@pytest.mark.parametrize(
    ("given", "expected"),
    [(1, 1), (0.25, 0.25), (OfOneElement(2), 2), (OfOneElement(0.5), 0.5), (Numpys(0.5), 0.5),
     (Decimal("0.5"), 0.5), (Fraction(1, 4), 0.25), (Level.HIGH, 3), (10**20, 10**20)],
)  # fmt: skip
def test_what_is_one_number_is_logged_as_python_s_own(given: Any, expected: float) -> None:
    found = number("loss", given)
    assert found == expected
    assert type(found) is type(expected)


def test_nan_and_infinity_are_numbers() -> None:
    assert math.isnan(number("loss", float("nan")))
    assert number("loss", OfOneElement(-math.inf)) == -math.inf


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (True, "is True: log int"),
        (OfOneElement(False), "is False: log int"),
        ("0.3", "is '0.3', not a number"),
        (b"1", "is b'1', not a number"),
        (None, "is a NoneType, not a number"),
        (1j, "is a complex, not a number"),
        ([1.0], "is a list, not a number"),
    ],
)
def test_what_is_no_number_is_refused_by_name(given: object, why: str) -> None:
    with pytest.raises(TypeError, match=f"metric 'loss' {why}"):
        number("loss", given)


def test_several_numbers_are_refused_with_a_way_out() -> None:
    with pytest.raises(
        ValueError, match=r"array of the shape \(2, 3\): log one number, such as its"
    ):
        number("loss", OfOneElement(0, (2, 3)))
    with pytest.raises(ValueError, match="more than 300 digits"):
        number("loss", 1 << 2000)


def test_steps_are_whole_numbers() -> None:
    assert step_number("loss", 3) == 3
    for wrong in (0.5, 3.0, "3", True, None):
        with pytest.raises(TypeError, match="the step of 'loss' has to be a whole number"):
            step_number("loss", wrong)


@dataclass
class Net:
    width: int
    words: tuple[str, ...]


def test_parameters_become_what_json_holds() -> None:
    given = {
        "net": Net(3, ("a", "b")), "path": PurePosixPath("a/b"), "set": {2, 1}, "none": None, "yes": True,
        "array": OfOneElement([1, 2], (2,)), "one": OfOneElement(0.5), "args": argparse.Namespace(lr=0.1), 7: "x",
        "level": Level.HIGH,
    }  # fmt: skip
    assert plain("params", given) == {
        "net": {"width": 3, "words": ["a", "b"]}, "path": "a/b", "set": [1, 2], "none": None, "yes": True,
        "array": [1, 2], "one": 0.5, "args": {"lr": 0.1}, "7": "x", "level": 3,
    }  # fmt: skip


def test_a_parameter_that_cannot_be_written_is_named() -> None:
    with pytest.raises(TypeError, match=r"parameter 'net.layers\[1\]' is a object"):
        plain("net", {"layers": [1, object()]})
    assert plain_where_possible({"a": 1, "b": object(), "c": {"d": object()}}) == {"a": 1}
