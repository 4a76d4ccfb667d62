"""Which stages are meant by the names that somebody types, or by paths of what they make."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from typing import TYPE_CHECKING

from git_mlvc.pipeline.model import PipelineError
from git_mlvc.repo_path import RepoPath

if TYPE_CHECKING:
    from git_mlvc.pipeline.discovery import Pipeline
    from git_mlvc.pipeline.graph import Graph
    from git_mlvc.pipeline.model import Stage


def named(pipeline: Pipeline, typed: Sequence[str], folder: RepoPath | None) -> list[str]:
    """Return the addresses that are meant, all where nothing is typed. `folder`: where the user stands; None: the top.

    Raises PipelineError with the nearest name.
    """
    graph = pipeline.graph
    if not typed:
        return list(graph.order)
    nearest = _nearest(folder, pipeline.files)
    found: list[str] = []
    for name in typed:
        try:
            found += graph.resolve([name], nearest)
        except PipelineError:
            stage = _maker(graph, name, folder)
            if stage is None:
                raise
            found.append(stage.address)
    return found


def left_out(pipeline: Pipeline, typed: Sequence[str], folder: RepoPath | None) -> list[str]:
    """Return the stages that use what the named ones make, and are not run with them. Raises as `named`."""
    graph = pipeline.graph
    chosen = named(pipeline, typed, folder)
    return graph.in_order(graph.downstream(chosen) - graph.upstream(chosen))


def _nearest(folder: RepoPath | None, files: Sequence[RepoPath]) -> RepoPath | None:
    """Return the folder of the stage file that is meant there: the next one upwards; None: the top's."""
    known = {file.raw.rpartition(b"/")[0] for file in files}
    at = b"" if folder is None else folder.raw
    while at and at not in known:
        at = at.rpartition(b"/")[0]
    return RepoPath(at) if at else None


def _maker(graph: Graph, name: str, folder: RepoPath | None) -> Stage | None:
    """Return the stage that makes a path that the user named, from where she stands or from the top."""
    for base in ([] if folder is None else [folder.text + "/"]) + [""]:
        try:
            path = RepoPath.parse(posixpath.normpath(base + name))
        except ValueError:
            continue
        stage = graph.maker_of(path)
        if stage is not None:
            return stage
    return None
