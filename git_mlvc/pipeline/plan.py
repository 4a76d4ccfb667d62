"""What `repro` will do with each stage, and why. Pure.

A stage is decided as soon as everything it needs is known: what stands there, or what a stage before it
leaves there for certain. What a stage that runs will make is not known, so those that need it *depend*; the
engine asks again when it is (`Planner.decide`), and each of them ends as skip, restore or run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from git_mlvc.oid import Oid
from git_mlvc.pipeline import fingerprint
from git_mlvc.pipeline.graph import Graph
from git_mlvc.pipeline.model import (
    Dep,
    FileState,
    Inputs,
    MissingDep,
    Out,
    Param,
    Result,
    Run,
    Stage,
    State,
)
from git_mlvc.pipeline.reasons import differences
from git_mlvc.repo_path import RepoPath
from git_mlvc.units import names_text

_MOST_NAMES = 4  # of outs that a reason names


class Action(Enum):
    """What becomes of a stage."""

    SKIP = "skip"
    RESTORE = "restore"
    RUN = "run"
    DEPENDS = "depends"


@dataclass(frozen=True, slots=True)
class Step:
    """A stage and what becomes of it.

    `waits_for`: of a stage that depends, those before it whose new outputs decide. `inputs`: what its result
    is made from, where that is known by now. `result`: what it leaves, unless it runs.
    """

    stage: str
    action: Action
    reasons: tuple[str, ...] = ()
    waits_for: tuple[str, ...] = ()
    inputs: Inputs | None = None
    result: Result | None = None

    @property
    def reason(self) -> str:
        return "; ".join(self.reasons)

    @property
    def is_work(self) -> bool:
        return self.action is not Action.SKIP


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for. `forced`: addresses that run whatever is known."""

    forced: frozenset[str] = frozenset()
    allow_missing: bool = False
    can_fetch: bool = False
    uses_run_cache: bool = True


class Facts(Protocol):
    """What stands in the worktree, what was made before, and which data is to be had."""

    def state(self, stage: Stage, dep: Dep, replaced: Mapping[RepoPath, FileState]) -> State | None:
        """Return what a stage needs, as it would be with each of `replaced` in its place; None: not there."""
        ...

    def out(self, out: Out) -> FileState | None:
        """Return what stands where a stage makes something; None: nothing, or no file or directory."""
        ...

    def param(self, stage: Stage, param: Param, replaced: Mapping[RepoPath, FileState]) -> str:
        """Return a value as canonical JSON. Raises ConfigError naming file and key."""
        ...

    def locked(self, stage: Stage) -> Result | None:
        """Return the last result, as its lock file has it."""
        ...

    def runs(self, key: bytes) -> Sequence[Run]:
        """Return earlier runs with these inputs, the newest first."""
        ...

    def is_here(self, out: Out, state: FileState) -> bool:
        """True if this content of an out can be had without asking a remote."""
        ...

    def rows(self, dep: Dep, state: FileState) -> Mapping[bytes, object] | None:
        """Return what is in a directory of that state, as `reasons.Rows`."""
        ...


