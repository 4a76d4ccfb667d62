"""Putting recorded outs into the worktree: what is missing is fetched, what is in the way goes, files are filled.

Filled as stubs are after a checkout (`worktree.fill_work`, `worktree.placing`): temporary file, verified, renamed.
Each file is the old one or the new one at any moment, and what nobody else has is moved out of the way before, so
that SIGKILL in between loses nothing (laws 3, 10, 11); the next look sees what is still to be done.
"""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from git_mlvc.errors import InputError, MlvcError, StoreError
from git_mlvc.formats.pointer import Pointer
from git_mlvc.fs.safe_path import resolve_inside
from git_mlvc.pipeline.model import FileState
from git_mlvc.pipeline.outs.elsewhere import Elsewhere, Standing
from git_mlvc.pipeline.outs.out_changes import Changes, OutChanges
from git_mlvc.pipeline.outs.replaced import Kept, Replaced
from git_mlvc.progress import Progress
from git_mlvc.repo_path import RepoPath
from git_mlvc.store.disk import store_error
from git_mlvc.worktree.fill import ContentSource, Fetch
from git_mlvc.worktree.fill_report import FillReport
from git_mlvc.worktree.fill_work import Work, Write
from git_mlvc.worktree.placing import Changed, NotAFile, Placer, Replacement, with_execution
from git_mlvc.worktree.pointers import READ_FLAGS, blob_sha

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

_THREADS = 2
_SECOND_NS = 10**9


class States(Protocol):
    """What is asked of, and told to, those who know what stands in the worktree."""

    def known(self, path: RepoPath, info: os.stat_result) -> FileState | None: ...
    def is_program(self, path: RepoPath, info: os.stat_result) -> bool: ...
    def moment(self) -> int: ...
    def know(
        self, path: RepoPath, state: FileState, info: os.stat_result, read_at: int
    ) -> None: ...
    def forget(self, paths: Iterable[RepoPath]) -> None: ...


@dataclass
class Restoring:
    """Restores into one worktree. Git's index is told by whoever owns the `placer`, whose paths are `mine`."""

    repo: Repository
    top: Path
    store: ContentSource
    states: States
    elsewhere: Elsewhere
    placer: Placer
    mine: set[RepoPath]
    progress: Progress
    fetch: Fetch | None = None

    def restore(self, items: Iterable[tuple[RepoPath, FileState]]) -> list[Kept]:
        """Have these stand in the worktree; return what was moved out of the way.

        Raises StoreError or InputError for the first that could not be restored, after all others were.
        """
        asked = list(items)
        self._fetch_missing([state for _, state in asked if state.is_directory], asked)
        looking = OutChanges(self.top, self.states)
        for path, state in asked:
            if state.is_directory:
                looking.add_directory(path, self.elsewhere.rows(state))
            else:
                looking.add_file(path, state)
        changes = looking.changes
        self._fetch_missing([state for state, _ in changes.write.values()], asked, changes)
        try:
            kept = self._clear(changes)
            self._mark(changes)
            self._write(changes)
        finally:
            self.states.forget(path for path, _ in asked)
        return kept

    # -- data

    def _fetch_missing(
        self,
        states: Iterable[FileState],
        asked: list[tuple[RepoPath, FileState]],
        changes: Changes | None = None,
    ) -> None:
        """Raises StoreError naming what cannot be had, before anything is changed."""
        wanted = dict.fromkeys(state.pointer for state in states if state.pointer is not None)
        lacking = self.store.incomplete(wanted)
        if not lacking:
            return
        reasons: Mapping[Pointer, MlvcError] = {}
        if self.fetch is not None:
            reasons = self.fetch(lacking) or {}
            lacking = self.store.incomplete(lacking)
        if lacking:
            raise _not_to_be_had(lacking, reasons, asked, changes)

    # -- what is in the way

    def _clear(self, changes: Changes) -> list[Kept]:
        """Move away what nobody else has; remove what has no place; overwrite the rest later."""
        replaced = Replaced(self.repo)
        standing = {path: info for path, (_, info) in changes.write.items() if info is not None}
        gone = [one for one in changes.in_the_way if one.path not in standing]
        looks = {one: _lstat(one.place) for one in gone}  # before anybody reads them
        only_here = set(self.elsewhere.only_here(changes.in_the_way))
        kept = []
        for one in changes.in_the_way:
            if one in only_here:
                kept.append(replaced.keep(one.place, one.path))
                if one.path in standing:
                    changes.write[one.path] = changes.write[one.path][0], None
            elif one in looks:
                _remove(one, looks[one])
        for path in changes.outs:
            _remove_empty(resolve_inside(self.top, path), path.raw, changes.folders)
        return kept

    def _mark(self, changes: Changes) -> None:
        """Set modes."""
        for path, state in changes.marked.items():
            try:
                fd = self.placer.place(path).open(READ_FLAGS)
                try:
                    mode = os.fstat(fd).st_mode & 0o7777
                    os.fchmod(fd, with_execution(mode, state.is_executable))
                    info = os.fstat(fd)
                finally:
                    os.close(fd)
            except OSError as exc:
                raise InputError(
                    f"cannot change the mode of {path}", why=exc.strerror or str(exc)
                ) from exc
            self._tell(path, state, info)

    # -- files

    def _write(self, changes: Changes) -> None:
        self.mine |= changes.write.keys()
        wanted: dict[RepoPath, Pointer] = {}
        empty: list[RepoPath] = []
        for path, (state, _) in changes.write.items():
            if state.pointer is None:
                empty.append(path)
            else:
                wanted[path] = state.pointer
        for folder in sorted(changes.folders):
            self._make_folder(RepoPath(folder))
        looks: dict[RepoPath, os.stat_result] = {}

        def put(
            placer: Placer, path: RepoPath, pointer: Pointer | None, write: Write
        ) -> Replacement:
            new = _put(placer, path, *changes.write[path], write)
            if new.stat is not None:
                looks[path] = new.stat
            return new

        report = FillReport()
        total_bytes = sum(pointer.size_bytes for pointer in wanted.values())
        self.progress.begin("restoring", total_bytes=total_bytes, total_files=len(wanted))
        try:
            work = Work(
                self.placer, self.store, wanted, self.repo.hash_size, self.progress, report,
                told_s=math.inf, put=put,
            )  # fmt: skip
            ready = sorted(wanted, key=lambda path: self.store.position(wanted[path]))
            work.run(ready, _THREADS)
            for path in empty:
                self._write_empty(path, partial(put, self.placer, path, None))
        finally:
            self.progress.end()
            for path, info in looks.items():
                self._tell(path, changes.write[path][0], info)
        _refuse_left(report)

    def _write_empty(self, path: RepoPath, put: Callable[[Write], Replacement]) -> None:
        try:
            try:
                put(_nothing)
            except OSError as exc:
                if exc.errno != errno.EXDEV:
                    raise
                put(_nothing)
        except (NotAFile, Changed):
            raise _in_between(path) from None
        except OSError as exc:
            raise store_error(f"cannot restore {path}", exc) from exc

    def _make_folder(self, path: RepoPath) -> None:
        try:
            folder = self.placer.made_place(path)
            os.mkdir(folder.name, dir_fd=folder.directory.fd)
        except FileExistsError:
            pass
        except OSError as exc:
            raise store_error(f"cannot make the directory {path}", exc) from exc

    def _tell(self, path: RepoPath, state: FileState, info: os.stat_result) -> None:
        """We wrote it, verified, and hold the worktree: it need not be read to be known."""
        self.states.know(path, state, info, self.states.moment() + _SECOND_NS)
        if state.pointer is not None:
            sha = blob_sha(state.pointer, hash_size=self.repo.hash_size)
            self.placer.remember(path, sha, info)


