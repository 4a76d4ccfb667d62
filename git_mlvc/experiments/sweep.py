"""Sweeps: several values for some parameters, and the points that they span. Pure.

What is written after `KEY=`, where a comma separates values unless it stands in quotes or brackets:

    0.1,0.01                values as they are written in TOML; what is no TOML is text
    range(5)                0 1 2 3 4; range(2,5), range(0.1,0.5,0.1): the end is not one of them
    [1,2],[3]               two lists
    uniform(0,1)            any number between the two, for samples and searches; whole ones for a whole parameter
    loguniform(1e-5,1e-1)   the same, with as many between 1e-5 and 1e-4 as between 1e-2 and 1e-1
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Protocol

from blake3 import blake3

from git_mlvc.errors import UsageError

MOST_POINTS = 10_000
_CALL = re.compile(r"\s*(range|uniform|loguniform)\s*\((.*)\)\s*", re.DOTALL)
_PAIRS = {"(": ")", "[": "]", "{": "}"}
_DIGITS = 6  # of a number that was drawn: enough for any parameter, and still to be read
_ATTEMPTS = 1000
_ID_DIGITS = 10


@dataclass(frozen=True, slots=True)
class Choices:
    """Values of JSON to choose from, distinct, in the order in which they were written."""

    values: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Interval:
    """All numbers from `low` to `high`. `is_whole`: whole ones only, `high` one of them."""

    low: float
    high: float
    is_log: bool = False
    is_whole: bool = False

    def at(self, share: float) -> float:
        """Return the number that lies at a share (from 0 to below 1) of the way."""
        top = self.high + 1 if self.is_whole else self.high
        if self.is_log:
            value = math.exp(math.log(self.low) + share * (math.log(top) - math.log(self.low)))
        else:
            value = self.low + share * (top - self.low)
        if self.is_whole:
            return min(max(math.floor(value), int(self.low)), int(self.high))
        return min(max(float(f"{value:.{_DIGITS}g}"), self.low), self.high)


Dimension = Choices | Interval


class Fit(Protocol):
    """What a parameter can be set to. `text` and `value` raise UsageError showing what it is and what was given."""

    @property
    def is_whole(self) -> bool:
        """True if it is a whole number now."""
        ...

    def text(self, typed: str) -> object:
        """Return the value that a typed text means."""
        ...

    def value(self, value: object) -> object:
        """Return a value as one of the parameter's type."""
        ...


def is_several(text: str) -> bool:
    """True if what is assigned is more than one value."""
    parts = split(text)
    return len(parts) > 1 or _CALL.fullmatch(parts[0]) is not None


def split(text: str) -> list[str]:
    """Return the values between the commas that stand in neither quotes nor brackets."""
    parts, begin, at, closing, quote = [], 0, 0, "", ""
    while at < len(text):
        char = text[at]
        if quote:
            at += char == "\\" and quote == '"'
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in _PAIRS:
            closing += _PAIRS[char]
        elif closing and char == closing[-1]:
            closing = closing[:-1]
        elif char == "," and not closing:
            parts.append(text[begin:at])
            begin = at + 1
        at += 1
    return [*parts, text[begin:]]


def dimension(text: str, fit: Fit, where: str) -> Dimension:
    """Return the values that a text means for a parameter; `where` is how the user calls it. Raises UsageError."""
    parts = split(text)
    found: list[object] = []
    for part in parts:
        call = _CALL.fullmatch(part)
        if call is None:
            if not part.strip() and len(parts) > 1:
                raise UsageError(
                    f"-S {where}={text}: there is no value between two commas, or at the end",
                    hint=f"quote a text that has a comma in it: -S '{where}=\"…\"'",
                )
            found.append(fit.text(part.strip() if len(parts) > 1 else part))
        elif call[1] == "range":
            found += [fit.value(number) for number in _range(part.strip(), call[2])]
        elif len(parts) > 1:
            raise UsageError(f"-S {where}={text}: {call[1]} stands alone, or not at all")
        else:
            return _interval(part.strip(), call[1] == "loguniform", call[2], fit)
    return Choices(tuple({canonical(value): value for value in found}.values()))


def count(dimensions: Mapping[str, Dimension]) -> float:
    """Return how many points there are; infinite with an interval of numbers."""
    total: float = 1
    for one in dimensions.values():
        total *= len(one.values) if isinstance(one, Choices) else math.inf
    return total


def grid(dimensions: Mapping[str, Dimension]) -> list[dict[str, object]]:
    """Return all points, the last parameter varying fastest. Raises UsageError: an interval, too many."""
    drawn = next((key for key, one in dimensions.items() if isinstance(one, Interval)), None)
    if drawn is not None:
        raise UsageError(
            f"{drawn}: all numbers of an interval cannot be tried",
            hint="--random N takes N of them, --optuna N searches",
        )
    if count(dimensions) > MOST_POINTS:
        raise UsageError(
            f"these are {int(count(dimensions)):,} experiments, and a sweep has {MOST_POINTS:,} at most",
            hint="--random N takes a sample of N",
        )
    columns = [one.values for one in dimensions.values() if isinstance(one, Choices)]
    return [dict(zip(dimensions, row, strict=True)) for row in itertools.product(*columns)]


