"""The lock files of a worktree: the last result of each stage, read once, and written as soon as there is a new one.

Each result replaces the file in one step, so that a killed `repro` leaves all that was done before. It is not
synced each time: the run cache remembers the same results durably, and a lock file that is behind costs a
look into it. `finish` syncs (docs/adr/0020).
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import threading
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from git_mlvc.errors import InputError, MlvcError
from git_mlvc.fs import atomic
from git_mlvc.fs.owner import Owner, is_alive
from git_mlvc.fs.safe_path import resolve_inside
from git_mlvc.pipeline.lock_files import lock_block, lock_file
from git_mlvc.pipeline.lock_files.lock_reader import BlockReader
from git_mlvc.pipeline.model import Result, Stage
from git_mlvc.repo_path import RepoPath
from git_mlvc.worktree import attributes_on_disk

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

# The driver that is there for data files too: it knows a lock file by its name (docs/adr/0020).
MERGE_DRIVER = "mlvc"
_Stamp = tuple[int, int, int, int]  # inode, size, mtime and ctime in ns


class Locks:
    """All lock files of one worktree. Safe to use from several threads.

    `stages`: all there are. When something is recorded, what its file says of any other stage is dropped;
    None keeps everything.
    """

    def __init__(self, repo: Repository, stages: Iterable[Stage] | None = None) -> None:
        self._top = repo.needed_worktree("there are no lock files to look at")
        self._known = _names(stages) if stages is not None else None
        self._files: dict[RepoPath, _LockFile] = {}
        self._mutex = threading.Lock()

    def of(self, stage: Stage) -> Result | None:
        """Return the last result of a stage. Raises FormatError, InputError for its file."""
        with self._mutex:
            return self._file(stage).result(stage.name)

    def record(self, stage: Stage, result: Result) -> None:
        """Write a new result: when this returns, every process sees it. Raises as `of`.

        What others have put into the file meanwhile, of any other stage, stays.
        """
        self.record_many([(stage, result)])

    def record_many(self, results: Iterable[tuple[Stage, Result]]) -> None:
        """As `record`, of many stages of one lock file or several; each file is replaced once."""
        by_file: dict[RepoPath, list[tuple[Stage, Result]]] = {}
        for stage, result in results:
            by_file.setdefault(stage.lock_file, []).append((stage, result))
        with self._mutex:
            for lock, made in by_file.items():
                known = self._known.get(lock, set()) if self._known is not None else None
                self._file(made[0][0]).put(
                    {
                        stage.name: (lock_block.encode(stage.name, result, stage.folder), result)
                        for stage, result in made
                    },
                    known,
                )

    def forget(self, stage: Stage) -> None:
        """Take the result of a stage out, if there is one. Raises as `of`."""
        with self._mutex:
            self._file(stage).remove(stage.name)

    def finish(self) -> None:
        """Make what was recorded survive a power cut, and have git merge lock files by stages.

        Raises InputError where `.gitattributes` cannot be written.
        """
        with self._mutex:
            written = [file for file in self._files.values() if file.is_written]
            for file in written:
                file.sync()
        if written:
            lines = attributes_on_disk.read(self._top)
            if lines.settle_merge(lock_file.NAME, MERGE_DRIVER):
                attributes_on_disk.write(self._top, lines)

    def _file(self, stage: Stage) -> _LockFile:
        file = self._files.get(stage.lock_file)
        if file is None:
            file = _LockFile(resolve_inside(self._top, stage.lock_file), str(stage.lock_file),
                             BlockReader(stage.folder))  # fmt: skip
            file.read()
            self._files[stage.lock_file] = file
        return file


def _names(stages: Iterable[Stage]) -> Mapping[RepoPath, set[str]]:
    found: dict[RepoPath, set[str]] = {}
    for stage in stages:
        found.setdefault(stage.lock_file, set()).add(stage.name)
    return found


@dataclass(slots=True)
class _LockFile:
    """One file: its blocks as they stand on the disk, and those of them that somebody asked for as results."""

    path: Path
    name: str
    reader: BlockReader
    stamp: _Stamp | None = None
    mode: int | None = None
    blocks: dict[str, bytes] = field(default_factory=dict)
    results: dict[str, Result] = field(default_factory=dict)
    is_written: bool = False

    def result(self, name: str) -> Result | None:
        block = self.blocks.get(name)
        if block is None:
            return None
        result = self.results.get(name)
        if result is None:
            result = lock_file.read(self.reader, name, block, self.name)
            self.results[name] = result
        return result

    def put(self, made: Mapping[str, tuple[bytes, Result]], known: set[str] | None) -> None:
        """`made`: blocks and what they say, by stage; of `known` stages nothing is dropped."""
        self._read_again()
        gone = self.blocks.keys() - known if known is not None else frozenset()
        self._replace({**self._without(gone), **{name: block for name, (block, _) in made.items()}})
        self.results.update({name: result for name, (_, result) in made.items()})

    def remove(self, name: str) -> None:
        self._read_again()
        if name in self.blocks:
            self._replace(self._without({name}))
            self.results.pop(name, None)

    def read(self) -> None:
        """Raises FormatError, InputError. A file that is not there holds nothing."""
        try:
            fd = os.open(self.path, _FLAGS)
        except FileNotFoundError:
            self.blocks, self.results, self.stamp, self.mode = {}, {}, None, None
            return
        except OSError as exc:
            raise self._cannot("read", exc) from exc
        try:
            info = os.fstat(fd)
            if not stat.S_ISREG(info.st_mode):
                raise InputError(f"cannot read {self.name}", why="it is not a regular file")
            with open(fd, "rb", closefd=False) as file:
                data = file.read()
        finally:
            os.close(fd)
        self.blocks, self.results = lock_file.split(data, self.name), {}
        self.stamp, self.mode = _stamp(info), stat.S_IMODE(info.st_mode)

    def sync(self) -> None:
        with contextlib.suppress(OSError):  # it was removed, or replaced by somebody who syncs
            fd = os.open(self.path, _FLAGS)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
            atomic.fsync_dir(self.path.parent)
        self.is_written = False

    def _read_again(self) -> None:
        """Take up what somebody else (git, a person) has written since: their word on every other stage."""
        try:
            info = os.lstat(self.path)
        except FileNotFoundError:
            stamp = None
        except OSError as exc:
            raise self._cannot("read", exc) from exc
        else:
            stamp = _stamp(info)
        if stamp != self.stamp:
            self.read()

    def _replace(self, blocks: dict[str, bytes]) -> None:
        if not self.is_written:
            _sweep(self.path)
        permissions = atomic.Permissions(file_mode=self.mode)
        data = lock_file.join(blocks)
        try:
            atomic.write_file(self.path, data, permissions=permissions, durable=False)
            info = os.lstat(self.path)
        except OSError as exc:
            raise self._cannot("write", exc) from exc
        self.stamp, self.mode, self.is_written = _stamp(info), stat.S_IMODE(info.st_mode), True
        self.blocks = blocks

    def _without(self, gone: Collection[str]) -> dict[str, bytes]:
        if not gone:
            return self.blocks
        return {name: block for name, block in self.blocks.items() if name not in gone}

    def _cannot(self, what: str, exc: OSError) -> MlvcError:
        if self.path.is_symlink():
            return InputError(
                f"cannot {what} {self.name}",
                why="it is a symbolic link, and could lead anywhere",
                hint=f"replace {self.path} by a file",
            )
        return InputError(f"cannot {what} {self.name}", why=exc.strerror or str(exc))


def _sweep(path: Path) -> None:
    """Remove what a process that was killed while it wrote this file has left beside it."""
    left = re.compile(rf"\.{re.escape(path.name)}\.([1-9][0-9]{{0,17}})-[0-9a-f]+\.tmp")
    here = Owner.current()
    with contextlib.suppress(OSError):
        for name in os.listdir(path.parent):
            found = left.fullmatch(name)
            if found is None:
                continue
            writer = Owner(here.host, here.boot_id, int(found[1]), "")
            if is_alive(writer) is False:
                (path.parent / name).unlink(missing_ok=True)


_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
)


def _stamp(info: os.stat_result) -> _Stamp:
    return (info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns)
