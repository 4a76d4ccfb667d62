"""One block of a lock file: the result of one stage, as lines of text and back. Pure.

docs/formats/lock.md. `lock_file.py` says how blocks make a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from git_mlvc.oid import Oid
from git_mlvc.pipeline.lock_text import (
    TOKEN,
    armoured,
    from_top,
    quoted,
    relative,
    toml_key,
    toml_string,
    unquoted,
)
from git_mlvc.pipeline.model import Dep, DepKind, FileState, Inputs, Param, Result, State, UrlState
from git_mlvc.repo_path import RepoPath

_HASH_HEX = r"blake3:([0-9a-f]{64})"
_NUMBER = r"(0|[1-9][0-9]{0,18})"
_STATE = (
    rf'(?:(oid|tree) = "{_HASH_HEX}", size = {_NUMBER}'
    rf"(?:, files = {_NUMBER}, tree_size = {_NUMBER})?(, exec = true)?"
    rf"|version = ({TOKEN})(?:, size = {_NUMBER})?)"
)
_DEP = re.compile(rf"    \{{(path|glob|url) = ({TOKEN}), {_STATE}\}},\Z")
_OUT_ALONE = re.compile(rf"    \{{path = ({TOKEN})\}},\Z")
_PARAM = re.compile(rf"    \{{file = ({TOKEN}), key = ({TOKEN}), value = ({TOKEN})\}},\Z")
_ENV = re.compile(rf"    \{{name = ({TOKEN}), value = ({TOKEN})\}},\Z")
_TEXT = re.compile(rf"    ({TOKEN}),\Z")
_WDIR = re.compile(rf"wdir = ({TOKEN})\Z")
_HEAD = re.compile(rf'\[stage\.([A-Za-z0-9_-]+|{TOKEN})\]\nseal = "{_HASH_HEX}"\n'.encode("ascii"))
_LISTS = ("cmd", "env", "deps", "params", "outs")
_ORDER = ("cmd", "wdir", "env", "deps", "params", "outs")
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
    unknown = table.keys() - {"seal", *_ORDER}
    if unknown:
        raise Damaged(f"'{min(unknown)}' does not belong into it")
    lines: list[str] = []
    for key in _ORDER:
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


# -- reading


def name_of(block: bytes) -> str | None:
    """Return whose block this is, if its first two lines and its seal are as they were written."""
    head = _HEAD.match(block)
    if head is None:
        return None
    header_end = block.index(b"\n") + 1
    said = Oid(bytes.fromhex(head[2].decode("ascii")))
    if Oid.of(block[:header_end] + block[head.end() :]) != said:
        return None
    key = head[1].decode("utf-8")
    try:
        name = unquoted(key) if key[0] in "\"'" else key
    except ValueError:
        return None
    return name if toml_key(armoured(name)) == key else None


class BlockReader:
    """Turns blocks of the lock file in `folder` into results. What several of them name is read once."""

    def __init__(self, folder: RepoPath | None) -> None:
        self._folder = folder.text if folder is not None else ""
        self._rows: dict[str, tuple[Dep, State]] = {}
        self._paths: dict[str, RepoPath] = {}

    def result(self, block: bytes) -> Result:
        """Return what a block says; its first two lines are those that `name_of` has seen. Raises Damaged."""
        lines = block.decode("utf-8").split("\n")
        try:
            return self._result(lines)
        except ValueError as exc:
            raise Damaged(str(exc)) from exc

    def _result(self, lines: list[str]) -> Result:
        sections, wdir = _sections(lines)
        deps = tuple([self._row(line) for line in sections.get("deps", ())])
        rows = [self._out(line) for line in sections.get("outs", ())]
        inputs = Inputs(
            commands=tuple([unquoted(_groups(_TEXT, line)[0]) for line in sections.get("cmd", ())]),
            wdir=self._wdir(wdir),
            env=tuple([self._pair(line) for line in sections.get("env", ())]),
            deps=deps,
            params=tuple([self._param(line) for line in sections.get("params", ())]),
            out_paths=tuple([path for path, _ in rows]),
        )
        made = tuple([(path, state) for path, state in rows if state is not None])
        if len(set(inputs.out_paths)) != len(rows):
            raise Damaged("it names an out twice")
        return Result(inputs, made)

    def _row(self, line: str) -> tuple[Dep, State]:
        known = self._rows.get(line)
        if known is not None:
            return known
        kind, token, *said = _groups(_DEP, line)
        text = unquoted(token)
        if kind != "url":
            text = from_top(text, self._folder)
            RepoPath.parse(text)
        row = (Dep(text, DepKind(kind)), _read_state(said))
        self._rows[line] = row
        return row

    def _out(self, line: str) -> tuple[RepoPath, FileState | None]:
        alone = _OUT_ALONE.match(line)
        if alone is not None:
            return self._path(alone[1]), None
        dep, state = self._row(line)
        if dep.kind is not DepKind.PATH or not isinstance(state, FileState):
            raise Damaged("an out is a file or a directory")
        return dep.path, state

    def _param(self, line: str) -> tuple[Param, str]:
        file, key, value = _groups(_PARAM, line)
        return Param(self._path(file), unquoted(key)), unquoted(value)

    def _pair(self, line: str) -> tuple[str, str]:
        name, value = _groups(_ENV, line)
        return unquoted(name), unquoted(value)

    def _path(self, token: str) -> RepoPath:
        path = self._paths.get(token)
        if path is None:
            path = RepoPath.parse(from_top(unquoted(token), self._folder))
            self._paths[token] = path
        return path

    def _wdir(self, line: str | None) -> RepoPath | None:
        written = "." if line is None else unquoted(_groups(_WDIR, line)[0])
        if line is not None and written == ".":
            raise Damaged("wdir is where it is anyway")
        text = from_top(written, self._folder)
        return RepoPath.parse(text) if text else None


def _sections(lines: list[str]) -> tuple[dict[str, list[str]], str | None]:
    """Return the lines of each list, by its key, and the line of wdir. Raises Damaged for any other order."""
    found: dict[str, list[str]] = {}
    wdir = None
    at, last, end = 2, -1, len(lines) - 1  # the last is empty, after the last newline
    while at < end:
        key = lines[at].partition(" = ")[0]
        rank = _ORDER.index(key) if key in _ORDER else -1
        if rank <= last:
            raise Damaged(f"'{lines[at][:40]}' stands where it does not belong")
        last = rank
        if key == "wdir":
            wdir = lines[at]
        else:
            stop = lines.index("]", at)
            if lines[at] != f"{key} = [" or stop == at + 1:
                raise Damaged(f"'{key}' is no list")
            found[key] = lines[at + 1 : stop]
            at = stop
        at += 1
    return found, wdir


def _groups(pattern: re.Pattern[str], line: str) -> tuple[Any, ...]:
    found = pattern.match(line)
    if found is None:
        raise Damaged(f"'{line.strip()[:80]}' is not a line of it")
    return found.groups()


def _read_state(said: list[Any]) -> State:
    kind, digest, size, files, tree_size, mode, version, url_size = said
    if kind is None:
        return UrlState(unquoted(version), None if url_size is None else int(url_size))
    if (kind == "tree") != (files is not None):
        raise Damaged("a tree has a number of files, and a file has none")
    return FileState(
        Oid(bytes.fromhex(digest)),
        int(size),
        None if files is None else int(files),
        mode is not None,
        0 if tree_size is None else int(tree_size),
    )
