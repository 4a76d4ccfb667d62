"""Reading the blocks of a lock file: from lines of text to results, strictly. Pure; `lock_block.py` writes them."""

from __future__ import annotations

import re
from typing import Any

from git_mlvc.oid import Oid
from git_mlvc.pipeline.lock_files.lock_block import KEYS, Damaged
from git_mlvc.pipeline.lock_files.lock_text import TOKEN, armoured, from_top, toml_key, unquoted
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
        kind, token, *said = _groups(_DEP, line)
        state = _read_state(said)
        if kind != "path" or not isinstance(state, FileState):
            raise Damaged("an out is a file or a directory")
        return self._path(token), state

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
        rank = KEYS.index(key) if key in KEYS else -1
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
