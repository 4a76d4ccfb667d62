"""What a script gives as a number or a parameter, as a plain value: of Python, numpy, torch, jax, TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

_LARGEST_BITS = 1024  # beyond, no float holds it


def number(name: str, value: object) -> int | float:
    """Return the one number that `value` is.

    A whole number stays one; NaN and infinity are numbers. Raises TypeError for what is no number (texts and truth
    values too), ValueError for several numbers or one that is too large.
    """
    plain = _item(name, value)
    if isinstance(plain, bool):
        raise TypeError(f"metric {name!r} is {plain}: log int(value) if 0 or 1 is meant")
    if isinstance(plain, int):
        if plain.bit_length() > _LARGEST_BITS:
            raise ValueError(f"metric {name!r} is a whole number of more than 300 digits")
        return int(plain)
    if isinstance(plain, float):
        return float(plain)
    if not isinstance(plain, str | bytes | complex) and hasattr(plain, "__float__"):
        try:
            return float(plain)
        except (TypeError, ValueError, OverflowError) as exc:
            raise ValueError(f"metric {name!r} cannot be written as a number: {exc}") from exc
    shown = repr(plain) if isinstance(plain, str | bytes) else f"a {type(plain).__name__}"
    raise TypeError(f"metric {name!r} is {shown[:80]}, not a number")


def step_number(name: str, step: object) -> int:
    """Return a step as a whole number. Raises TypeError."""
    if isinstance(step, bool) or not hasattr(step, "__index__"):
        raise TypeError(f"the step of {name!r} has to be a whole number, not {step!r:.80}")
    return int(step.__index__())


def _item(name: str, value: Any) -> Any:
    """Numpy, torch and jax give Python's own value of what has one element by `item()`."""
    if isinstance(value, int | float) and type(value).__module__ == "builtins":
        return value
    item = getattr(value, "item", None)
    if not callable(item):
        return value
    try:
        return item()
    except (TypeError, ValueError, RuntimeError) as exc:
        shape = getattr(value, "shape", None)
        if shape is not None and not tuple(shape):  # torch's device "meta" holds no values
            raise ValueError(f"metric {name!r} cannot be read: {exc}") from exc
        said = f"of the shape {tuple(shape)}" if shape is not None else "with several values"
        raise ValueError(
            f"metric {name!r} is an array {said}: log one number, such as its mean"
        ) from exc


def plain(key: str, value: Any) -> Any:
    """Return a parameter as what JSON holds. Raises TypeError naming `key`; keys of tables have to be texts."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | float) and type(value).__module__ == "builtins":
        return value
    if isinstance(value, Mapping):
        return {_key(key, one): plain(f"{key}.{one}", inner) for one, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(f"{key}[{place}]", one) for place, one in enumerate(value)]
    if isinstance(value, set | frozenset):
        return sorted((plain(key, one) for one in value), key=repr)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "__dataclass_fields__") and not isinstance(value, type):
        return {
            one: plain(f"{key}.{one}", getattr(value, one)) for one in value.__dataclass_fields__
        }
    if type(value).__name__ == "Namespace":
        return plain(key, vars(value))
    for turned in ("item", "tolist"):
        turn = getattr(value, turned, None)
        if callable(turn):
            try:
                return plain(key, turn())
            except (TypeError, ValueError, RuntimeError):
                continue
    if isinstance(value, int | float):  # numpy's float64 is a float, an IntEnum an int
        return float(value) if isinstance(value, float) else int(value)
    raise TypeError(
        f"parameter {key!r} is a {type(value).__name__}: give texts, numbers, truth values, lists and tables"
    )


def plain_where_possible(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of `params` can be written; a library's own objects among them are left out."""
    found = {}
    for key, value in params.items():
        try:
            found[str(key)] = plain(str(key), value)
        except TypeError:
            continue
    return found


def _key(above: str, key: object) -> str:
    if isinstance(key, bool) or not isinstance(key, str | int):
        raise TypeError(f"parameter {above!r} has a key that is a {type(key).__name__}, not a text")
    return str(key)
