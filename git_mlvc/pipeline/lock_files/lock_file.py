"""`mlvc.lock`: the last result of each stage, one block each, in the order of their names. Pure.

docs/formats/lock.md and docs/adr/0020. A block is text that is written once and then moved around as it is:
rewriting the file for one stage does not look at the others.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from git_mlvc.errors import ConfigError, FormatError
from git_mlvc.fs.structured import parse_toml
from git_mlvc.pipeline.lock_files import lock_block, lock_reader
from git_mlvc.pipeline.lock_files.lock_block import Damaged
from git_mlvc.pipeline.lock_files.lock_reader import BlockReader
from git_mlvc.pipeline.lock_files.lock_text import toml_key
from git_mlvc.pipeline.model import Result
from git_mlvc.repo_path import RepoPath

VERSION = 1
NAME = "mlvc.lock"
HEADER = (
    b"# What each stage made last, and from what. Written by git-mlvc: do not edit.\nversion = 1\n"
)
_VERSION = re.compile(rb"^version *= *([0-9]{1,18}) *$", re.MULTILINE)
_MARKER = re.compile(rb"^(?:<{7,}|>{7,}|={7,}|\|{7,})(?: .*)?$", re.MULTILINE)


def encode(results: Mapping[str, Result], folder: RepoPath | None) -> bytes:
    """Return the lock file in `folder` (None: the top) that holds these results, by the stages' names."""
    return join({name: lock_block.encode(name, made, folder) for name, made in results.items()})


def decode(data: bytes, file: str, folder: RepoPath | None) -> dict[str, Result]:
    """Return all results by the stages' names. `file`: how errors call it. Raises FormatError."""
    reader = BlockReader(folder)
    return {name: read(reader, name, block, file) for name, block in split(data, file).items()}


def read(reader: BlockReader, name: str, block: bytes, file: str) -> Result:
    """Return the result that a block from `split` holds. Raises FormatError naming file and stage."""
    try:
        return reader.result(block)
    except Damaged as exc:
        raise damaged(name, file, str(exc)) from exc


def join(blocks: Mapping[str, bytes]) -> bytes:
    return b"\n".join([HEADER, *(blocks[name] for name in sorted(blocks))])


def split(data: bytes, file: str) -> dict[str, bytes]:
    """Return the blocks of a file by the stages' names, each as it was written. Raises FormatError.

    CRLF, which git may put in, and any other layout of the same TOML are read too.
    """
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
    blocks = _canonical(data)
    return _of_any_layout(data, file) if blocks is None else blocks


def _canonical(data: bytes) -> dict[str, bytes] | None:
    """Return the blocks of a file that is exactly as it was written, else None."""
    if data == HEADER:
        return {}
    if not data.startswith(HEADER + b"\n") or not data.endswith(b"\n"):
        return None
    blocks: dict[str, bytes] = {}
    last: str | None = None
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    for part in data[len(HEADER) + 1 : -1].split(b"\n\n"):
        block = part + b"\n"
        name = lock_reader.name_of(block)
        if name is None or (last is not None and name <= last):
            return None
        blocks[name] = block
        last = name
    return blocks


def _of_any_layout(data: bytes, file: str) -> dict[str, bytes]:
    _check_version(data, file)
    marker = _MARKER.search(data)
    if marker is not None:
        raise _conflict(file, _line(data, marker.start()))
    try:
        document = parse_toml(data, file)
    except ConfigError as exc:
        raise FormatError(exc.what, why=exc.why, hint=_remake(file)) from exc
    except ValueError as exc:  # for instance a number of a million digits
        raise FormatError(f"{file} is not a lock file", why=str(exc), hint=_remake(file)) from exc
    version, stages = document.get("version"), document.get("stage", {})
    if type(version) is not int or version != VERSION:
        raise FormatError(
            f"{file} is not a lock file", why="it does not say `version = 1`", hint=_remake(file)
        )
    unknown = document.keys() - {"version", "stage"}
    if unknown or not isinstance(stages, dict):
        why = f"'{min(unknown)}' does not belong into it" if unknown else "'stage' is no table"
        raise FormatError(f"{file} is not a lock file", why=why, hint=_remake(file))
    blocks: dict[str, bytes] = {}
    for key, table in stages.items():
        line = _line_of(data, key)
        try:
            block = lock_block.from_table(key, table)
        except Damaged as exc:
            raise damaged(key, file, str(exc), line) from exc
        name = lock_reader.name_of(block)
        if name is None:
            raise damaged(key, file, "its name is not one that is written", line)
        blocks[name] = block
    return dict(sorted(blocks.items()))


def _check_version(data: bytes, file: str) -> None:
    """A later version may look different altogether, so this is asked before all else."""
    for said in _VERSION.finditer(data):
        if int(said[1]) > VERSION:
            raise FormatError(
                f"{file} was written by a newer git-mlvc",
                why=f"it is of version {int(said[1])}, and this one reads version {VERSION}",
                hint="upgrade git-mlvc",
            )
        return


# -- errors


def damaged(stage: str, file: str, why: str, line: int | None = None) -> FormatError:
    where = f"{file}, line {line}" if line is not None else file
    return FormatError(
        f"{where}: the block of stage '{stage}' is damaged",
        why=f"{why}; lock files are not edited by hand",
        hint=f"{_remake(file)}, or delete the block: what it says is made again or restored",
    )


def _conflict(file: str, line: int) -> FormatError:
    return FormatError(
        f"{file}, line {line}: a merge left a conflict here",
        why="git merged it as text, because it was not told of git-mlvc's merge driver",
        hint=f"git mlvc install && git checkout --merge {file}  (or, keeping your side: "
        f"git checkout --ours {file} && git mlvc repro)",
    )


def _remake(file: str) -> str:
    return f"git checkout HEAD -- {file}"


def _line(data: bytes, at: int) -> int:
    return data.count(b"\n", 0, at) + 1


def _line_of(data: bytes, key: str) -> int | None:
    """Return the line where the table of a stage begins, as far as that can be told."""
    at = data.find(f"[stage.{toml_key(key)}]".encode("utf-8", "surrogatepass"))
    return _line(data, at) if at >= 0 else None
