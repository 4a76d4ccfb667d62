"""What a stage that runs has set aside, written down before anything is moved.

One file, `<git dir>/mlvc/aside/<pid>-<random>.journal`, private to this worktree and gone when the stage has ended.
From it alone whoever comes after a SIGKILL puts things right. Its lines are JSON, and one counts when it has its
newline: what is to be moved; then, once the stage has made its outs, what becomes of that. Not synced: after a power
cut that took the journal, what lies beside it is found all the same.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from git_mlvc.errors import FormatError
from git_mlvc.fs.owner import Owner
from git_mlvc.oid import Oid
from git_mlvc.pipeline.model import FileState
from git_mlvc.repo_path import RepoPath

SUFFIX = ".journal"
_VERSION = 1
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
_MORE = os.O_WRONLY | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)


@dataclass(frozen=True, slots=True)
class Item:
    """An out. `aside`: where what stood there goes, None if nothing stood there; `persist`: a copy of it
    stands in its place. `state`: what it was, if known; `stat`: of a file, as git's index would have it.
    """

    path: RepoPath
    aside: Path | None = None
    persist: bool = False
    state: FileState | None = None
    stat: bytes = b""

    @property
    def copy(self) -> Path:
        """Where the copy of a `persist` out is made."""
        assert self.aside is not None
        return self.aside.with_name(self.aside.name + ".copy")


@dataclass(frozen=True, slots=True)
class Journal:
    """`is_over`: the stage has made its outs; what is aside goes, but for `kept`, which moves out of the way."""

    owner: Owner
    stage: str
    items: tuple[Item, ...]
    is_over: bool = False
    kept: tuple[tuple[Path, RepoPath], ...] = ()

    def over(self, kept: tuple[tuple[Path, RepoPath], ...]) -> Journal:
        return replace(self, is_over=True, kept=kept)


def begin(path: Path, journal: Journal) -> None:
    """Raises OSError; then what is there does not count."""
    value = {
        "version": _VERSION,
        "owner": journal.owner.encode().decode("latin-1"),
        "stage": journal.stage,
        "items": [_item(item) for item in journal.items],
    }
    _append(path, _NEW, value)


def end(path: Path, kept: tuple[tuple[Path, RepoPath], ...]) -> None:
    """Say that the stage is over. Raises OSError; then it is not."""
    _append(path, _MORE, {"kept": [[_text(place), path.text] for place, path in kept]})


def read(path: Path) -> Journal | None:
    """Return what is written there; None if nothing is that counts. Raises FormatError, OSError."""
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return None
    if not lines:
        return None
    try:
        value = json.loads(lines[0])
        if value["version"] != _VERSION:
            raise ValueError(f"version {value['version']}")
        journal = Journal(
            Owner.decode(value["owner"].encode("latin-1")),
            str(value["stage"]),
            tuple(map(_read_item, value["items"])),
        )
        if len(lines) > 1:
            kept = json.loads(lines[1])["kept"]
            journal = journal.over(tuple((Path(at), RepoPath.parse(of)) for at, of in kept))
        return journal
    except (ValueError, KeyError, TypeError, AttributeError, FormatError) as exc:
        raise FormatError(
            "cannot read what a run that was interrupted has set aside",
            why=f"{path}: {exc}",
            hint=f"what it set aside lies beside it: move it where it belongs, then remove {path}",
        ) from exc


def _append(path: Path, flags: int, value: object) -> None:
    fd = os.open(path, flags, 0o666)
    try:
        rest = memoryview(json.dumps(value).encode("ascii") + b"\n")
        while rest:
            rest = rest[os.write(fd, rest) :]
    finally:
        os.close(fd)


def _item(item: Item) -> dict[str, Any]:
    state = item.state
    return {
        "path": item.path.text,
        "aside": None if item.aside is None else _text(item.aside),
        "persist": item.persist,
        "stat": item.stat.hex(),
        "state": None
        if state is None
        else [
            str(state.oid),
            state.size_bytes,
            state.files,
            state.is_executable,
            state.tree_size_bytes,
        ],
    }


def _read_item(value: Mapping[str, Any]) -> Item:
    state = None
    if value["state"] is not None:
        oid, size_bytes, files, is_executable, tree_size_bytes = value["state"]
        state = FileState(Oid.parse(oid), size_bytes, files, is_executable, tree_size_bytes)
    return Item(
        RepoPath.parse(value["path"]),
        None if value["aside"] is None else Path(value["aside"]),
        bool(value["persist"]),
        state,
        bytes.fromhex(value["stat"]),
    )


def _text(path: Path) -> str:
    return os.fspath(path)
