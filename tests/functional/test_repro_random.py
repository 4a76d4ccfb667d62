"""Random pipelines and edits in real worktrees: what is planned is done, and the end is that of a run from scratch."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from support.extent import FAULTS
from support.random_pipelines import KEYS, PARAMS, SOURCES, pipelines
from support.repo import Machine, Repo

from git_mlvc.git.repository import Repository
from git_mlvc.pipeline import repro
from git_mlvc.pipeline.model import DepKind, Out, Stage
from git_mlvc.pipeline.plan import Action
from git_mlvc.pipeline.report import Fate
from git_mlvc.pipeline.repro import Request
from git_mlvc.pipeline.scene import Means
from git_mlvc.settings import Settings
from git_mlvc.store.store import Store

ENDS = {
    Action.SKIP: {Fate.UNCHANGED},
    Action.RESTORE: {Fate.RESTORED},
    Action.RUN: {Fate.RAN},
    Action.DEPENDS: {Fate.UNCHANGED, Fate.RESTORED, Fate.RAN},
}


def toml_of(stages: list[Stage], coarse: set[str]) -> str:
    """Commands digest what they declare, and nothing else; coarse ones keep one digit of it."""
    text = []
    for stage in stages:
        read = [f"find {dep.text} -type f | sort | xargs cat" for dep in stage.deps]
        read += [f"grep {param.key} {param.file}" for param in stage.params]
        cut = "cut -c1-1" if stage.address in coarse else "cat"
        body = "; ".join([f"echo {stage.commands[0]} $MLVC_ITEM_LR", *read])
        made = f".made-{stage.name}"
        makes = [
            f"mkdir -p '{place}'; cp {made} '{target}'"
            for place, target in map(made_at, stage.outs)
        ]
        cmd = f"({body}) | cksum | {cut} > {made}; {'; '.join(makes)}"
        outs = ", ".join(written(out) for out in stage.outs)
        deps = json.dumps([dep.text for dep in stage.deps if dep.kind is not DepKind.URL])
        params = json.dumps([param.key for param in stage.params])
        item = ", ".join(f'lr = ["{value}"]' for value in stage.item.values())
        text.append(
            f"[stage.{stage.name}]\ncmd = {json.dumps(cmd)}\ndeps = {deps}\nparams = {params}\n"
            f"outs = [{outs}]\nalways = {json.dumps(stage.is_always)}\n"
            + (f"matrix = {{{item}}}\n" if item else "")
        )
    return "\n".join(text)


def made_at(out: Out) -> tuple[str, str]:
    """Return the directory that a command makes for an out, and the file in it."""
    path = out.path.text
    return (path, f"{path}/a.txt") if out.is_directory else (os.path.dirname(path) or ".", path)


def written(out: Out) -> str:
    slash = "/" if out.is_directory else ""
    persist = ", persist = true" if out.persist else ""
    return f'{{path = "{out.path}{slash}"{persist}}}'


class Life:
    """A repository, and what its owner does to it."""

    def __init__(self, repo: Repo) -> None:
        self.repo = repo
        found = Repository.discover(repo.path, repo.machine.env())
        self.means = Means(found, Store.open(repo.store), Settings())
        repo.write({name: name.encode() for name in SOURCES})
        self.params = dict.fromkeys(KEYS, 0)

    def write(self, stages: list[Stage], coarse: set[str]) -> None:
        lines = ",\n".join(f'"{key}": {value}' for key, value in self.params.items())
        text = f"{{\n{lines}\n}}\n"
        self.repo.write({"mlvc.toml": toml_of(stages, coarse).encode(), PARAMS.text: text.encode()})

    def edit(self, data: st.DataObject, stages: list[Stage]) -> None:
        what = data.draw(st.sampled_from(["source", "param", "param", "command", "out", "gone"]))
        value = data.draw(st.integers(0, 2))
        at = data.draw(st.integers(0, len(stages) - 1))
        out = self.repo.at(data.draw(st.sampled_from(stages[at].outs)).path.text)
        if what == "source":
            self.repo.write({data.draw(st.sampled_from(SOURCES)): b"%d" % value})
        elif what == "param":
            self.params[data.draw(st.sampled_from(KEYS))] = value
        elif what == "command":
            stages[at] = replace(stages[at], commands=(f"other {value}",))
        elif what == "out" and out.is_file():
            out.write_bytes(b"mine")
        elif out.is_dir():
            shutil.rmtree(out)
        else:
            out.unlink(missing_ok=True)

    def repro(self, jobs: int = 1) -> None:
        """Do it, and insist that it was planned."""
        plan = repro.plan(self.means, Request())
        report = repro.repro(self.means, Request(jobs=jobs), Nobody())
        assert report.failure() is None, report.failure()
        for step, end in zip(plan, report, strict=True):
            assert (step.stage, end.fate in ENDS[step.action]) == (end.stage, True), (step, end)

    def outs(self, stages: list[Stage]) -> Mapping[str, bytes]:
        made = tuple(out.path.text for one in stages for out in one.outs)
        inside = tuple(path + "/" for path in made)
        return {
            name: path.read_bytes()
            for name, path in self.repo.files()
            if name in made or name.startswith(inside)
        }


class Nobody:
    def planned(self, steps: object) -> None:
        pass

    def waits(self, stage: str, why: str) -> None:
        pass

    def began(self, step: object) -> None:
        pass

    def ended(self, end: object) -> None:
        pass


# A failing example is not made smaller: that takes minutes, with real commands.
@settings(
    max_examples=FAULTS // 3, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate]
)
@given(st.data())
def test_what_is_planned_is_done_and_the_end_is_that_of_a_run_from_scratch(
    data: st.DataObject,
) -> None:
    with tempfile.TemporaryDirectory() as place:
        machine = Machine(Path(place) / "machine")
        stages = [replace(one, is_frozen=False) for one in data.draw(pipelines(most=5))]
        coarse = data.draw(st.sets(st.sampled_from([one.address for one in stages])))
        life = Life(machine.init("one"))
        life.write(stages, coarse)
        life.repro()
        for _ in range(data.draw(st.integers(1, 4))):
            life.edit(data, stages)
            life.write(stages, coarse)
            life.repro(jobs=data.draw(st.integers(1, 2)))
        left = {step.stage for step in repro.plan(life.means, Request()) if step.is_work}
        if not any(one.is_always for one in stages):
            assert left == set()
        scratch = Life(machine.init("two"))
        scratch.params = life.params
        scratch.repo.write({name: life.repo.read(name) for name in SOURCES})
        scratch.write(stages, coarse)
        scratch.repro()
        assert life.outs(stages) == scratch.outs(stages)
