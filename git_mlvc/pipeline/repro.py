"""`repro`: what is stale runs again, what was made before is put back, all else is left alone.

`plan` says what would be done, `repro` does it, `accept` takes what is there for the result. They take what the
caller has opened and return values.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from git_mlvc.errors import InputError, MlvcError, UsageError
from git_mlvc.pipeline import discovery, named_stages
from git_mlvc.pipeline.course import Course, certain_plan
from git_mlvc.pipeline.doing import Watch
from git_mlvc.pipeline.graph import Graph
from git_mlvc.pipeline.model import PipelineError, Stage
from git_mlvc.pipeline.outs import set_aside
from git_mlvc.pipeline.plan import Action, Options, Step
from git_mlvc.pipeline.report import Ended, Fate, Report
from git_mlvc.pipeline.repro_lock import ReproLock
from git_mlvc.pipeline.running.executor import Executor, Place
from git_mlvc.pipeline.running.shared_slots import SharedSlots
from git_mlvc.pipeline.running.slots import Slots
from git_mlvc.pipeline.scene import Means, Scene
from git_mlvc.pipeline.stage_work import StageWork
from git_mlvc.pipeline.standing.states import States
from git_mlvc.repo_path import RepoPath

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository
    from git_mlvc.pipeline.outs.replaced import Kept
    from git_mlvc.pipeline.running.watching import Watcher


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asked for.

    `stages`: names as they are called from `folder` (where the user stands; None: the top), or paths of
    outs; none: all stages. `is_single`: these only; `has_downstream`: these and all that need them; else
    these and all that they need.
    """

    stages: tuple[str, ...] = ()
    folder: RepoPath | None = None
    jobs: int = 1
    is_forced: bool = False
    is_single: bool = False
    has_downstream: bool = False
    keeps_going: bool = False
    pulls: bool = False
    allows_missing: bool = False
    uses_run_cache: bool = True


def plan(means: Means, request: Request) -> list[Step]:
    """Return what `repro` would do now, makers before users. Changes nothing but caches.

    Raises PipelineError, ConfigError, MissingDep, RemoteError.
    """
    scene = _scene(means, request).only_looks()
    try:
        return certain_plan(scene.planner, scene.look_for)
    finally:
        scene.close()


def repro(
    means: Means,
    request: Request,
    watch: Watch,
    *,
    watcher: Watcher | None = None,
    waiting: Callable[[str], None] | None = None,
    held: ReproLock | None = None,
    interrupted: Callable[[Sequence[Kept]], None] = lambda kept: None,
) -> Report:
    """Do what is to be done; what failed is in the report.

    `watcher` sees what commands write; `waiting` as in `ReproLock`; `held`: that lock, if the caller has it;
    `interrupted` is told what was moved out of the way of what came back, since no report follows.
    Raises as `plan`, before anything is done; StoreLocked; KeyboardInterrupt once all that ran has been stopped
    and put right.
    """
    with contextlib.nullcontext(held) if held else ReproLock(means.repo, waiting) as lock:
        scene = _scene(means, request)
        graph = scene.pipeline.graph
        slots = SharedSlots.of(
            means.repo,
            request.jobs,
            means.settings.resources,
            place=means.called,
            permissions=means.store.disk.permissions,
        )
        slots.expect(graph[address] for address in scene.planner.chosen)

        def held_fds() -> list[int]:
            return [lock.fileno(), *slots.fds()]

        with (
            slots,
            Executor(Place.of(means.repo, means.logs), watcher, held_fds=held_fds) as executor,
            _working(scene, executor, slots) as work,
            executor.stopping_on_signals(),
        ):
            course = Course(
                scene.planner, work, _Telling(watch, lock), keep_going=request.keeps_going
            )
            try:
                report = course.go()
            except KeyboardInterrupt:
                interrupted(work.kept)
                raise
    return replace(report, kept=tuple(work.kept), attributes=tuple(work.attributes))


def accept(
    means: Means, request: Request, *, waiting: Callable[[str], None] | None = None
) -> Report:
    """Record the outs that stand there as the results of the named stages, without running them.

    Raises MissingDep, InputError for an out that is not there, UsageError where no stage is named; then nothing
    was recorded. StageFailed for an out that is none.
    """
    if not request.stages:
        raise UsageError("--accept needs the names of stages", hint="git mlvc repro --accept STAGE")
    with ReproLock(means.repo, waiting):
        scene = _scene(means, replace(request, is_single=True, is_forced=False))
        graph = scene.pipeline.graph
        _refuse_absent(means.repo, [graph[address] for address in scene.planner.chosen])
        with (
            Executor(Place.of(means.repo)) as executor,
            _working(scene, executor, SharedSlots(Slots(1, {}))) as work,
        ):
            ended = [
                Ended(address, Fate.ACCEPTED, result=work.accept(graph[address]))
                for address in graph.in_order(scene.planner.chosen)
            ]
    return Report(tuple(ended), tuple(work.kept), tuple(work.attributes))