@dataclass
class Planner:
    """Decides stages, makers before users.

    `chosen`: the stages that this run is about; what others make is taken as it stands.
    """

    graph: Graph
    facts: Facts
    options: Options = field(default_factory=Options)
    chosen: frozenset[str] = frozenset()
    lost: set[Oid] = field(default_factory=set)  # contents that were asked for, and nobody has

    def plan(self) -> list[Step]:
        """Return a step for each chosen stage, in order. Raises MissingDep, ConfigError."""
        steps: dict[str, Step] = {}
        for address in self.graph.in_order(self.chosen):
            steps[address] = self.decide(self.graph[address], steps)
        return list(steps.values())

    def decide(self, stage: Stage, before: Mapping[str, Step]) -> Step:
        """Return the step of one stage, given those of the stages before it. Raises as `plan`.

        A stage before it that has run counts as one that is skipped, with what it made as its `result`.
        """
        if stage.is_frozen and stage.address not in self.options.forced:
            return self._frozen(stage)
        unknown = self._unknown(stage, before)
        if unknown:
            self._check_rest(stage, unknown, before)
            return self._undecided(stage, unknown)
        inputs = self.inputs(stage, before)
        if stage.address in self.options.forced:
            return Step(stage.address, Action.RUN, ("asked for with --force",), inputs=inputs)
        if stage.is_always:
            return Step(stage.address, Action.RUN, ("always runs",), inputs=inputs)
        locked = self.facts.locked(stage)
        if locked is not None and locked.inputs == inputs:
            return self._unchanged(stage, inputs, locked)
        if locked is None:
            return self._stale(stage, inputs, [])
        reasons = list(differences(locked.inputs, inputs, self.facts.rows))
        return self._stale(stage, inputs, reasons)

    def inputs(self, stage: Stage, before: Mapping[str, Step]) -> Inputs:
        """Return what a stage's result would be made from. Raises as `plan`."""
        replaced = self._replaced(stage, before)
        return Inputs(
            commands=stage.commands,
            wdir=stage.wdir,
            env=fingerprint.environment(stage),
            deps=tuple((dep, self._dep(stage, dep, replaced)) for dep in sorted(set(stage.deps))),
            params=tuple(
                (param, self.facts.param(stage, param, replaced))
                for param in sorted(set(stage.params))
            ),
            out_paths=tuple(sorted(out.path for out in stage.outs)),
        )

    def _dep(self, stage: Stage, dep: Dep, replaced: Mapping[RepoPath, FileState]) -> State:
        state = self.facts.state(stage, dep, replaced)
        return self._known_without(stage, dep) if state is None else state

    def _check_rest(
        self, stage: Stage, unknown: Mapping[str, Sequence[Out]], before: Mapping[str, Step]
    ) -> None:
        """Whatever no unknown stage makes has to be there: better said now than after hours of work."""
        replaced = self._replaced(stage, before)
        for dep in stage.deps:
            if not any(maker in unknown for maker, _ in self.graph.makers_of(stage, dep)):
                self._dep(stage, dep, replaced)
        for param in stage.params:
            file = Dep(param.file.text)
            if not any(maker in unknown for maker, _ in self.graph.makers_of(stage, file)):
                self.facts.param(stage, param, replaced)

    def _undecided(self, stage: Stage, unknown: Mapping[str, Sequence[Out]]) -> Step:
        """A stage that runs whatever comes, runs; any other depends."""
        if stage.address in self.options.forced:
            return Step(stage.address, Action.RUN, ("asked for with --force",))
        if stage.is_always:
            return Step(stage.address, Action.RUN, ("always runs",))
        names = [f"{out.path} of {maker}" for maker, outs in unknown.items() for out in outs]
        return Step(
            stage.address,
            Action.DEPENDS,
            (f"on {names_text(names, most=_MOST_NAMES, noun='out')}",),
            waits_for=tuple(unknown),
        )

    def _unknown(self, stage: Stage, before: Mapping[str, Step]) -> dict[str, tuple[Out, ...]]:
        return {
            maker: outs
            for maker, outs in self.graph.makers(stage.address).items()
            if maker in self.chosen and maker in before and before[maker].result is None
        }

    def _known_without(self, stage: Stage, dep: Dep) -> State:
        """What a dep that is not there was last time, if that may do."""
        locked = self.facts.locked(stage) if self.options.allow_missing else None
        known = dict(locked.inputs.deps).get(dep) if locked is not None else None
        if known is None:
            makers = {maker for maker, _ in self.graph.makers_of(stage, dep)}
            is_frozen = any(self.graph[maker].is_frozen for maker in makers)
            raise MissingDep(stage, dep.text, sorted(makers), is_frozen=is_frozen)
        return known

    def _replaced(self, stage: Stage, before: Mapping[str, Step]) -> dict[RepoPath, FileState]:
        """What stages before this one will have put where it looks."""
        found: dict[RepoPath, FileState] = {}
        for maker, outs in self.graph.makers(stage.address).items():
            step = before.get(maker)
            if maker not in self.chosen or step is None or step.result is None:
                continue
            if step.action is not Action.RESTORE and not self.options.allow_missing:
                continue  # it stands there
            for out in outs:
                state = step.result.out(out.path) if step.result is not None else None
                if state is not None:
                    found[out.path] = state
        return found

    # -- what is stale, and what can be had

    def _unchanged(self, stage: Stage, inputs: Inputs, locked: Result) -> Step:
        """The inputs are those of the last result: is that what stands here?"""
        wrong = []
        for out in stage.outs:
            is_needed, why = self._compare(out, locked.out(out.path))
            if is_needed:
                wrong.append(why)
        if not wrong:
            return Step(stage.address, Action.SKIP, ("unchanged",), inputs=inputs, result=locked)
        return self._stale(stage, inputs, wrong, known=locked)

    def _compare(self, out: Out, expected: FileState | None) -> tuple[bool, str]:
        standing = self.facts.out(out)
        if standing is None:
            return (
                not (self.options.allow_missing and expected is not None)
            ), f"{out.path} is missing"
        return standing != expected, f"{out.path} is not what the stage made"

    def _stale(
        self, stage: Stage, inputs: Inputs, reasons: list[str], known: Result | None = None
    ) -> Step:
        """Return a restore where an equal result is to be had, else a run. No `reasons`: it is not locked."""
        candidates = [known] if known is not None else []
        if self.options.uses_run_cache and stage.is_repeatable:
            candidates += [run.result for run in self.facts.runs(fingerprint.key(inputs))]
        reasons = reasons or ["not in mlvc.lock" if candidates else "never ran"]
        # One that stands here already is what somebody chose, in a merge for instance: it is not undone.
        for candidate in sorted(candidates, key=lambda one: not self._stands(stage, one)):
            if self._can_be_had(stage, candidate):
                result = Result(inputs, candidate.outs)
                return Step(stage.address, Action.RESTORE, tuple(reasons), (), inputs, result)
        if candidates:
            reasons = [*reasons, "the data of the earlier result is not here"]
        return Step(stage.address, Action.RUN, tuple(reasons), inputs=inputs)

    def _stands(self, stage: Stage, result: Result) -> bool:
        return all(self.facts.out(out) == result.out(out.path) for out in stage.outs)

    def _can_be_had(self, stage: Stage, result: Result) -> bool:
        outs = dict(result.outs)
        return all(
            out.path in outs
            and outs[out.path].oid not in self.lost
            and (
                self.options.can_fetch
                or self.facts.out(out) == outs[out.path]
                or self.facts.is_here(out, outs[out.path])
            )
            for out in stage.outs
        )

    def _frozen(self, stage: Stage) -> Step:
        """Left alone, whatever changed; but outs that are gone come back, where all of its last result does."""
        locked = self.facts.locked(stage)
        standing = {out.path: self.facts.out(out) for out in stage.outs}
        gone = [path for path, state in standing.items() if state is None]
        if locked is not None and gone and not self.options.allow_missing:
            is_whole = all(standing[out.path] in (None, locked.out(out.path)) for out in stage.outs)
            if is_whole and self._can_be_had(stage, locked):
                reasons = tuple(f"{path} is missing" for path in gone)
                result = Result(locked.inputs, locked.outs)
                return Step(stage.address, Action.RESTORE, reasons, (), locked.inputs, result)
        outs = []
        for path, state in standing.items():
            if state is None and locked is not None and self.options.allow_missing:
                state = locked.out(path)
            if state is not None:
                outs.append((path, state))
        inputs = locked.inputs if locked is not None else Inputs(stage.commands)
        return Step(stage.address, Action.SKIP, ("frozen",), result=Result(inputs, tuple(outs)))


def has_work(steps: Iterable[Step]) -> bool:
    return any(step.is_work for step in steps)
