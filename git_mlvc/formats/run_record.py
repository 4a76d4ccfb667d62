"""Runs as bytes: the records of kind RUN in packs.

Layout: docs/formats/run.md. Magic and key stand at the same places in every version, so that a segment can
list runs that only a later git-mlvc reads.
"""

from __future__ import annotations

import json
import struct
from itertools import pairwise
from typing import Any, NoReturn

from git_mlvc.errors import FormatError
from git_mlvc.formats.chunk_codec import MAX_RAW_LEN
from git_mlvc.formats.run import (
    DEP_KINDS,
    KEY_SIZE,
    RunDep,
    RunFile,
    RunInputs,
    RunOut,
    RunRecord,
    RunUrl,
    canonical_json,
    key,
)
from git_mlvc.oid import Oid
from git_mlvc.repo_path import RepoPath

MAGIC = b"MLVCRUNR"
VERSION = 1
MAX_RUN_BYTES = MAX_RAW_LEN
_HEAD = struct.Struct("<8sB3x32s")  # magic, version, key
HEAD_SIZE = _HEAD.size
MAX_NUMBER = (1 << 63) - 1


class TooLongError(ValueError):
    """A run that does not fit a record."""


def key_of(data: bytes) -> bytes:
    """Return the key of an encoded run, of this version or a later one. Raises FormatError."""
    if len(data) < HEAD_SIZE:
        raise _broken("it is cut short")
    magic, version, found = _HEAD.unpack_from(data)
    if magic != MAGIC or not version:
        raise _broken("it does not begin like one")
    return bytes(found)


def encode(record: RunRecord) -> bytes:
    """Return the one canonical form.

    Raises TooLongError beyond MAX_RUN_BYTES, ValueError for a record that `decode` would refuse.
    """
    body = {
        "stage": record.stage,
        "made_at_ms": record.made_at_ms,
        "duration_ms": record.duration_ms,
        "host": record.host,
        "inputs": None if record.inputs is None else _inputs(record.inputs),
        "outs": [[out.path.text, _state(out.state), out.is_pushed] for out in record.outs],
    }
    data = _HEAD.pack(MAGIC, VERSION, record.key) + canonical_json(body)
    if len(data) > MAX_RUN_BYTES:
        raise TooLongError("it is too long")
    problem = _problem(record)
    if problem or _record(record.key, body) != record:
        raise ValueError(problem or "it holds what no run has")
    return data


def decode(data: bytes) -> RunRecord:
    """Raises FormatError for anything that `encode` does not write; a key of other inputs is such a thing."""
    found = key_of(data)
    if data[len(MAGIC)] > VERSION:
        raise FormatError(
            "cannot read a run",
            why=f"its version is {data[len(MAGIC)]}, this git-mlvc reads version {VERSION}",
            hint="it was written by a newer git-mlvc: upgrade git-mlvc",
        )
    if len(data) > MAX_RUN_BYTES:
        raise _broken("it is too long")
    try:
        record = _record(found, json.loads(data[HEAD_SIZE:].decode("ascii")))
        again = encode(record)
    except (ValueError, TypeError, KeyError, RecursionError) as exc:
        raise _broken(str(exc) or "it is not one") from exc
    if again != data:
        raise _broken("it is not in canonical form")
    return record


def _inputs(inputs: RunInputs) -> dict[str, object]:
    return {
        "commands": list(inputs.commands),
        "wdir": "" if inputs.wdir is None else inputs.wdir.text,
        "env": [list(pair) for pair in inputs.env],
        "deps": [[dep.kind, dep.text, _state(dep.state)] for dep in inputs.deps],
        "params": [[file.text, key, value] for file, key, value in inputs.params],
        "outs": [path.text for path in inputs.out_paths],
    }


def _state(state: RunFile | RunUrl) -> dict[str, object]:
    if isinstance(state, RunUrl):
        return {"url": state.version, "size": state.size_bytes}
    if state.is_tree:
        return {
            "tree": str(state.oid),
            "size": state.size_bytes,
            "files": state.files,
            "tree_size": state.tree_size_bytes,
        }
    kind = "program" if state.is_executable else "file"
    return {kind: str(state.oid), "size": state.size_bytes}


