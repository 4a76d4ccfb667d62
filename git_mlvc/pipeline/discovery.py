"""All stages of a worktree: every `mlvc.toml` in it that git does not ignore. Or of a revision: every one in it.

Other repositories inside it (submodules, clones, linked worktrees) are not looked into: git does not either.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from git_mlvc.errors import InputError
from git_mlvc.git.repository import Repository
from git_mlvc.pipeline import presence
from git_mlvc.pipeline.files import Files, OnDisk
from git_mlvc.pipeline.graph import Graph
from git_mlvc.pipeline.model import PipelineError, Stage
from git_mlvc.pipeline.parameters.params import ParamsReader
from git_mlvc.pipeline.stage_files import stage_file
from git_mlvc.repo_path import RepoPath


@dataclass(frozen=True)
class Pipeline:
    """What the stage files of a worktree or revision say. `params` has read the params files that they name."""

    stages: tuple[Stage, ...]
    files: tuple[RepoPath, ...]
    params: ParamsReader

    @cached_property
    def graph(self) -> Graph:
        """Raises PipelineError: cycles, two stages that make one path."""
        return Graph(self.stages)


def load(repo: Repository, *, instead: Mapping[RepoPath, bytes] | None = None) -> Pipeline:
    """Read all stage files; of those in `instead`, what is to be written.

    Raises ConfigError and PipelineError naming file and line, InputError when bare.
    """
    top = repo.needed_worktree("there are no stages to be seen")
    return read(OnDisk(top), presence.files_called(repo.git, stage_file.NAME), instead=instead)


def read(
    place: Files, files: Iterable[RepoPath], *, instead: Mapping[RepoPath, bytes] | None = None
) -> Pipeline:
    """Read these stage files of a place; those that are not there count as deleted."""
    params = ParamsReader(place)
    stages: list[Stage] = []
    present: list[RepoPath] = []
    held = instead or {}
    for file in sorted({*files, *held}):
        data = held[file] if file in held else _content(place, file)
        if data is None:
            continue
        present.append(file)
        folder = file.raw.rpartition(b"/")[0]
        stages.extend(stage_file.parse(data, RepoPath(folder) if folder else None, params))
    _refuse_outs_around(stages, present)
    _refuse_made_params(stages, params.read_files())
    return Pipeline(tuple(stages), tuple(present), params)


def _content(place: Files, file: RepoPath) -> bytes | None:
    """Return what a stage file holds; None if it is gone. Behind a link or a file it is, for git and for us."""
    try:
        return place.read(file)
    except InputError:
        return None


def _refuse_made_params(stages: Iterable[Stage], read: Iterable[RepoPath]) -> None:
    """What `${…}` reads decides what the stages are, so it has to be there before any of them runs."""
    made = {out.path.raw: stage for stage in stages for out in stage.outs}
    for file in sorted(read):
        stage = next((made[raw] for raw in _around(file.raw) if raw in made), None)
        if stage is not None:
            raise PipelineError(
                f"stage '{stage.address}' makes {file}, which a ${{…}} reads",
                why=f"{stage.file}, line {stage.line}",
                hint="name it in `deps` or `params`, and let the command read it",
            )


def _refuse_outs_around(stages: Iterable[Stage], files: Iterable[RepoPath]) -> None:
    """A stage's directory is set aside while it runs, so no stage file may be in one."""
    made = {out.path.raw: stage for stage in stages for out in stage.outs}
    for file in files:
        for raw in _around(file.raw):
            if raw in made:
                stage = made[raw]
                raise PipelineError(
                    f"stage '{stage.address}' makes {RepoPath(raw)}, which holds {file}",
                    why=f"{stage.file}, line {stage.line}",
                    hint="let it make a directory of its own",
                )


def _around(raw: bytes) -> Iterator[bytes]:
    """Yield a path and the directories it is in, without the top."""
    while raw:
        yield raw
        raw = raw.rpartition(b"/")[0]