def _refuse_absent(repo: Repository, stages: Iterable[Stage]) -> None:
    top = repo.needed_worktree("there is nothing to accept")
    for stage in stages:
        for out in stage.outs:
            if not os.path.lexists(top / out.path.text):
                raise InputError(
                    f"stage '{stage.address}' cannot be accepted: there is no {out.path}",
                    why="--accept records what stands there, and runs nothing",
                    hint=f"git mlvc repro {stage.address}",
                )


def restore(means: Means, request: Request) -> Report:
    """Put back what was made before from what stands there now; run nothing, whatever is stale.

    What cannot be restored is NOT_RUN in the report. Raises as `plan`; StoreLocked.
    """
    with ReproLock(means.repo):
        scene = _scene(means, request)
        with (
            Executor(Place.of(means.repo)) as executor,
            _working(scene, executor, SharedSlots(Slots(1, {}))) as work,
        ):
            steps = certain_plan(scene.planner, work.obtain)
            failed = work.restore([step for step in steps if step.action is Action.RESTORE])
            ended = [_ended(step, failed.get(step.stage)) for step in steps]
    return Report(tuple(ended), tuple(work.kept), tuple(work.attributes))


def put_right(means: Means) -> list[Kept]:
    """Bring back what killed runs of this worktree had set aside, and do nothing else; return what was in the way.

    The caller holds the worktree's lock. Raises FormatError, StoreError.
    """
    states = States(
        means.repo,
        deps=(),
        outs=(),
        read_tree=lambda _: None,
        url_state=lambda _: None,
        has_modes=means.has_modes,
    )
    try:
        return set_aside.recover(means.repo, states, is_alone=True)
    finally:
        states.save()


# -- inside


def _ended(step: Step, error: MlvcError | None) -> Ended:
    fates = {Action.SKIP: Fate.UNCHANGED, Action.RESTORE: Fate.RESTORED}
    fate = fates.get(step.action, Fate.NOT_RUN) if error is None else Fate.FAILED
    return Ended(step.stage, fate, step.reasons, error=error, result=step.result)


def _scene(means: Means, request: Request) -> Scene:
    pipeline = discovery.load(means.repo)
    if not pipeline.stages:
        raise PipelineError(
            "there are no stages in this repository",
            why="no mlvc.toml has a [stage.NAME]",
            hint="git mlvc stage add -n train -d data.csv -o model.bin python train.py",
        )
    graph = pipeline.graph
    named = frozenset(named_stages.named(pipeline, request.stages, request.folder))
    if request.is_single:
        chosen = named
    elif request.has_downstream:
        chosen = frozenset(graph.downstream(named))
    else:
        chosen = frozenset(graph.upstream(named))
    options = Options(
        forced=_forced(graph, request, named),
        allow_missing=request.allows_missing,
        can_fetch=request.pulls,
        uses_run_cache=request.uses_run_cache,
    )
    return Scene(means, pipeline, pulls=request.pulls).choose(options, chosen)


def _forced(graph: Graph, request: Request, named: Iterable[str]) -> frozenset[str]:
    """Return what runs whatever is known; a frozen stage only if somebody names it."""
    if not request.is_forced:
        return frozenset()
    return frozenset(a for a in named if request.stages or not graph[a].is_frozen)


@contextlib.contextmanager
def _working(scene: Scene, executor: Executor, slots: SharedSlots) -> Iterator[StageWork]:
    """Put right what a killed run left; at the end seal, tell git, and keep what was learnt."""
    work = StageWork(scene, executor, slots)
    try:
        work.kept += set_aside.recover(scene.repo, scene.states, is_alone=True)
        yield work
    finally:
        try:
            work.close()
        finally:
            scene.locks.finish()
            scene.close()


class _Telling:
    """Passes on what happens, and tells those who wait for the lock which stages run."""

    def __init__(self, watch: Watch, lock: ReproLock) -> None:
        self._watch = watch
        self._lock = lock
        self._running: list[str] = []

    def planned(self, steps: Sequence[Step]) -> None:
        self._watch.planned(steps)

    def waits(self, stage: str, why: str) -> None:
        if not self._running:
            self._lock.say(f"{stage} {why}")
        self._watch.waits(stage, why)

    def began(self, step: Step) -> None:
        self._running.append(step.stage)
        self._say()
        self._watch.began(step)

    def ended(self, end: Ended) -> None:
        if end.stage in self._running:
            self._running.remove(end.stage)
            self._say()
        self._watch.ended(end)

    def _say(self) -> None:
        self._lock.say(f"runs {', '.join(self._running)}" if self._running else "")
