"""`git mlvc stage …`: stages written into a stage file, taken out of it, frozen; never one that does not fit.

What a person types is relative to where she stands; what is written is relative to the stage file.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from git_mlvc.errors import ConfigError, InputError, UsageError
from git_mlvc.fs import atomic, structured
from git_mlvc.pipeline import discovery
from git_mlvc.pipeline.model import DepKind, PipelineError, Stage, below
from git_mlvc.pipeline.stage_files import stage_edit
from git_mlvc.pipeline.stage_files.stage_file import NAME
from git_mlvc.repo_path import RepoPath

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository
    from git_mlvc.pipeline.discovery import Pipeline


@dataclass(frozen=True, slots=True)
class TypedOut:
    """An out as it was typed, and what is not as usual about it: ("store", False), ("persist", True)."""

    path: str
    options: tuple[tuple[str, bool], ...] = ()


@dataclass(frozen=True, slots=True)
class TypedStage:
    """A stage as it was typed; paths are relative to where the person stands."""

    name: str
    commands: tuple[str, ...]
    deps: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    outs: tuple[TypedOut, ...] = ()
    metrics: tuple[TypedOut, ...] = ()
    plots: tuple[TypedOut, ...] = ()
    wdir: str | None = None
    desc: str = ""
    is_always: bool = False


def add(repo: Repository, cwd: Path, typed: TypedStage, *, replace: bool = False) -> list[Stage]:
    """Write a stage into the nearest stage file above `cwd`, or a new one at the top; return what it stands for.

    Raises UsageError, ConfigError, PipelineError; then nothing was written. `replace` allows a stage of that
    name to be there, and outs that git tracks as sources.
    """
    top = repo.needed_worktree("there is no place for a stage")
    folder = _folder(top, cwd)
    file = below(folder, NAME)
    here = _Here(top, cwd, top if folder is None else top / folder.text)
    data = _held(top / file.text)
    new = stage_edit.added(data, typed.name, _table(typed, here), str(file), replace=replace)
    try:
        pipeline = _checked(repo, file, new)
    except ConfigError as exc:
        raise _of_what_was_typed(exc, str(file), data) from exc
    made = [
        stage
        for stage in pipeline.stages
        if stage.file == file and stage.name.partition("@")[0] == typed.name
    ]
    if not replace:
        _refuse_sources(repo, made)
    _write(top / file.text, new)
    return made


def _of_what_was_typed(error: ConfigError, file: str, data: bytes) -> ConfigError:
    """Return the error without its place, if that is after all that the file holds: nobody finds it there."""
    found = re.match(rf"{re.escape(file)}, line (\d+), column \d+: ", error.what)
    if found is None or int(found[1]) <= len(data.splitlines()):
        return error
    hint = "git mlvc stage add -h" if error.hint == f"correct {file}" else error.hint
    return ConfigError(error.what[found.end() :], why=error.why, hint=hint)


def remove(repo: Repository, cwd: Path, names: Iterable[str]) -> list[tuple[RepoPath, str]]:
    """Take stages out of their files; outs and lock blocks stay. Return (file, name). Raises as `add`."""
    return _edit(repo, cwd, names, lambda data, name, file: stage_edit.removed(data, name, file))


def freeze(
    repo: Repository, cwd: Path, names: Iterable[str], *, is_frozen: bool
) -> list[tuple[RepoPath, str]]:
    """Have `repro` leave stages alone, or no longer. Return (file, name). Raises as `add`."""
    return _edit(
        repo,
        cwd,
        names,
        lambda data, name, file: stage_edit.frozen(data, name, file, is_frozen=is_frozen),
    )


def folder_of(repo: Repository, cwd: Path) -> RepoPath | None:
    """Return where the nearest stage file above `cwd` is; None for the top. Stage names mean those in it first."""
    return _folder(repo.needed_worktree("there are no stages"), cwd)


def _edit(
    repo: Repository, cwd: Path, names: Iterable[str], edit: Callable[[bytes, str, str], bytes]
) -> list[tuple[RepoPath, str]]:
    top = repo.needed_worktree("there are no stages")
    graph = discovery.load(repo).graph
    folder = _folder(top, cwd)
    chosen: dict[tuple[RepoPath, str], None] = {}
    for typed in names:
        for address in graph.resolve([typed], folder):
            stage = graph[address]
            chosen[stage.file, _whole(stage, typed)] = None
    edited: dict[RepoPath, bytes] = {}
    for file, name in chosen:
        data = edited[file] if file in edited else _held(top / file.text)
        edited[file] = edit(data, name, str(file))
    _checked_all(repo, edited)
    for file, data in edited.items():
        _write(top / file.text, data)
    return list(chosen)


def _whole(stage: Stage, typed: str) -> str:
    """Return the name of the table that a stage is written as."""
    name, at, _ = stage.name.partition("@")
    if at and "@" in typed:
        raise UsageError(
            f"'{typed}' is one variant of [stage.{name}], and written with the others",
            hint=f"name all of them: {typed.partition('@')[0]}",
        )
    return name


# -- which file, and what to write


@dataclass(frozen=True, slots=True)
class _Here:
    """Turns what is typed in one directory into what is written for another."""

    top: Path
    cwd: Path
    folder: Path

    def path(self, typed: str) -> str:
        """Return a path, glob or out as seen from the folder; a URL stays."""
        if "://" in typed:
            return typed
        is_directory = typed.endswith("/")
        place = self.cwd / typed
        if os.path.isabs(typed) and not place.is_relative_to(self.top):
            return typed  # is refused as it was typed
        joined = os.path.relpath(place, self.folder)
        return joined + "/" * is_directory

    def param(self, typed: str) -> str:
        """Return KEY, FILE:KEY or FILE, with FILE as seen from the folder."""
        file, colon, keys = typed.partition(":")
        if not colon and not typed.endswith((".toml", ".yaml", ".yml", ".json")):
            return typed
        return self.path(file) + colon + keys

    @property
    def wdir(self) -> str | None:
        """Where a command that is typed here runs."""
        relative = os.path.relpath(self.cwd, self.folder)
        return None if relative == "." else relative


def _table(typed: TypedStage, here: _Here) -> dict[str, object]:
    wdir = here.wdir if typed.wdir is None else here.path(typed.wdir)
    commands = list(typed.commands)
    return {
        "desc": typed.desc or None,
        "cmd": commands[0] if len(commands) == 1 else commands,
        "wdir": None if wdir == "." else wdir,
        "deps": [here.path(dep) for dep in typed.deps],
        "params": [here.param(one) for param in typed.params for one in _params(param)],
        "outs": [_out(out, here) for out in typed.outs],
        "metrics": [_out(out, here) for out in typed.metrics],
        "plots": [_out(out, here) for out in typed.plots],
        "always": typed.is_always,
    }


def _params(typed: str) -> list[str]:
    """Return "a", "b" for "a,b", and "f.yaml:a", "f.yaml:b" for "f.yaml:a,b"."""
    file, colon, keys = typed.rpartition(":")
    return [f"{file}{colon}{key.strip()}" for key in keys.split(",") if key.strip()] or [typed]


def _out(out: TypedOut, here: _Here) -> object:
    path = here.path(out.path)
    return {"path": path, **dict(out.options)} if out.options else path


def _folder(top: Path, cwd: Path) -> RepoPath | None:
    """Return the folder of the nearest stage file at or above `cwd`; None for the top."""
    real_top = Path(os.path.realpath(top))
    at = Path(os.path.realpath(cwd))
    while at != real_top and real_top in at.parents:
        if (at / NAME).is_file():
            return RepoPath.parse(at.relative_to(real_top).as_posix())
        at = at.parent
    return None


# -- checks, and writing


def _checked(repo: Repository, file: RepoPath, data: bytes) -> Pipeline:
    return _checked_all(repo, {file: data})


def _checked_all(repo: Repository, edited: Mapping[RepoPath, bytes]) -> Pipeline:
    """Return all stages as they would be; raises where they would not fit together."""
    pipeline = discovery.load(repo, instead=edited)
    _ = pipeline.graph
    return pipeline


def _refuse_sources(repo: Repository, made: Sequence[Stage]) -> None:
    """An out that git tracks already was written by a person, as far as anybody knows."""
    from git_mlvc.pipeline.lock_files.locks import Locks

    locks = Locks(repo, made)
    for stage in made:
        known = locks.of(stage)
        outs = [out for out in stage.outs if known is None or known.out(out.path) is None]
        if not outs:
            continue
        # Literal: a path may look like a pattern to git.
        found = repo.git.records(
            "--literal-pathspecs", "ls-files", "-z", "--", *(out.path.text for out in outs)
        )
        name = next((RepoPath(raw) for raw in found), None)
        if name is not None:
            raise PipelineError(
                f"stage '{stage.address}' would make {name}, which git tracks as a source",
                why="what stands there would be replaced by what the command makes",
                hint="if the command makes it, say so with --force; else give the out another path",
            )


def _held(path: Path) -> bytes:
    try:
        return structured.read_settings(path)
    except FileNotFoundError:
        return b""


def _write(path: Path, data: bytes) -> None:
    permissions = atomic.Permissions()
    if path.is_symlink():
        raise InputError(f"{path} is not a regular file", hint=f"replace {path} by a file")
    if path.exists():
        permissions = atomic.Permissions(file_mode=stat.S_IMODE(path.stat().st_mode))
    atomic.write_file(path, data, permissions=permissions)


def unmade_deps(repo: Repository, pipeline: Pipeline, stages: Iterable[Stage]) -> list[str]:
    """Return the deps of stages that are neither there nor made by any stage: a word of warning."""
    top = repo.needed_worktree("there are no stages")
    return [
        dep.text
        for stage in stages
        for dep in stage.deps
        if dep.kind is DepKind.PATH
        and not pipeline.graph.makers_of(stage, dep)
        and not os.path.lexists(top / dep.text)
    ]
