"""Which numbers are better: the `goal` of a metric, and values named by the end of their key. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from git_mlvc.formats import dotted_key

MAX = "max"
MIN = "min"


def of(goal: object, keys: Iterable[str]) -> dict[str, str]:
    """Return the goals, "max" or "min", of those keys that a metric's `goal` speaks of.

    `goal` is one for all keys, or a table by key; in a table the end of a key will do: `loss` is that of
    `train.loss` and of `val.loss`. What is written out in full goes before what is not.
    """
    if isinstance(goal, str):
        return dict.fromkeys(keys, goal)
    if not isinstance(goal, Mapping):
        return {}
    found: dict[str, str] = {}
    lengths: dict[str, int] = {}
    all_keys = list(keys)
    for name, direction in goal.items():
        for key in matching(str(name), all_keys):
            length = len(_parts(_dotted(str(name), all_keys)))
            if length > lengths.get(key, 0):
                lengths[key], found[key] = length, str(direction)
    return found


def matching(name: str, keys: Iterable[str]) -> list[str]:
    """Return the keys that a name means: the one that it is, else all that end in it, by whole parts.

    `train/loss`, as it is called where it is logged, is `train.loss` unless there is a key with that stroke in it.
    """
    known = list(keys)
    name = _dotted(name, known)
    wanted = _parts(name)
    exact = [key for key in known if key == name or _parts(key) == wanted]
    return exact or [key for key in known if _parts(key)[-len(wanted) :] == wanted]


def is_better(new: float, old: float, goal: str) -> bool:
    """True if `new` is strictly better; NaN never is, and anything else is better than NaN."""
    if new != new or old != old:
        return new == new
    return new > old if goal == MAX else new < old


def _dotted(name: str, keys: Iterable[str]) -> str:
    if "/" not in name or any(_parts(key)[-1] == _parts(name)[-1] for key in keys):
        return name
    return name.replace("/", ".")


def _parts(key: str) -> tuple[str, ...]:
    try:
        return dotted_key.parse(key)
    except ValueError:
        return (key,)