def sample(
    dimensions: Mapping[str, Dimension], wanted: int, draw: Callable[[], float]
) -> list[dict[str, object]]:
    """Return points drawn at random, none twice; fewer where there are no more. `draw`: from 0 to below 1.

    The first points do not depend on how many are wanted.
    """
    if wanted > MOST_POINTS:
        raise UsageError(f"a sweep has {MOST_POINTS:,} experiments at most")
    if math.isfinite(count(dimensions)):
        return [*_shuffled(dimensions, wanted, draw)]
    found: dict[str, dict[str, object]] = {}
    for _ in range(wanted):
        for _ in range(_ATTEMPTS):
            point = {key: _drawn(one, draw()) for key, one in dimensions.items()}
            if canonical(point) not in found:
                found[canonical(point)] = point
                break
    return [*found.values()]


def identity(parts: Sequence[object]) -> str:
    """Return the name of a sweep: of two that are told apart by nothing in `parts`, the same."""
    return blake3(canonical(list(parts)).encode()).hexdigest()[:_ID_DIGITS]


def described(dimensions: Mapping[str, Dimension]) -> list[object]:
    """Return dimensions as a value of JSON, for `identity`."""
    return [
        [key, list(one.values)]
        if isinstance(one, Choices)
        else [key, one.low, one.high, one.is_log, one.is_whole]
        for key, one in sorted(dimensions.items())
    ]


def canonical(value: object) -> str:
    """Return the text by which values are compared."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


# -- inside


def _shuffled(
    dimensions: Mapping[str, Dimension], wanted: int, draw: Callable[[], float]
) -> Iterator[dict[str, object]]:
    """Fisher and Yates, without the list: only what was swapped is remembered."""
    total = int(count(dimensions))
    swapped: dict[int, int] = {}
    for at in range(min(wanted, total)):
        other = at + int(draw() * (total - at))
        chosen = swapped.get(other, other)
        swapped[other] = swapped.get(at, at)
        yield _nth(dimensions, chosen)


def _nth(dimensions: Mapping[str, Dimension], number: int) -> dict[str, object]:
    point = {}
    for key in reversed([*dimensions]):
        one = dimensions[key]
        assert isinstance(one, Choices)
        number, at = divmod(number, len(one.values))
        point[key] = one.values[at]
    return {key: point[key] for key in dimensions}


def _drawn(one: Dimension, share: float) -> object:
    return one.values[int(share * len(one.values))] if isinstance(one, Choices) else one.at(share)


def _range(written: str, arguments: str) -> list[int | float]:
    numbers = _numbers(written, arguments, 1, 3)
    start, end, step = Decimal(0), numbers[0], Decimal(1)
    if len(numbers) > 1:
        start, end = numbers[:2]
    if len(numbers) > 2:
        step = numbers[2]
    if not step:
        raise UsageError(f"{written}: a step of 0 leads nowhere")
    many = math.ceil((end - start) / step)
    if many <= 0:
        raise UsageError(
            f"{written} holds no value", hint="the end is not one of them, as in range(5)"
        )
    if many > MOST_POINTS:
        raise UsageError(f"{written} are {many:,} values, and a sweep has {MOST_POINTS:,} at most")
    is_whole = all(_is_whole(number) for number in numbers)
    values = (start + step * at for at in range(many))
    return [int(value) if is_whole else float(value) for value in values]


def _interval(written: str, is_log: bool, arguments: str, fit: Fit) -> Interval:
    low, high = _numbers(written, arguments, 2, 2)
    if low >= high:
        raise UsageError(f"{written}: the first number has to be the smaller one")
    if is_log and low <= 0:
        raise UsageError(f"{written}: its numbers have to be above 0")
    is_whole = fit.is_whole
    for bound in (low, high):
        fit.value(int(bound) if _is_whole(bound) else float(bound))
    return Interval(float(low), float(high), is_log, is_whole)


def _numbers(written: str, arguments: str, fewest: int, most: int) -> list[Decimal]:
    words = [word.strip() for word in arguments.split(",")]
    try:
        numbers = [Decimal(word) for word in words]
    except InvalidOperation as exc:
        raise UsageError(f"{written}: its arguments have to be numbers") from exc
    if not all(number.is_finite() and math.isfinite(float(number)) for number in numbers):
        raise UsageError(f"{written}: its arguments have to be finite numbers")
    if not fewest <= len(numbers) <= most:
        many = f"{fewest}" if fewest == most else f"{fewest} to {most}"
        raise UsageError(f"{written}: it takes {many} numbers")
    return numbers


def _is_whole(number: Decimal) -> bool:
    """1 is written as a whole number; 1.0 and 1e3 are not."""
    exponent = number.as_tuple().exponent
    return exponent == 0
