"""Random pipelines and random edits for tests of plan and course; and the plain cases' stages."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from hypothesis import strategies as st
from support.pipeline_world import World

from git_mlvc.pipeline.graph import Graph
from git_mlvc.pipeline.model import Dep, DepKind, Out, Param, PipelineError, Stage
from git_mlvc.repo_path import RepoPath

SOURCES = ("src/0", "src/1", "src/sub/2", "data/raw")
KEYS = ("lr", "seed")
PARAMS = RepoPath.parse("params.json")


def path(text: str) -> RepoPath:
    return RepoPath.parse(text)


def stage(
    name: str, *, needs: str = "", makes: str = "", cmd: str = "", **options: object
) -> Stage:
    """A stage in a few words: `needs` and `makes` are paths with spaces between; `lr` alone is a param."""
    deps, params = [], []
    for word in needs.split():
        if word in KEYS:
            params.append(Param(PARAMS, word))
        else:
            deps.append(Dep(word.rstrip("/"), DepKind.GLOB if "*" in word else DepKind.PATH))
    outs = [Out(path(word.rstrip("/")), is_directory=word.endswith("/")) for word in makes.split()]
    return Stage(
        name,
        name.rpartition(":")[2],
        (cmd or f"make {name}",),
        deps=tuple(deps),
        params=tuple(params),
        outs=tuple(outs),
        **options,  # type: ignore[arg-type]
    )


def new_world(**files: bytes) -> World:
    world = World(files={name: name.encode() for name in SOURCES})
    world.files[PARAMS.text] = json.dumps(dict.fromkeys(KEYS, 0)).encode()
    world.files.update(files)
    return world


@st.composite
def pipelines(draw: st.DrawFn, most: int = 7) -> list[Stage]:
    """Stages that fit together: outs in shared folders, deps inside outs, fans with items, globs."""
    stages: list[Stage] = []
    for at in range(draw(st.integers(1, most))):
        place = draw(st.sampled_from(["out{}", "out{}/", "shared0/{}", "shared1/{}", "a{} b{}/"]))
        made = [out for before in stages for out in before.outs]
        choices = [*SOURCES, "src", "data", *KEYS, "shared0", "shared1", "shared0/*", "src/*"]
        for out in made:
            choices += [out.path.text, out.path.text]
            choices += [f"{out.path}/a.txt"] if out.is_directory else []
        needs = draw(st.lists(st.sampled_from(choices), max_size=4, unique=True))
        options: dict[str, object] = {}
        kind = draw(st.sampled_from(["", "", "", "", "", "frozen", "always", "persist", "item"]))
        if kind == "frozen":
            options["is_frozen"] = True
        elif kind == "always":
            options["is_always"] = True
        elif kind == "item":
            options["item"] = {"lr": draw(st.sampled_from("12"))}
        new = stage(f"s{at}", makes=place.format(at, at), **options)
        if kind == "persist":
            new = replace(new, outs=tuple(replace(out, persist=True) for out in new.outs))
        for need in needs:
            more = stage("", needs=need)
            grown = replace(new, deps=new.deps + more.deps, params=new.params + more.params)
            if _fits([*stages, grown]) and _is_there(grown, stages):
                new = grown
        if not _fits([*stages, new]):
            new = replace(new, outs=(Out(path(f"alone{at}")),))
        stages.append(new)
    return stages


def _fits(stages: list[Stage]) -> bool:
    try:
        Graph(stages)
    except PipelineError:
        return False
    return True


def _is_there(new: Stage, stages: list[Stage]) -> bool:
    """False for a shared folder that nobody before puts anything in."""
    world = new_world()
    for before in stages:
        for out in before.outs:
            world.put(out.path.text, {"a.txt": b""} if out.is_directory else b"")
    return all(world.dep_content(dep, world.files) is not None for dep in new.deps)


Edit = Callable[[World, list[Stage]], None]


@st.composite
def edits(draw: st.DrawFn, stages: list[Stage]) -> Edit:
    """One thing that somebody does between two repros."""
    what = draw(
        st.sampled_from(
            ["source", "source", "param", "param", "command", "out", "no out", "lose", "forget"]
        )
    )
    name = draw(st.sampled_from(SOURCES))
    value = draw(st.integers(0, 2))
    at = draw(st.integers(0, len(stages) - 1))
    which = draw(st.integers(0, 10))
    key = draw(st.sampled_from(KEYS))

    def edit(world: World, stages: list[Stage]) -> None:
        out = stages[at].outs[which % len(stages[at].outs)]
        if what == "source":
            world.files[name] = b"%d" % value
        elif what == "param":
            values = json.loads(world.files[PARAMS.text])
            values[key] = value
            world.files[PARAMS.text] = json.dumps(values).encode()
        elif what == "command":
            stages[at] = replace(stages[at], commands=(f"other {value}",))
        elif what == "out":
            world.put(out.path.text, {"a.txt": b"mine"} if out.is_directory else b"mine")
        elif what == "no out":
            world.remove(out.path.text)
        elif what == "lose":
            for oid in list(world.store)[which::3]:
                content = world.store.pop(oid)
                if value:
                    world.remote[oid] = content
        else:
            world.locked.pop(stages[at].address, None)

    return edit
