"""Which stages are stale, for those who only look: `status` and `dag`.

Unlike `repro.plan` this goes on where one stage cannot be decided, asks no remote, and is content with a repository
that has no stages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from git_mlvc.errors import MlvcError
from git_mlvc.pipeline import discovery
from git_mlvc.pipeline.graph import Graph
from git_mlvc.pipeline.model import Stage
from git_mlvc.pipeline.plan import Step
from git_mlvc.pipeline.scene import Means, Scene
from git_mlvc.repo_path import RepoPath


@dataclass(frozen=True, slots=True)
class Look:
    """What `repro` would do with each stage, in order; of those that cannot be decided, why.

    `order`: the stages that were looked at.
    """

    graph: Graph
    order: tuple[str, ...] = ()
    steps: dict[str, Step] = field(default_factory=dict)
    problems: dict[str, MlvcError] = field(default_factory=dict)

    @property
    def stale(self) -> list[Step]:
        return [step for step in self.steps.values() if step.is_work]


def look(means: Means, names: Sequence[str] = (), folder: RepoPath | None = None) -> Look:
    """Look at the named stages and all that they need; at all stages if none is named.

    `folder`: where names are looked up first (`Graph.resolve`). Raises ConfigError and PipelineError where the
    stage files themselves are wrong.
    """
    pipeline = discovery.load(means.repo)
    graph = pipeline.graph
    chosen = frozenset(graph.upstream(graph.resolve(names, folder) if names else graph.order))
    found = Look(graph, tuple(graph.in_order(chosen)))
    if not chosen:
        return found
    scene = Scene(means, pipeline, pulls=False).only_looks()
    try:
        scene.planner.chosen = chosen
        for address in found.order:
            _decide(scene, graph[address], found)
    finally:
        scene.close()
    return found


def _decide(scene: Scene, stage: Stage, found: Look) -> None:
    try:
        found.steps[stage.address] = scene.planner.decide(stage, found.steps)
    except MlvcError as error:
        found.problems[stage.address] = error
