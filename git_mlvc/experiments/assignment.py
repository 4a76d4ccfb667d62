"""`-S KEY=VALUE`: what was typed, and the value that it means for a parameter of some type. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from git_mlvc.errors import ConfigError, UsageError
from git_mlvc.experiments import sweep
from git_mlvc.fs.structured import parse_toml
from git_mlvc.pipeline.parameters.param_values import Value, canonical, kind, plain, render

_NULL = "null"
_SHORT_NUMBER = re.compile(r"[+-]?(\d+\.|\.\d+)([eE][+-]?\d+)?")  # TOML wants 0.5 and 5.0
_AS_PYTHON_WRITES = {"True": True, "False": False}
# The `=` is the first one that is not in quotes: keys may be quoted.
_ASSIGNMENT = re.compile(r"""((?:[^="']|"(?:[^"\\]|\\.)*"|'[^']*')+)=(.*)""", re.DOTALL)


def split(text: str) -> tuple[str, str]:
    """Return key and value as typed. Raises UsageError."""
    found = _ASSIGNMENT.fullmatch(text)
    if found is None or not found[1].strip():
        raise UsageError(
            f"-S {text}: that sets nothing", hint="write KEY=VALUE, as in -S train.lr=0.1"
        )
    return found[1].strip(), found[2]


def typed(text: str) -> object:
    """Return what a text is as a value of TOML, else the text itself; `null` is None, and .5 and 5. are numbers."""
    if text.strip() == _NULL:
        return None
    try:
        return plain(parse_toml(f"value = {text}\n".encode(), "value")["value"], "value")
    except (ConfigError, KeyError):
        return float(text) if _SHORT_NUMBER.fullmatch(text.strip()) else text


def fitting(text: str, current: Value, where: str) -> object:
    """Return the value that `text` means for a parameter that is `current` now.

    Raises UsageError showing both types. `where` names the parameter, and its file.
    """
    value = typed(text)
    if isinstance(current, bool) and isinstance(value, str):
        value = _AS_PYTHON_WRITES.get(text.strip(), value)
    if isinstance(current, list) and isinstance(value, str):
        value = _bare_list(text.strip())
    if isinstance(current, str) and isinstance(value, int | float) and not isinstance(value, bool):
        value = text.strip()  # a text that looks like a number
    return suited(value, current, where)


def _bare_list(text: str) -> object:
    """Return the list that a text is if its items need no quotes, as in YAML: [a, b]; else the text."""
    if not (text.startswith("[") and text.endswith("]")):
        return text
    items = [item.strip() for item in sweep.split(text[1:-1])]
    if not all(items):
        return text
    values = [(item, typed(item)) for item in items]
    return [_bare_list(item) if value == item else value for item, value in values]


def suited(value: object, current: Value, where: str) -> object:
    """Return a value as one of the type of `current`: a whole number may stand for any, null for all.

    Raises UsageError.
    """
    if not _is_finite(value):
        shown = value if isinstance(value, float) else canonical(value)  # type: ignore[arg-type]
        raise UsageError(
            f"{where} cannot be set to {shown}",
            why="NaN and infinity are no numbers to record",
            hint="give a finite number",
        )
    if value is None or current is None or _sort(value) == _sort(current):
        return value
    if isinstance(current, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(current, int) and isinstance(value, float) and not isinstance(current, bool):
        raise UsageError(
            f"{where} is a whole number ({render(current)}), and {render(value)} is not",
            hint=f"write it as {float(current)} in the file, if any number will do",
        )
    shown = canonical(value)  # type: ignore[arg-type]
    hint = f"give {kind(current)}"
    if isinstance(current, str):
        hint = "quote it to have it taken as text: -S 'KEY=\"…\"'"
    elif isinstance(value, list) and not isinstance(current, Mapping):
        hint = "several values, for a sweep, have no brackets: KEY=1,2"
    elif isinstance(current, list):
        hint = "set all of it, KEY=[1, 2], or one of its values, KEY.0=1"
    elif isinstance(current, Mapping):
        hint = "set one of its values: " + ", ".join(list(current)[:5])
    raise UsageError(
        f"{where} is {kind(current)} ({_short(canonical(current))}), and {_short(shown)} is {kind(value)}",
        hint=hint,
    )


def _is_finite(value: object) -> bool:
    if isinstance(value, Mapping):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def _sort(value: object) -> object:
    return "table" if isinstance(value, Mapping) else type(value)


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"
