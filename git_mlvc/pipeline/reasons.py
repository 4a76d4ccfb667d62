"""Why a stage is stale: the difference between two sets of inputs, in words. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping

from git_mlvc.pipeline.model import Dep, FileState, Inputs, Param, State
from git_mlvc.repo_path import RepoPath, shown
from git_mlvc.units import count_text

_SHOWN_CHARS = 60
_MOST_VALUES = 8  # of one param that is a table
_MOST_NAMES = 3  # of files in a directory

Rows = Callable[[Dep, FileState], Mapping[bytes, object] | None]
"""What is in a directory or glob: something that tells contents apart, by path in it; None: nobody knows."""


def differences(before: Inputs, now: Inputs, rows: Rows | None = None) -> Iterator[str]:
    """Yield what changed, the most telling first: "params.toml: train.lr 0.1 → 0.01", "src/train.py changed"."""
    yield from _params(dict(before.params), dict(now.params))
    yield from _deps(before, now, rows)
    yield from _command(before, now)
    yield from _environment(dict(before.env), dict(now.env))
    yield from _outs(set(before.out_paths), set(now.out_paths))


def _params(before: Mapping[Param, str], now: Mapping[Param, str]) -> Iterator[str]:
    for param in sorted(before.keys() | now.keys()):
        old, new = before.get(param), now.get(param)
        if old == new:
            continue
        if old is None:
            yield f"{param} is new"
        elif new is None:
            yield f"{param} is no longer used"
        else:
            yield from _values(param, old, new)


def _values(param: Param, old: str, new: str) -> Iterator[str]:
    """Yield each value that changed inside of a table, by its own key."""
    found = list(_inside(param.key, json.loads(old), json.loads(new)))
    for key, how in found[:_MOST_VALUES]:
        yield f"{Param(param.file, key)} {how}"
    if len(found) > _MOST_VALUES:
        yield f"{count_text(len(found) - _MOST_VALUES, 'other value')} of {param}"


def _inside(key: str, old: object, new: object) -> Iterator[tuple[str, str]]:
    pairs: list[tuple[object, object, object]] = []
    if isinstance(old, dict) and isinstance(new, dict):
        pairs = [(name, old.get(name, _NONE), new.get(name, _NONE)) for name in {**old, **new}]
    elif isinstance(old, list) and isinstance(new, list) and _is_alike(old, new):
        pairs = [(at, *pair) for at, pair in enumerate(zip(old, new, strict=True))]
    else:
        yield key, change(_text(old), _text(new))
        return
    for name, was, becomes in pairs:
        inner = f"{key}.{name}" if key else str(name)
        if was is _NONE:
            yield inner, f"is new: {_short(_text(becomes))}"
        elif becomes is _NONE:
            yield inner, "is gone"
        elif _text(was) != _text(becomes):
            yield from _inside(inner, was, becomes)


_NONE = object()


def _is_alike(old: list[object], new: list[object]) -> bool:
    """True for lists of tables of one length: short lists of plain values are shown whole."""
    return len(old) == len(new) and any(isinstance(one, dict | list) for one in [*old, *new])


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def change(old: str, new: str) -> str:
    """Return "0.1 → 0.01" for two JSON texts; with their types where these differ."""
    before, now = json.loads(old), json.loads(new)
    if _kind(before) != _kind(now):
        return f"{_short(old)} ({_kind(before)}) → {_short(new)} ({_kind(now)})"
    return f"{_short(old)} → {_short(new)}"


def _deps(before: Inputs, now: Inputs, rows: Rows | None) -> Iterator[str]:
    old, new = dict(before.deps), dict(now.deps)
    for dep in sorted(old.keys() | new.keys()):
        if dep not in old:
            yield f"{dep.text} is new among deps"
        elif dep not in new:
            yield f"{dep.text} is no longer among deps"
        elif old[dep] != new[dep]:
            inside = _files(dep, old[dep], new[dep], rows)
            yield f"{dep.text}: {inside}" if inside else f"{dep.text} {changed(old[dep], new[dep])}"


def _files(dep: Dep, old: State, new: State, rows: Rows | None) -> str:
    """Return e.g. "train.py changed, b.py, c.py and 2 other files are new"; "" if it cannot be told."""
    if rows is None or not (isinstance(old, FileState) and isinstance(new, FileState)):
        return ""
    if not (old.is_directory and new.is_directory):
        return ""
    was, becomes = rows(dep, old), rows(dep, new)
    if was is None or becomes is None:
        return ""
    parts = [
        ("changed", [name for name in was if name in becomes and was[name] != becomes[name]]),
        ("new", [name for name in becomes if name not in was]),
        ("gone", [name for name in was if name not in becomes]),
    ]
    told = []
    for what, names in parts:
        if names and len(names) <= _MOST_NAMES:
            verb = "" if what == "changed" else "is " if len(names) == 1 else "are "
            told.append(f"{', '.join(map(shown, sorted(names)))} {verb}{what}")
        elif names:
            told.append(f"{count_text(len(names), 'file')} {what}")
    return ", ".join(told)


def changed(old: State, new: State) -> str:
    """Return how one thing differs from another."""
    was_directory, is_directory = (getattr(state, "files", None) for state in (old, new))
    if (was_directory is None) != (is_directory is None):
        return "became a directory" if was_directory is None else "became a file"
    if was_directory is not None and was_directory != is_directory:
        return f"changed: {was_directory} → {is_directory} files"
    if getattr(old, "oid", 0) == getattr(new, "oid", 1):
        return "changed its mode"
    return "changed"


def _command(before: Inputs, now: Inputs) -> Iterator[str]:
    if before.commands != now.commands:
        yield "the command changed"
    if before.wdir != now.wdir:
        yield f"wdir changed: {before.wdir or '.'} → {now.wdir or '.'}"


def _environment(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) != now.get(name):
            yield f"env: {name} changed"


def _outs(before: set[RepoPath], now: set[RepoPath]) -> Iterator[str]:
    for path in sorted(before - now):
        yield f"{path} is no longer an out"
    for path in sorted(now - before):
        yield f"{path} is a new out"


def _kind(value: object) -> str:
    """Return the JSON type; whole and other numbers are told apart, as params files do."""
    if value is None:
        return "null"
    names = {bool: "boolean", int: "integer", float: "number", str: "text", list: "list"}
    return names.get(type(value), "table")


def _short(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] == '"':
        plain = json.loads(text)
        text = plain if plain and plain.isprintable() else text
    return text if len(text) <= _SHOWN_CHARS else text[: _SHOWN_CHARS - 1] + "…"
