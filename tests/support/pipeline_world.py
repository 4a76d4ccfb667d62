"""A worktree, a store and commands in memory: what a plan is checked against, in microseconds.

Commands are pure functions of what they declare: each out is named by a digest of the command, the
environment, the params and the contents of all deps. `coarse` ones know only a digest modulo 2, so that a
changed input often makes the same content.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from blake3 import blake3

from git_mlvc.errors import ConfigError, MlvcError, StageFailed
from git_mlvc.oid import Oid
from git_mlvc.pipeline import fingerprint
from git_mlvc.pipeline.course import Course, certain_plan
from git_mlvc.pipeline.doing import Admission
from git_mlvc.pipeline.graph import Graph
from git_mlvc.pipeline.model import Dep, DepKind, FileState, Out, Param, Result, Run, Stage
from git_mlvc.pipeline.plan import Options, Planner, Step
from git_mlvc.pipeline.report import Ended, Fate, Report
from git_mlvc.repo_path import RepoPath

Files = dict[str, bytes]


def file_state(data: bytes) -> FileState:
    return FileState(Oid.of(data), len(data))


def tree_state(files: Mapping[str, bytes]) -> FileState:
    rows = sorted((name, str(Oid.of(data))) for name, data in files.items())
    text = json.dumps(rows).encode()
    return FileState(Oid.of(text), sum(map(len, files.values())), len(files))


@dataclass
class World:
    """All that a repro sees and changes. `remote`: contents that can be fetched."""

    files: Files = field(default_factory=dict)
    locked: dict[str, Result] = field(default_factory=dict)
    known_runs: dict[bytes, list[Run]] = field(default_factory=dict)
    store: dict[Oid, Files | bytes] = field(default_factory=dict)
    remote: dict[Oid, Files | bytes] = field(default_factory=dict)
    fails: set[str] = field(default_factory=set)
    coarse: set[str] = field(default_factory=set)
    during: Callable[[str], None] = lambda stage: None
    ran: list[str] = field(default_factory=list)

    # -- contents

    def content(self, path: str) -> Files | bytes | None:
        return _at(self.files, path)

    def put(self, path: str, content: Files | bytes) -> None:
        self.remove(path)
        if isinstance(content, bytes):
            self.files[path] = content
        else:
            self.files.update({f"{path}/{name}": data for name, data in content.items()})

    def remove(self, path: str) -> None:
        for name in [n for n in self.files if n == path or n.startswith(path + "/")]:
            del self.files[name]

    def seen(self, content: Files | bytes) -> FileState:
        """Keep a content in the store; return its state."""
        state = file_state(content) if isinstance(content, bytes) else tree_state(content)
        self.store[state.oid] = content
        return state

    def _with(self, replaced: Mapping[RepoPath, FileState]) -> Files:
        if not replaced:
            return self.files
        other = World(files=dict(self.files))
        for path, state in replaced.items():
            standing = self.content(path.text)
            if standing is None or _state(standing) != state:
                content = self.store.get(state.oid, self.remote.get(state.oid))
                assert content is not None, f"{path} is said to be there"
                other.put(path.text, content)
        return other.files

    # -- plan.Facts

    def state(
        self, stage: Stage, dep: Dep, replaced: Mapping[RepoPath, FileState]
    ) -> FileState | None:
        content = self.dep_content(dep, self._with(replaced))
        return None if content is None else _state(content)

    def dep_content(self, dep: Dep, files: Files) -> Files | bytes | None:
        if dep.kind is DepKind.GLOB:
            return {n: d for n, d in files.items() if _matches(n, dep.text)} or None
        return _at(files, dep.text)

    def out(self, out: Out) -> FileState | None:
        content = self.content(out.path.text)
        return None if content is None else _state(content)

    def param(self, stage: Stage, param: Param, replaced: Mapping[RepoPath, FileState]) -> str:
        values = json.loads(self._with(replaced)[param.file.text])
        if param.key not in values:
            raise ConfigError(f"{param} is not there")
        return json.dumps(values[param.key])

    def runs(self, key: bytes) -> Sequence[Run]:
        return self.known_runs.get(key, ())

    def is_here(self, out: Out, state: FileState) -> bool:
        return state.oid in self.store

    def rows(self, dep: Dep, state: FileState) -> Mapping[bytes, object] | None:
        content = self.dep_content(dep, self.files)
        if content is None or _state(content) != state:
            content = self.store.get(state.oid)
        return {n.encode(): d for n, d in content.items()} if isinstance(content, dict) else None

    # -- repro

    def planner(
        self, graph: Graph, options: Options = Options(), chosen: Sequence[str] | None = None
    ) -> Planner:
        names = graph.order if chosen is None else chosen
        return Planner(graph, _Facts(self), options, frozenset(names))

    def plan(
        self, graph: Graph, options: Options = Options(), chosen: Sequence[str] | None = None
    ) -> list[Step]:
        planner = self.planner(graph, options, chosen)
        probe = Doing(self, planner, 1)
        return certain_plan(planner, lambda steps: probe.obtain(steps, is_look_only=True))

    def repro(
        self,
        graph: Graph,
        options: Options = Options(),
        chosen: Sequence[str] | None = None,
        *,
        jobs: int = 1,
        keep_going: bool = False,
    ) -> Report:
        planner = self.planner(graph, options, chosen)
        doing = Doing(self, planner, jobs)
        return Course(planner, doing, doing, keep_going=keep_going).go()

    def copy(self) -> World:
        """The same place, to go another way from."""
        runs = {key: list(found) for key, found in self.known_runs.items()}
        return World(
            dict(self.files),
            dict(self.locked),
            runs,
            dict(self.store),
            dict(self.remote),
            coarse=set(self.coarse),
        )


class _Facts:
    """A world's answers; `locked` is a dict there."""

    def __init__(self, world: World) -> None:
        self._world = world
        for name in ("state", "out", "param", "runs", "is_here", "rows"):
            setattr(self, name, getattr(world, name))

    def locked(self, stage: Stage) -> Result | None:
        return self._world.locked.get(stage.address)