def _problem(record: RunRecord) -> str:
    """Return why `record` is not one, or nothing."""
    if len(record.key) != KEY_SIZE:
        return f"a key has {KEY_SIZE} bytes"
    if not record.stage:
        return "it names no stage"
    if not _ascending([out.path for out in record.outs]):
        return "its outs are not sorted"
    inputs = record.inputs
    if inputs is None:
        return ""
    if not _ascending([name for name, _ in inputs.env]):
        return "its environment is not sorted"
    if not _ascending([dep.text for dep in inputs.deps]):
        return "its deps are not sorted"
    if not _ascending([(file, name) for file, name, _ in inputs.params]):
        return "its params are not sorted"
    if not _ascending(list(inputs.out_paths)):
        return "the paths of its outs are not sorted"
    if key(inputs) != record.key:
        return "its key is not that of its inputs"
    return ""


def _ascending(values: list) -> bool:  # type: ignore[type-arg]
    return all(one < two for one, two in pairwise(values))


def _record(found: bytes, body: Any) -> RunRecord:
    inputs = _fields(body, 6)["inputs"]
    return RunRecord(
        found,
        _text(body["stage"]),
        _number(body["made_at_ms"]),
        _number(body["duration_ms"]),
        _text(body["host"]),
        None if inputs is None else _read_inputs(inputs),
        tuple(_out(*_row(row, 3)) for row in _list(body["outs"])),
    )


def _read_inputs(value: Any) -> RunInputs:
    fields = _fields(value, 6)
    wdir = _text(fields["wdir"])
    return RunInputs(
        tuple(_text(command) for command in _list(fields["commands"])),
        RepoPath.parse(wdir) if wdir else None,
        tuple((_text(name), _text(one)) for name, one in _rows(fields["env"], 2)),
        tuple(_dep(*row) for row in _rows(fields["deps"], 3)),
        tuple(
            (_path(file), _text(name), _json_text(one))
            for file, name, one in _rows(fields["params"], 3)
        ),
        tuple(_path(path) for path in _list(fields["outs"])),
    )


def _dep(kind: Any, text: Any, state: Any) -> RunDep:
    if kind not in DEP_KINDS:
        _refuse("a kind of dep")
    return RunDep(kind, _text(text), _url(state) if "url" in state else _file(state))


def _out(path: Any, state: Any, is_pushed: Any) -> RunOut:
    if type(is_pushed) is not bool:
        _refuse("true or false")
    return RunOut(_path(path), _file(state), is_pushed)


def _url(value: Any) -> RunUrl:
    fields = _fields(value, 2)
    size = fields["size"]
    return RunUrl(_text(fields["url"]), None if size is None else _number(size))


def _file(value: Any) -> RunFile:
    if "tree" in value:
        fields = _fields(value, 4)
        oid, size = Oid.parse(_text(fields["tree"])), _number(fields["size"])
        return RunFile(oid, size, _number(fields["files"]), False, _number(fields["tree_size"]))
    fields = _fields(value, 2)
    kind = "program" if "program" in fields else "file"
    return RunFile(
        Oid.parse(_text(fields[kind])), _number(fields["size"]), is_executable=kind == "program"
    )


def _rows(value: Any, length: int) -> list[list[Any]]:
    return [_row(row, length) for row in _list(value)]


def _row(value: Any, length: int) -> list[Any]:
    row = _list(value)
    if len(row) != length:
        _refuse(f"a list of {length}")
    return row


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        _refuse("a list")
    return value


def _fields(value: Any, count: int) -> dict[str, Any]:
    if not isinstance(value, dict) or len(value) != count:
        _refuse(f"an object of {count} fields")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        _refuse("a text")
    return value


def _path(value: Any) -> RepoPath:
    return RepoPath.parse(_text(value))


def _json_text(value: Any) -> str:
    text = _text(value)
    json.loads(text)
    return text


def _number(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= MAX_NUMBER:
        _refuse("a number")
    return value


def _refuse(what: str) -> NoReturn:
    raise ValueError(f"there is a value that is not {what}")


def _broken(why: str) -> FormatError:
    return FormatError("damaged run", why=f"run version {VERSION}: {why}")
