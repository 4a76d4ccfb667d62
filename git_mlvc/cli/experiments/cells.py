"""The values of experiments as texts: short ones for people, exact ones for programs. Pure but for the time zone."""

from __future__ import annotations

import json
import math
import time

from git_mlvc.experiments import columns
from git_mlvc.experiments.columns import Column
from git_mlvc.experiments.filter import MISSING
from git_mlvc.experiments.listing import SHORT
from git_mlvc.text_width import shown
from git_mlvc.units import seconds_text

NOTHING = "-"
_DIGITS = 6


def text(column: Column, value: object) -> str:
    """Return a value for people, on one line: numbers with six digits, "-" where nothing is."""
    if value is MISSING:
        return NOTHING
    if column is columns.DURATION and isinstance(value, int | float):
        return seconds_text(value)
    if column is columns.MADE and isinstance(value, int):
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(value))
    if column is columns.COMMIT:
        return str(value)[:SHORT]
    return value_text(value)


def value_text(value: object) -> str:
    """Return a parameter or metric for people."""
    if isinstance(value, str):
        return shown(value) or '""'
    if isinstance(value, float):
        return f"{value:.{_DIGITS}g}"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**15:
        return f"{value:.{_DIGITS}g}" if abs(value) < 10**300 else "very large"
    return shown(exact(value))


def exact(value: object) -> str:
    """Return a value with all its digits; texts as they are, the rest as JSON; nothing where nothing is."""
    if value is MISSING:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False)


def strict(value: object) -> object:
    """Return a value as JSON holds it: numbers that are none are the texts "NaN", "Infinity", "-Infinity"."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, list):
        return [strict(one) for one in value]
    if isinstance(value, dict):
        return {key: strict(one) for key, one in value.items()}
    return None if value is MISSING else value
