"""What a plan asks about, of one real worktree: what stands there, what was made before, what is to be had."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, TypeGuard

from git_mlvc.errors import ConfigError, MlvcError, RemoteUnavailable
from git_mlvc.pipeline.model import (
    Dep,
    DepKind,
    FileState,
    Out,
    Param,
    Result,
    Run,
    Stage,
    State,
    UrlState,
)
from git_mlvc.pipeline.outs.held_by_git import HeldByGit
from git_mlvc.pipeline.parameters import param_values, params
from git_mlvc.pipeline.standing.globs import glob
from git_mlvc.repo_path import RepoPath

if TYPE_CHECKING:
    from git_mlvc.formats.tree import TreeRow
    from git_mlvc.git.repository import Repository
    from git_mlvc.pipeline.lock_files.locks import Locks
    from git_mlvc.pipeline.outs.elsewhere import Elsewhere
    from git_mlvc.pipeline.runs.run_cache import RunCache
    from git_mlvc.pipeline.standing.directory import Standing
    from git_mlvc.store.store import Store

_NOT_ASKED = UrlState("")  # what a stage that never ran needs
_Stamp = tuple[int, int, int, int] | None


class StatesOfWorktree(Protocol):
    """What is asked of `states.States`."""

    def state(self, dep: Dep, replaced: Mapping[RepoPath, FileState]) -> State | None: ...
    def standing(self, dep: Dep) -> Standing | None: ...
    def out(self, out: Out) -> FileState | None: ...
    def forget(self, paths: Iterable[RepoPath] | None) -> None: ...


class WorktreeFacts:
    """`plan.Facts` of a worktree. May be asked by several threads.

    `unknown_keys` gathers the keys without a run here, for whoever can fetch them. `coming_back`: what will stand at
    outs that a killed run has set aside, where nobody has put that right yet.
    """

    def __init__(
        self,
        repo: Repository,
        store: Store,
        *,
        reader: params.ParamsReader,
        locks: Locks,
        states: StatesOfWorktree,
        elsewhere: Elsewhere,
        run_cache: RunCache,
        asks_servers: bool = True,
    ) -> None:
        self._held_by_git = HeldByGit(repo, store)
        self._top = repo.needed_worktree("there are no stages to look at")
        self._store = store
        self._reader = reader
        self._locks = locks
        self._states = states
        self._elsewhere = elsewhere
        self._run_cache = run_cache
        self._stamps: dict[RepoPath, _Stamp] = {}
        self._asks_servers = asks_servers
        self.allows_missing = False
        self.unknown_keys: set[bytes] = set()
        self.coming_back: Mapping[RepoPath, FileState | None] = {}

    def state(self, stage: Stage, dep: Dep, replaced: Mapping[RepoPath, FileState]) -> State | None:
        if dep.kind is DepKind.URL:
            return self._at_url(stage, dep)
        return self._states.state(dep, self._with_coming_back(replaced))

    def _with_coming_back(
        self, replaced: Mapping[RepoPath, FileState]
    ) -> Mapping[RepoPath, FileState]:
        if not self.coming_back:
            return replaced
        coming = {path: state for path, state in self.coming_back.items() if self._is_told(state)}
        return coming | dict(replaced)

    def _is_told(self, state: FileState | None) -> TypeGuard[FileState]:
        """True if what is in it is known as well; a directory edited by hand may be in no store."""
        if state is None:
            return False
        try:
            return not state.is_directory or self._elsewhere.rows(state) is not None
        except MlvcError:
            return False

    def _at_url(self, stage: Stage, dep: Dep) -> State | None:
        """Law 9: a server that does not answer has not said that anything changed; nor that nothing has,
        unless that is what the user takes it for.
        """
        locked = self._locks.of(stage)
        known = None if locked is None else dict(locked.inputs.deps).get(dep)
        if not self._asks_servers:
            return _NOT_ASKED if known is None else known
        try:
            return self._states.state(dep, {})
        except RemoteUnavailable as exc:
            if known is not None and self.allows_missing:
                return known
            exc.hint = exc.hint or "try again later"
            if known is not None:
                exc.hint += "; --allow-missing takes it for unchanged"
            raise

    def out(self, out: Out) -> FileState | None:
        if out.path in self.coming_back:
            return self.coming_back[out.path]
        return self._states.out(out)

    def param(self, stage: Stage, param: Param, replaced: Mapping[RepoPath, FileState]) -> str:
        try:
            return self._param(param, replaced)
        except ConfigError as exc:
            who = f"stage '{stage.address}' reads it ({stage.file}, line {stage.line})"
            exc.why = f"{exc.why}; {who}" if exc.why else who
            raise

    def _param(self, param: Param, replaced: Mapping[RepoPath, FileState]) -> str:
        replaced = self._with_coming_back(replaced)
        if replaced:
            coming = self._coming(param.file, replaced)
            if coming is not None:
                document = params.parse(coming, str(param.file))
                value = param_values.at(document, param.key, str(param.file))
                return param_values.canonical(value)
        if param.file not in self._stamps:
            self._stamps[param.file] = self._stamp(param.file)
        return self._reader.value(param)

    def locked(self, stage: Stage) -> Result | None:
        return self._locks.of(stage)

    def runs(self, key: bytes) -> Sequence[Run]:
        found = self._run_cache.find(key)
        if not found:
            self.unknown_keys.add(key)
        return found

    def is_here(self, out: Out, state: FileState) -> bool:
        if self._elsewhere.has(state):
            return True
        self.take_from_git([(out.path, state)])
        return self._elsewhere.has(state)

    def take_from_git(self, outs: Iterable[tuple[RepoPath, FileState]]) -> None:
        """Have the store know of recorded outs what git's index holds of them. Never fails: it is one place more."""
        for path, state in outs:
            with suppress(MlvcError):
                self._held_by_git.take_in(path, state)

    def rows(self, dep: Dep, state: FileState) -> Mapping[bytes, object] | None:
        found = None if dep.kind is DepKind.URL else self._states.standing(dep)
        if found is not None and found.state == state:
            rows: Iterable[TreeRow] = found.rows
        else:
            try:
                rows = self._elsewhere.rows(state)
            except MlvcError:
                return None
        return {row.path: row[1:] for row in rows}

    def look_again(self, stage: Stage) -> None:
        """What a stage reads may have been edited since it was last looked at."""
        paths = [_place(dep) for dep in stage.deps if dep.kind is not DepKind.URL]
        self._states.forget(None if None in paths else [path for path in paths if path])
        for file in {param.file for param in stage.params}:
            stamp = self._stamp(file)
            if self._stamps.get(file, stamp) != stamp:
                self._reader.forget(file)
            self._stamps[file] = stamp

    def _coming(self, file: RepoPath, replaced: Mapping[RepoPath, FileState]) -> bytes | None:
        """Return what a stage before will have put there; None: it stands there already."""
        dep = Dep(file.text)
        coming = self._states.state(dep, replaced)
        if not isinstance(coming, FileState) or coming == self._states.state(dep, {}):
            return None
        pointer = coming.pointer
        if pointer is None:
            return b""
        found = self._store.contents([pointer])[pointer]
        if isinstance(found, MlvcError):
            raise ConfigError(f"cannot read {file}", why=str(found)) from found
        return found

    def _stamp(self, file: RepoPath) -> _Stamp:
        try:
            info = os.stat(self._top / file.text)
        except OSError:
            return None
        return info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns


def _place(dep: Dep) -> RepoPath | None:
    """Return the path to look at again; None: everywhere."""
    if dep.kind is DepKind.PATH:
        return dep.path
    folder = glob(dep.text).folder
    return RepoPath(folder) if folder else None
