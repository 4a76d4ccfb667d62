"""What is done with stages in a real worktree: results put in place, commands run, new results recorded.

Law 1: the data of outs, then the record of the run, then the lock file. Whatever fails before the last
leaves the earlier outs as they were.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING

from git_mlvc.errors import InputError, MlvcError, StageFailed, StoreError
from git_mlvc.pipeline import fingerprint
from git_mlvc.pipeline.doing import Admission
from git_mlvc.pipeline.model import DepKind, FileState, Inputs, MissingDep, Result, Run, Stage
from git_mlvc.pipeline.outs import set_aside
from git_mlvc.pipeline.plan import Step
from git_mlvc.pipeline.reasons import differences
from git_mlvc.pipeline.report import Ended, Fate
from git_mlvc.pipeline.running.failures import stage_failed
from git_mlvc.pipeline.standing import dep_stubs

if TYPE_CHECKING:
    from git_mlvc.pipeline.outs.aside import SetAside
    from git_mlvc.pipeline.outs.outputs import Outputs
    from git_mlvc.pipeline.outs.replaced import Kept
    from git_mlvc.pipeline.running.executor import Executor
    from git_mlvc.pipeline.running.outcome import Outcome
    from git_mlvc.pipeline.running.shared_slots import SharedSlots
    from git_mlvc.pipeline.running.slots import Admitted
    from git_mlvc.pipeline.scene import Scene
    from git_mlvc.repo_path import RepoPath
    from git_mlvc.store.session import Session


class StageWork:
    """`Doing` for one scene. `close` it, however the course ended."""

    def __init__(self, scene: Scene, executor: Executor, slots: SharedSlots) -> None:
        self._scene = scene
        self._executor = executor
        self._slots = slots
        self._planner = scene.planner
        self._graph = scene.pipeline.graph
        self._session: Session | None = None
        self._one_fill = Lock()  # of stubs that several stages read
        self._made: list[Stage] = []  # those that left something new
        self.kept: list[Kept] = []
        self.attributes: list[RepoPath] = []

    def close(self) -> None:
        """Seal what was stored, tell git of what was written."""
        try:
            self._cover(self._made)
            if "_outputs" in self.__dict__:
                self._outputs.finish()
        finally:
            if self._session is not None:
                self._session.close()

    # -- doing.Doing

    def obtain(self, steps: Sequence[Step]) -> bool:
        scene = self._scene
        is_certain = scene.fetch_runs()
        wanted = [state for _, state in scene.wanting(steps)]
        if scene.fetch is None or not scene.elsewhere.missing(wanted):
            return is_certain
        failed = self._outputs.fetch_missing(wanted, scene.fetch)
        for failure in failed.values():
            if not isinstance(failure, StoreError) and scene.has_remotes():
                raise failure  # who did not answer, or may not be asked yet, may have it (law 9)
        lost = {state.oid for state in wanted if failed and not scene.elsewhere.has(state)}
        self._planner.lost |= lost
        return is_certain and not lost

    def restore(self, steps: Sequence[Step]) -> Mapping[str, MlvcError]:
        failed: dict[str, MlvcError] = {}
        try:
            self._put(steps)
        except MlvcError:
            for step in steps:  # one at a time, to see whose it was
                try:
                    self._put([step])
                except MlvcError as error:
                    failed[step.stage] = error
        done = [
            (self._graph[step.stage], step.result)
            for step in steps
            if step.stage not in failed and step.result is not None
        ]
        try:
            self._lock(done)
        except MlvcError:
            for stage, result in done:
                try:
                    self._lock([(stage, result)])
                except MlvcError as error:
                    failed[stage.address] = error
        return failed

    def admit(self, ready: Sequence[Step], before: Mapping[str, Step]) -> Admission:
        by_stage = {step.stage: step for step in ready}
        choice = self._slots.choose([self._graph[step.stage] for step in ready])
        works = [
            (by_stage[one.stage.address], self._work(one, before, self._outputs))
            for one in choice.admitted
        ]
        return Admission(works, choice.waits)

    def give_back(self, stage: str) -> None:
        self._slots.give_back(stage)

    def stop(self) -> None:
        self._executor.stop()

    def accept(self, stage: Stage) -> Result:
        """Record what stands where a stage makes something. Raises MissingDep, InputError."""
        inputs = self._planner.inputs(stage, {})
        return self._record(stage, inputs, 0, self._outputs)

    # -- restoring

    def _put(self, steps: Iterable[Step]) -> None:
        outs = self._scene.wanting(steps)
        if outs:
            self.kept += self._outputs.restore(outs)

    # -- running, on a thread of its own

    def _work(
        self, admitted: Admitted, before: Mapping[str, Step], outputs: Outputs
    ) -> Callable[[], Ended]:
        stage = admitted.stage

        def work() -> Ended:
            try:
                return self._run(stage, admitted.slots, before, outputs)
            except OSError as exc:
                name = f": {exc.filename}" if exc.filename else ""
                raise InputError(
                    f"stage '{stage.address}' could not be run{name}", why=exc.strerror or str(exc)
                ) from exc
            finally:
                self._slots.give_back(stage.address)

        return work

    def _run(
        self,
        stage: Stage,
        slots: Mapping[str, Sequence[int]],
        before: Mapping[str, Step],
        outputs: Outputs,
    ) -> Ended:
        self._scene.forget_urls(stage)
        self._scene.facts.look_again(stage)
        inputs = self._planner.inputs(stage, before)
        self._fill_deps(stage)
        for attempt in range(1, stage.retries + 2):
            aside = set_aside.begin(self._scene.repo, stage, self._scene.states)
            remark = self._slots.trouble() if slots else ""
            try:
                outcome = self._executor.run(stage, slots, attempt, remark=remark)
                if outcome.is_ok:
                    return self._succeeded(stage, inputs, before, outcome, aside, outputs)
            finally:
                self.kept += aside.bring_back()  # nothing, where it was let go
            if outcome.was_interrupted:
                raise KeyboardInterrupt
        raise stage_failed(stage, outcome)

    def _succeeded(
        self,
        stage: Stage,
        inputs: Inputs,
        before: Mapping[str, Step],
        outcome: Outcome,
        aside: SetAside,
        outputs: Outputs,
    ) -> Ended:
        self._scene.states.forget(out.path for out in stage.outs)
        changes = self._changes(stage, inputs, before)
        if changes:
            self.kept += aside.let_go(outputs.elsewhere)
            error = _changed_meanwhile(stage, changes)
            return Ended(stage.address, Fate.CHANGED, (), outcome.duration_ms, error)
        result = self._record(stage, inputs, outcome.duration_ms, outputs)
        self.kept += aside.let_go(outputs.elsewhere)
        return Ended(stage.address, Fate.RAN, (), outcome.duration_ms, result=result)

    def _changes(self, stage: Stage, inputs: Inputs, before: Mapping[str, Step]) -> list[str]:
        """Return how what the stage reads differs from what stood there when it began.

        Servers are not asked again: one that does not answer now must not cost what has just been made.
        """
        scene = self._scene
        scene.facts.look_again(stage)
        try:
            after = self._planner.inputs(stage, before)
        except MlvcError as gone:
            return [str(gone)]
        if after == inputs:
            return []
        return list(differences(inputs, after, scene.facts.rows)) or ["it is not the same"]

    def _fill_deps(self, stage: Stage) -> None:
        """Raises MissingDep for what a plan could do without, but a command cannot; InputError."""
        scene = self._scene
        for dep in stage.deps:
            if dep.kind is not DepKind.URL and scene.states.state(dep) is None:
                makers = {maker for maker, _ in self._graph.makers_of(stage, dep)}
                raise MissingDep(stage, dep.text, sorted(makers))
        with self._one_fill:
            standing = dep_stubs.stubs(scene.repo, scene.states, stage)
            if standing:
                dep_stubs.fill(
                    scene.repo,
                    scene.store,
                    stage,
                    standing,
                    fetch=scene.fetch,
                    progress=scene.progress,
                )

    # -- recording

    def _record(self, stage: Stage, inputs: Inputs, duration_ms: int, outputs: Outputs) -> Result:
        outs = outputs.record(stage, self._scene.facts.locked(stage))
        result = Result(inputs, outs)
        self._store_trees(stage, inputs)
        if self._planner.options.uses_run_cache and stage.is_repeatable:
            run = Run(
                fingerprint.key(inputs),
                stage.address,
                time.time_ns() // 10**6,
                duration_ms,
                self._scene.host,
                result,
                frozenset(out.path for out in stage.outs if not out.is_pushed),
            )
            self._scene.run_cache.add(run, self._open_session)
        self._lock([(stage, result)])
        return result

    def _store_trees(self, stage: Stage, inputs: Inputs) -> None:
        """What was in directories that a stage read, so that later reasons can name what changed in them."""
        for dep, state in inputs.deps:
            if (
                dep.kind is DepKind.URL
                or not isinstance(state, FileState)
                or not state.is_directory
            ):
                continue
            standing = self._scene.states.standing(dep)
            if standing is not None and standing.tree and standing.state == state:
                self._open_session.ingest_bytes(standing.tree)

    def _lock(self, results: Sequence[tuple[Stage, Result]]) -> None:
        self._made += [stage for stage, _ in results]
        new = [(stage, made) for stage, made in results if self._scene.facts.locked(stage) != made]
        self._scene.locks.record_many(new)

    def _cover(self, stages: Sequence[Stage]) -> None:
        """Have large outs kept as data, whoever commits them and how."""
        if stages:
            from git_mlvc.pipeline.outs import out_attributes

            for file in out_attributes.cover(self._scene.repo, self._scene.settings, stages):
                if file not in self.attributes:
                    self.attributes.append(file)

    # -- opened when first needed, on the thread of the course

    @cached_property
    def _open_session(self) -> Session:
        self._session = self._scene.store.session()
        return self._session

    @cached_property
    def _outputs(self) -> Outputs:
        from git_mlvc.pipeline.outs.outputs import Outputs

        scene = self._scene
        chosen = self._graph.in_order(self._planner.chosen)
        self._cover([self._graph[address] for address in chosen])
        return Outputs(
            scene.repo,
            scene.store,
            self._open_session,
            scene.states,
            fetch=scene.fetch,
            progress=scene.progress,
        )


def _changed_meanwhile(stage: Stage, changes: Sequence[str]) -> StageFailed:
    return StageFailed(
        f"stage '{stage.address}' is not recorded: what it reads changed while it ran",
        why=f"{'; '.join(changes)}\nits outs are kept as it made them, and it stays stale",
        hint="git mlvc repro",
    )
