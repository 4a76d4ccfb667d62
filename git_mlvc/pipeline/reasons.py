"""Why a stage is stale: the difference between two sets of inputs, in words. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from git_mlvc.pipeline.model import Inputs, Param, State
from git_mlvc.repo_path import RepoPath

_SHOWN_CHARS = 60


def differences(before: Inputs, now: Inputs) -> Iterator[str]:
    """Yield what changed, the most telling first: "params.toml: train.lr 0.1 → 0.01", "src/train.py changed"."""
    yield from _params(dict(before.params), dict(now.params))
    yield from _deps(before, now)
    yield from _command(before, now)
    yield from _environment(dict(before.env), dict(now.env))
    yield from _outs(set(before.out_paths), set(now.out_paths))


def _params(before: Mapping[Param, str], now: Mapping[Param, str]) -> Iterator[str]:
    for param in sorted(before.keys() | now.keys()):
        old, new = before.get(param), now.get(param)
        if old == new:
            continue
        name = f"{param.file}: {param.key}".rstrip(": ")
        if old is None:
            yield f"{name} is new"
        elif new is None:
            yield f"{name} is no longer used"
        elif param.key:
            yield f"{name} {change(old, new)}"
        else:
            yield f"{name} changed"


def change(old: str, new: str) -> str:
    """Return "0.1 → 0.01" for two JSON texts; with their types where these differ."""
    before, now = json.loads(old), json.loads(new)
    if _kind(before) != _kind(now):
        return f"{_short(old)} ({_kind(before)}) → {_short(new)} ({_kind(now)})"
    return f"{_short(old)} → {_short(new)}"


def _deps(before: Inputs, now: Inputs) -> Iterator[str]:
    old, new = dict(before.deps), dict(now.deps)
    for dep in sorted(old.keys() | new.keys()):
        if dep not in old:
            yield f"{dep.text} is new among deps"
        elif dep not in new:
            yield f"{dep.text} is no longer among deps"
        elif old[dep] != new[dep]:
            yield f"{dep.text} {changed(old[dep], new[dep])}"


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
