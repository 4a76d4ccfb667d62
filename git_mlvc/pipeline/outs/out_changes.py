"""What has to happen in the worktree so that recorded outs stand there: looked at, not yet done.

Files that are as they should be are left alone. What is in the way is told apart: what somebody else has may go,
what nobody else has must be moved out of the way first (law 11).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from git_mlvc.errors import InputError
from git_mlvc.formats.pointer import MAX_POINTER_BYTES, sniff
from git_mlvc.formats.tree import TreeRow
from git_mlvc.fs.safe_path import resolve_inside
from git_mlvc.pipeline.model import FileState
from git_mlvc.pipeline.outs.elsewhere import Standing, files_in
from git_mlvc.pipeline.outs.out_files import is_stage_file
from git_mlvc.repo_path import RepoPath
from git_mlvc.worktree.pointers import content_stat, read_small


class States(Protocol):
    """What is asked of those who know what stands in the worktree."""

    def known(self, path: RepoPath, info: os.stat_result) -> FileState | None: ...
    def is_program(self, path: RepoPath, info: os.stat_result) -> bool: ...


@dataclass(slots=True)
class Changes:
    """Of any number of outs.

    `write`: files whose content is to be written, and the file that stands there now, if one does; those
    may be overwritten once `in_the_way` has been seen to. `marked`: files of which only the mode is wrong.
    `in_the_way`: what stands there and should not, or has other content. `folders`: directories that
    must be there. `outs`: the directories that are outs.
    """

    write: dict[RepoPath, tuple[FileState, os.stat_result | None]] = field(default_factory=dict)
    marked: dict[RepoPath, FileState] = field(default_factory=dict)
    in_the_way: list[Standing] = field(default_factory=list)
    folders: set[bytes] = field(default_factory=set)
    outs: list[RepoPath] = field(default_factory=list)


class OutChanges:
    """Looks at outs one after another, and gathers the changes."""

    def __init__(self, top: Path, states: States) -> None:
        self._top = top
        self._states = states
        self.changes = Changes()

    def add_file(self, path: RepoPath, state: FileState) -> None:
        """Raises InputError if a link on the way leads elsewhere."""
        self._add_parents(path)
        self._look_at(path, state, resolve_inside(self._top, path))

    def add_directory(self, path: RepoPath, rows: Iterable[TreeRow]) -> None:
        """As `add_file`, of a directory with these files and no others."""
        self._add_parents(path)
        place = resolve_inside(self._top, path)
        self.changes.outs.append(path)
        self.changes.folders.add(path.raw)
        wanted = {row.path: row for row in rows}
        for inner in wanted:
            if is_stage_file(inner):
                raise InputError(
                    f"cannot restore {path}",
                    why=f"it holds {RepoPath(path.raw + b'/' + inner)}, a stage file: those come with git only",
                )
            self._add_folders_in(path, inner)
        standing = {}
        if os.path.lexists(place):
            for one in files_in(place, path):
                standing[one.path.raw[len(path.raw) + 1 :]] = one
        for inner, one in standing.items():
            if inner not in wanted:
                self.changes.in_the_way.append(one)
        for inner, row in wanted.items():
            state = FileState(row.oid, row.size_bytes, is_executable=row.is_executable)
            at = RepoPath(path.raw + b"/" + inner)
            if inner in standing:
                self._look_at(at, state, standing[inner].place)
            else:  # a directory of that name is empty soon: all that is in it is in the way
                self.changes.write[at] = state, None

    def _look_at(self, path: RepoPath, state: FileState, place: Path) -> None:
        changes = self.changes
        try:
            info = os.lstat(place)
        except FileNotFoundError:
            changes.write[path] = state, None
            return
        except OSError as exc:
            raise InputError(f"cannot use {path}", why=exc.strerror or str(exc)) from exc
        if stat.S_ISDIR(info.st_mode):
            changes.in_the_way += files_in(place, path)
            changes.outs.append(path)  # to be cleared of empty directories, itself included
            changes.write[path] = state, None
        elif not stat.S_ISREG(info.st_mode):
            changes.in_the_way.append(Standing(path, place))
            changes.write[path] = state, None
        elif _is_stub_of(place, info, state):
            changes.write[path] = state, info
        elif not self._has_content(path, place, info, state):
            changes.in_the_way.append(Standing(path, place))
            changes.write[path] = state, info
        elif self._states.is_program(path, info) != state.is_executable:
            changes.marked[path] = state

    def _has_content(
        self, path: RepoPath, place: Path, info: os.stat_result, state: FileState
    ) -> bool:
        known = self._states.known(path, info)
        if known is not None:
            return known.oid == state.oid and info.st_size == state.size_bytes
        if info.st_size != state.size_bytes:
            return False
        if state.pointer is None:
            return True
        try:
            return content_stat(os.fspath(place), state.pointer) is not None
        except OSError:
            return False

    def _add_parents(self, path: RepoPath) -> None:
        folder = path.raw.rpartition(b"/")[0]
        while folder and folder not in self.changes.folders:
            self.changes.folders.add(folder)
            folder = folder.rpartition(b"/")[0]

    def _add_folders_in(self, path: RepoPath, inner: bytes) -> None:
        folder = inner.rpartition(b"/")[0]
        while folder and (at := path.raw + b"/" + folder) not in self.changes.folders:
            self.changes.folders.add(at)
            folder = folder.rpartition(b"/")[0]


def _is_stub_of(place: Path, info: os.stat_result, state: FileState) -> bool:
    if state.pointer is None or info.st_size > MAX_POINTER_BYTES:
        return False
    head = read_small(place)
    return head is not None and sniff(head) == state.pointer