class Doing:
    """Does in a world what the course asks for, and looks on."""

    def __init__(self, world: World, planner: Planner, jobs: int) -> None:
        self.world = world
        self.planner = planner
        self.room = jobs
        self.stopped = 0
        self.began_with: list[Step] = []
        self.plan: list[Step] = []

    def obtain(self, steps: Sequence[Step], *, is_look_only: bool = False) -> bool:
        world = self.world
        is_all = True
        for step in steps:
            assert step.result is not None
            for path, state in step.result.outs:
                standing = world.content(path.text)
                if state.oid in world.store or (standing and _state(standing) == state):
                    continue
                if state.oid in world.remote and is_look_only:
                    continue
                if state.oid in world.remote:
                    world.store[state.oid] = world.remote[state.oid]
                else:
                    self.planner.lost.add(state.oid)
                    is_all = False
        return is_all

    def restore(self, steps: Sequence[Step]) -> Mapping[str, MlvcError]:
        for step in steps:
            assert step.result is not None
            for path, state in step.result.outs:
                standing = self.world.content(path.text)
                if standing is None or _state(standing) != state:
                    self.world.put(path.text, self.world.store[state.oid])
            self.world.locked[step.stage] = step.result
        return {}

    def admit(self, ready: Sequence[Step], before: Mapping[str, Step]) -> Admission:
        admitted = []
        for step in ready:
            if self.room:
                self.room -= 1
                admitted.append((step, self._work(step, before)))
        return Admission(admitted)

    def _work(self, step: Step, before: Mapping[str, Step]) -> Callable[[], Ended]:
        def work() -> Ended:
            stage = self.planner.graph[step.stage]
            inputs = self.planner.inputs(stage, before)
            try:
                self.world.ran.append(stage.address)
                self._run(stage)
                self.world.during(stage.address)
                if self.planner.inputs(stage, before) != inputs:
                    error = StageFailed("changed")
                    return Ended(stage.address, Fate.CHANGED, error=error)
            finally:
                self.room += 1
            outs = []
            for out in stage.outs:
                content = self.world.content(out.path.text)
                assert content is not None
                outs.append((out.path, self.world.seen(content)))
            result = Result(inputs, tuple(outs))
            key = fingerprint.key(inputs)
            if self.planner.options.uses_run_cache and stage.is_repeatable:
                run = Run(key, stage.address, 0, 0, "here", result)
                self.world.known_runs.setdefault(key, []).insert(0, run)
            self.world.locked[stage.address] = result
            return Ended(stage.address, Fate.RAN, result=result)

        return work

    def _run(self, stage: Stage) -> None:
        world = self.world
        if stage.address in world.fails:
            raise StageFailed(f"{stage.address} failed")
        read = [repr(stage.commands), repr(fingerprint.environment(stage))]
        for dep in stage.deps:
            read.append(f"{dep} {_canonical(world.dep_content(dep, world.files))}")
        for param in stage.params:
            read.append(f"{param} {world.param(stage, param, {})}")
        digest = blake3("\n".join(sorted(read)).encode()).digest()
        number = digest[0] % 2 if stage.address in world.coarse else digest.hex()
        for out in stage.outs:
            if out.is_directory:
                files = {"a.txt": f"{number}".encode(), f"{digest[0] % 2}.bin": b"x"}
                world.put(out.path.text, files)
            else:
                world.put(out.path.text, f"{out.path} {number}".encode())

    def give_back(self, stage: str) -> None:
        self.room += 1

    def stop(self) -> None:
        self.stopped += 1

    # -- watch

    def planned(self, steps: Sequence[Step]) -> None:
        self.plan = list(steps)

    def waits(self, stage: str, why: str) -> None:
        pass

    def began(self, step: Step) -> None:
        self.began_with.append(step)

    def ended(self, end: Ended) -> None:
        pass


def _canonical(content: Files | bytes | None) -> str:
    return repr(sorted(content.items()) if isinstance(content, dict) else content)


def _state(content: Files | bytes) -> FileState:
    return file_state(content) if isinstance(content, bytes) else tree_state(content)


def _at(files: Files, path: str) -> Files | bytes | None:
    if path in files:
        return files[path]
    prefix = path + "/"
    found = {n.removeprefix(prefix): d for n, d in files.items() if n.startswith(prefix)}
    return found or None


def _matches(name: str, pattern: str) -> bool:
    parts, wanted = name.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))
