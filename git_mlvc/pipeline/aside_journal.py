"""What a stage that runs has set aside, written down before anything is moved.

One JSON file in a folder of its own, `<git dir>/mlvc/aside/<pid>-<random>/journal`, private to this worktree
and gone when the stage has ended. From it alone whoever comes after a SIGKILL puts things right.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from git_mlvc.errors import FormatError
from git_mlvc.fs import atomic
from git_mlvc.fs.owner import Owner
from git_mlvc.oid import Oid
from git_mlvc.pipeline.model import FileState
from git_mlvc.repo_path import RepoPath

NAME = "journal"
_VERSION = 1


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


def write(folder: Path, journal: Journal, *, durable: bool) -> None:
    """Raises OSError."""
    value = {
        "version": _VERSION,
        "owner": journal.owner.encode().decode("latin-1"),
        "stage": journal.stage,
        "items": [_item(item) for item in journal.items],
        "over": journal.is_over,
        "kept": [[_text(place), path.text] for place, path in journal.kept],
    }
    atomic.write_file(folder / NAME, json.dumps(value).encode("ascii"), durable=durable)


def read(folder: Path) -> Journal | None:
    """Return what is written there; None if nothing is. Raises FormatError, OSError."""
    try:
        data = (folder / NAME).read_bytes()
    except FileNotFoundError:
        return None
    try:
        value = json.loads(data)
        if value["version"] != _VERSION:
            raise ValueError(f"version {value['version']}")
        return Journal(
            Owner.decode(value["owner"].encode("latin-1")),
            str(value["stage"]),
            tuple(map(_read_item, value["items"])),
            bool(value["over"]),
            tuple((Path(place), RepoPath.parse(path)) for place, path in value["kept"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, FormatError) as exc:
        raise FormatError(
            "cannot read what a run that was interrupted has set aside",
            why=f"{folder / NAME}: {exc}",
            hint=f"what it set aside lies beside it: move it where it belongs, then remove {folder}",
        ) from exc


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
