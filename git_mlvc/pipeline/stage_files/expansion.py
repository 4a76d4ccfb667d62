"""`matrix` and `foreach`: one table in a stage file, several stages. Pure.

A matrix is the product of its lists, the last one running fastest: `train@cnn-0.1`. A foreach is a list
(`train@value`, `train@0` for tables and lists) or a table (`train@key`).
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

from git_mlvc.pipeline.parameters.param_values import Value, canonical, plain, render
from git_mlvc.pipeline.stage_files.mistakes import Mistake
from git_mlvc.pipeline.stage_files.written import Written

MAX_VARIANTS = 100_000
_AXIS = re.compile(r"[^\W\d][\w-]*\Z")
_UNUSUAL = re.compile(r"[^\w.+-]")


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the stages that a table stands for.

    `name`: what stands behind the @; empty where there is no matrix or foreach. `values`: what `${item}` and
    `${key}` are. `texts`: what the command sees in its environment (`Stage.item`).
    """

    name: str = ""
    values: Mapping[str, Value] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)


def variants(stage: Written) -> Iterator[Variant]:
    """Yield what a stage's table stands for, in order. Raises Mistake; two of one name are one."""
    table = cast("Mapping[str, object]", stage.value)
    if "matrix" not in table and "foreach" not in table:
        yield Variant()
        return
    if "matrix" in table and "foreach" in table:
        raise Mistake(
            (*stage.place, "foreach"),
            "a stage has a matrix or a foreach, not both",
            hint="a foreach is a matrix of one list: write it as one more line of the matrix",
        )
    which, expand = ("matrix", _matrix) if "matrix" in table else ("foreach", _foreach)
    written = Written(table[which], (*stage.place, which), stage.scope)
    seen: dict[str, Variant] = {}
    for variant in expand(written):
        other = seen.setdefault(variant.name, variant)
        if other is not variant:
            raise written.mistake(
                f"two variants would be called '{stage.place[-1]}@{variant.name}'",
                why=f"they are {_shown(other)} and {_shown(variant)}",
                hint="take one of them out, or give each a name: foreach = {NAME = VALUE, …}",
            )
        yield variant


def _matrix(written: Written) -> Iterator[Variant]:
    axes: dict[str, list[Value]] = {}
    for name, axis in written.table().items():
        if not _AXIS.match(name):
            raise axis.mistake(
                f"'{name}' cannot be a name here", why="letters, digits, _ and -, a letter first"
            )
        variable = name.upper().replace("-", "_")
        if variable in {other.upper().replace("-", "_") for other in axes}:
            raise axis.mistake(
                f"'{name}' is too much like another name here",
                why=f"both would be MLVC_ITEM_{variable} for the command",
            )
        axes[name] = [_value(one) for one in axis.items("values")]
    if not axes or not all(axes.values()):
        raise written.mistake(
            "it has no values",
            hint='write matrix = {model = ["cnn", "mlp"]}, or take it out',
        )
    count = math.prod(map(len, axes.values()))
    _refuse_too_many(written, count)
    names = [[_part(name, i, one) for i, one in enumerate(axis)] for name, axis in axes.items()]
    for parts, values in zip(
        itertools.product(*names), itertools.product(*axes.values()), strict=True
    ):
        item = dict(zip(axes, values, strict=True))
        yield Variant("-".join(parts), {"item": item}, _texts(item))


def _foreach(written: Written) -> Iterator[Variant]:
    meant = written.meant()
    if isinstance(meant.value, Mapping):
        _refuse_too_many(written, len(meant.value))
        for key, one in meant.table().items():
            value = _value(one)
            yield Variant(_cleaned(key), {"item": value, "key": key}, _texts(value))
        return
    if not isinstance(meant.value, list):
        raise meant.expected("a list or a table")
    _refuse_too_many(written, len(meant.value))
    for index, one in enumerate(meant.items()):
        value = _value(one)
        yield Variant(_part("", index, value), {"item": value}, _texts(value))


def _refuse_too_many(written: Written, count: int) -> None:
    if count == 0:
        raise written.mistake("it has no values", hint="give it one, or take it out")
    if count > MAX_VARIANTS:
        raise written.mistake(f"it makes {count} stages; more than {MAX_VARIANTS} are refused")


def _value(written: Written) -> Value:
    """Return an element, its texts filled in, as a plain value."""
    value = written.meant()
    if isinstance(value.value, str):
        return value.text()
    if isinstance(value.value, Mapping):
        return {key: _value(one) for key, one in value.table().items()}
    if isinstance(value.value, list):
        return [_value(one) for one in value.items("values")]
    return plain(value.value, "mlvc.toml")


def _texts(value: Value) -> dict[str, str]:
    if isinstance(value, Mapping):
        return {key: render(one) for key, one in value.items()}
    return {"": render(value)}


def _part(axis: str, index: int, value: Value) -> str:
    """Return how a value is called in the name of a stage: tables and lists by their number."""
    return f"{axis}{index}" if isinstance(value, Mapping | list) else _cleaned(render(value))


def _cleaned(text: str) -> str:
    return _UNUSUAL.sub("_", text) or "_"


def _shown(variant: Variant) -> str:
    text = canonical(variant.values.get("key", variant.values["item"]))
    return text if len(text) <= 60 else text[:59] + "…"
