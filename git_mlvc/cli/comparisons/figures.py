"""Values as people read them: as many digits as help, signs, percentages."""

from __future__ import annotations

import json
import math

from git_mlvc import text_width
from git_mlvc.pipeline.parameters.param_values import Value, canonical

DIGITS = 5
"""Significant digits, unless somebody asks for others."""
_PLAIN_UP_TO = 1e15
_MOST_COLUMNS = 60


def value_text(value: Value, digits: int | None) -> str:
    """Return a value in one line; a number with so many significant digits, None for all."""
    if isinstance(value, str):
        return (
            value if value.isprintable() and value == value.strip() and value else json.dumps(value)
        )
    if isinstance(value, bool) or not isinstance(value, int | float):
        return canonical(value)
    return number_text(value, digits)


def number_text(number: int | float, digits: int | None) -> str:
    """Return 0.98765, 123457, 1.2346e-05, 3, nan, inf, -inf. What stands before the point is never cut."""
    if digits is None or isinstance(number, int) or not math.isfinite(number):
        return repr(number)
    if 10**digits <= abs(number) < _PLAIN_UP_TO:
        return f"{number:.0f}"
    text = f"{number:.{digits}g}"
    return text if text.lstrip("-") != "0" else "0"


def change_text(change: int | float | None, digits: int) -> str:
    """Return a change with its sign; "" where there is none to tell."""
    if change is None:
        return ""
    text = number_text(change, digits)
    return text if text.startswith("-") or not change else f"+{text}"


def percentage_text(percentage: float | None) -> str:
    """Return "+2.4 %", "-0.03 %", "+1,250 %"; "" where there is none to tell."""
    if percentage is None:
        return ""
    if not percentage:
        return "0 %"
    size = abs(percentage)
    if size >= 1e6:
        return f"{percentage:+.1e} %"
    decimals = 0 if size >= 100 else 1 if size >= 1 else 2 if size >= 0.01 else 4
    text = f"{percentage:+,.{decimals}f}"
    return f"{text} %" if float(text.replace(",", "")) else f"{percentage:+.0e} %"


def shortened(text: str) -> str:
    """Return a text that leaves room for others on a screen."""
    return text_width.cut(text, _MOST_COLUMNS)
