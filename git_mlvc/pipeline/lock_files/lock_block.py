"""One block of a lock file: the result of one stage, as lines of text and back. Pure.

docs/formats/lock.md. `lock_file.py` says how blocks make a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from git_mlvc.oid import Oid
from git_mlvc.pipeline.lock_files.lock_text import (
    armoured,
    quoted,
    relative,
    toml_key,
    toml_string,
)
from git_mlvc.pipeline.model import Dep, Result, State, UrlState
from git_mlvc.repo_path import RepoPath

_LISTS = ("cmd", "env", "deps", "params", "outs")
KEYS = ("cmd", "wdir", "env", "deps", "params", "outs")
_ROW_KEYS = (
    "path", "glob", "url", "file", "key", "name", "oid", "tree", "version", "value", "size",
    "files", "tree_size", "exec",
)  # fmt: skip
_MOST = 10**19  # numbers have 19 digits at most


class Damaged(ValueError):
    """A block is not what was written."""


# -- writing


def encode(name: str, result: Result, folder: RepoPath | None) -> bytes:
    """Return the block of a stage; outs in the order of `Inputs.out_paths`.

    `folder`: where the lock file is, None for the top. Raises ValueError for an out that is none of them.
    """
    return _sealed(name, "".join(_body(result, folder.text if folder else "")))


def from_table(name: str, table: Mapping[str, Any]) -> bytes:
    """Return the block that a parsed TOML table is, whatever its layout was. Raises Damaged.

    What it says is looked at no closer than its seal: that it is what was written.
    """
    if not isinstance(table, Mapping) or not isinstance(table.get("seal"), str):
        raise Damaged("it has no seal")
    unknown = table.keys() - {"seal", *KEYS}
    if unknown:
        raise Damaged(f"'{min(unknown)}' does not belong into it")
    lines: list[str] = []
    for key in KEYS:
        value = table.get(key)
        if key == "wdir" and isinstance(value, str):
            lines.append(f"wdir = {toml_string(value)}\n")
        elif key in _LISTS and isinstance(value, list):
            lines += _list(key, map(_item, value))
        elif value is not None:
            raise Damaged(f"'{key}' is of another kind")
    block = _sealed_as(toml_key(name), "".join(lines))
    if block.split(b"\n", 2)[1] != f'seal = "{table["seal"]}"'.encode():
        raise Damaged("it is not what was written: edited, or put together from two blocks")
    return block


def _sealed(name: str, body: str) -> bytes:
    return _sealed_as(toml_key(armoured(name)), body)


def _sealed_as(key: str, body: str) -> bytes:
    header, rest = f"[stage.{key}]\n".encode(), body.encode()
    return b'%sseal = "%s"\n%s' % (header, str(Oid.of(header + rest)).encode("ascii"), rest)


def _body(result: Result, folder: str) -> Iterator[str]:
    inputs = result.inputs
    yield from _list("cmd", map(quoted, inputs.commands))
    wdir = relative(inputs.wdir.text if inputs.wdir else "", folder)
    if wdir != ".":
        yield f"wdir = {quoted(wdir)}\n"
    yield from _list(
        "env",
        (f"{{name = {quoted(name)}, value = {quoted(value)}}}" for name, value in inputs.env),
    )
    yield from _list("deps", (_dep(dep, state, folder) for dep, state in inputs.deps))
    yield from _list(
        "params",
        (
            f"{{file = {quoted(relative(param.file.text, folder))},"
            f" key = {quoted(param.key)}, value = {quoted(value)}}}"
            for param, value in inputs.params
        ),
    )
    made = dict(result.outs)
    if not made.keys() <= set(inputs.out_paths):
        raise ValueError("a result holds a path that is none of its stage's outs")
    yield from _list(
        "outs",
        (_named("path", path.text, made.get(path), folder) for path in inputs.out_paths),
    )


def _list(key: str, items: Iterable[str]) -> Iterator[str]:
    lines = [f"    {item},\n" for item in items]
    if lines:
        yield f"{key} = [\n"
        yield from lines
        yield "]\n"


def _dep(dep: Dep, state: State, folder: str) -> str:
    return _named(dep.kind.value, dep.text, state, folder)


def _named(kind: str, text: str, state: State | None, folder: str) -> str:
    written = quoted(text if kind == "url" else relative(text, folder))
    return f"{{{kind} = {written}{'' if state is None else ', ' + _state(state)}}}"


def _state(state: State) -> str:
    if isinstance(state, UrlState):
        size = "" if state.size_bytes is None else f", size = {state.size_bytes}"
        return f"version = {quoted(state.version)}{size}"
    mode = ", exec = true" if state.is_executable else ""
    if state.is_directory:
        return (
            f'tree = "{state.oid}", size = {state.size_bytes},'
            f" files = {state.files}, tree_size = {state.tree_size_bytes}{mode}"
        )
    return f'oid = "{state.oid}", size = {state.size_bytes}{mode}'


def _item(value: object) -> str:
    """Return an item of a parsed list in the one layout."""
    if isinstance(value, str):
        return toml_string(value)
    if not isinstance(value, dict) or not value.keys() <= set(_ROW_KEYS):
        raise Damaged("a line in it is of another kind")
    parts = []
    for key in _ROW_KEYS:
        if key in value:
            parts.append(f"{key} = {_scalar(value[key])}")
    return "{" + ", ".join(parts) + "}"


def _scalar(value: object) -> str:
    if isinstance(value, str):
        return toml_string(value)
    if value is True:
        return "true"
    if type(value) is int and 0 <= value < _MOST:
        return str(value)
    raise Damaged("a value in it is of another kind")