def _put(
    placer: Placer,
    path: RepoPath,
    state: FileState,
    standing: os.stat_result | None,
    write: Write,
) -> Replacement:
    place = placer.made_place(path)
    if standing is None:
        with placer.adding(place, is_executable=state.is_executable) as new:
            write(new.fd)
        return new

    def is_expected(fd: int) -> os.stat_result | None:
        info = os.fstat(fd)
        return info if _stamps(info) == _stamps(standing) else None

    with placer.replacing(place, is_expected=is_expected, is_executable=state.is_executable) as new:
        write(new.fd)
    return new


def _not_to_be_had(
    lacking: list[Pointer],
    reasons: Mapping[Pointer, MlvcError],
    asked: list[tuple[RepoPath, FileState]],
    changes: Changes | None,
) -> StoreError:
    first = lacking[0]
    states = [*asked, *((p, s) for p, (s, _) in changes.write.items())] if changes else asked
    path = next((path for path, state in states if state.pointer == first), asked[0][0])
    reason = reasons.get(first)
    more = f", and {len(lacking) - 1} more" if len(lacking) > 1 else ""
    return StoreError(
        f"cannot restore {path}{more}",
        why=str(reason) if reason is not None else "its data is not in the local store",
        hint=(reason.hint if reason is not None else "") or "git mlvc repro --pull",
    )


def _refuse_left(report: FillReport) -> None:
    if report.left:
        path, left = next(iter(report.left.items()))
        raise StoreError(f"cannot restore {path}", why=left.why, hint=left.hint)
    if report.skipped:
        raise _in_between(report.skipped[0])


def _in_between(path: RepoPath) -> InputError:
    return InputError(
        f"cannot restore {path}",
        why="something else was put there meanwhile",
        hint="git mlvc repro",
    )


def _nothing(fd: int) -> None:
    """Leave it empty."""


def _remove(one: Standing, before: os.stat_result | None) -> None:
    """Remove a file that is as it was when it was looked at."""
    now = _lstat(one.place)
    if now is None or before is None:
        return
    if _stamps(now) != _stamps(before):
        raise InputError(
            f"cannot restore over {one.path}", why="somebody writes to it", hint="git mlvc repro"
        )
    try:
        os.unlink(one.place)
    except OSError as exc:
        raise InputError(f"cannot remove {one.path}", why=exc.strerror or str(exc)) from exc


def _remove_empty(place: Path, raw: bytes, needed: set[bytes]) -> None:
    """Remove empty directories that no file needs; others are left, and say so when a file is to go there."""
    if os.path.islink(place) or not os.path.isdir(place):
        return
    for folder, _, _ in os.walk(place, topdown=False):
        inner = os.path.relpath(os.fsencode(folder), os.fsencode(place))
        if (raw if inner == b"." else raw + b"/" + inner) not in needed:
            try:
                os.rmdir(folder)
            except OSError:
                pass


def _lstat(place: Path) -> os.stat_result | None:
    try:
        return os.lstat(place)
    except OSError:
        return None


def _stamps(info: os.stat_result) -> tuple[int, int, int, int]:
    return info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns
