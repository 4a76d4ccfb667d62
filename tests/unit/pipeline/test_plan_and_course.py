"""Over random pipelines and random edits: what the plan says is what is done, and the end is the right one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.extent import FAULTS
from support.pipeline_world import World
from support.random_pipelines import edits, new_world, pipelines, stage

from git_mlvc.pipeline.graph import Graph
from git_mlvc.pipeline.model import MissingDep, Stage
from git_mlvc.pipeline.plan import Action, Options, Step, has_work
from git_mlvc.pipeline.report import Ended, Fate, Report
from git_mlvc.repo_path import RepoPath

ENDS = {
    Action.SKIP: {Fate.UNCHANGED},
    Action.RESTORE: {Fate.RESTORED},
    Action.RUN: {Fate.RAN},
    Action.DEPENDS: {Fate.UNCHANGED, Fate.RESTORED, Fate.RAN},
}


def is_kept(plan: list[Step], report: Report) -> None:
    """Each stage ended as the plan said, and nothing else ran."""
    assert [step.stage for step in plan] == [end.stage for end in report]
    for step, end in zip(plan, report, strict=True):
        assert end.fate in ENDS[step.action], (step, end)


def is_as_from_scratch(world: World, stages: list[Stage], coarse: set[str]) -> None:
    """Outs are what running everything anew makes, but for frozen stages, which are left alone."""
    fresh = new_world()
    made = [out for one in stages for out in one.outs if not one.is_frozen]
    fresh.files = dict(world.files)
    for out in made:
        fresh.remove(out.path.text)
    fresh.coarse = coarse
    graph = Graph(stages)
    fresh.repro(graph, Options(forced=frozenset(s.address for s in stages if not s.is_frozen)))
    assert fresh.files == world.files


def thaw(world: World, stages: list[Stage]) -> None:
    """Whose outs are gone for good, or are not known, has to make them: nobody can do without."""
    for at, one in enumerate(stages):
        locked = world.locked.get(one.address)
        known = locked is not None and all(
            state.oid in world.store and world.out(out) in (None, state)
            for out in one.outs
            if (state := locked.out(out.path))
        )
        is_here = all(world.content(out.path.text) is not None for out in one.outs)
        if one.is_frozen and not is_here and not known:
            stages[at] = replace(one, is_frozen=False)


@settings(max_examples=7 * FAULTS, deadline=None)
@given(st.data())
def test_the_plan_is_what_is_done_and_the_end_is_that_of_a_run_from_scratch(
    data: st.DataObject,
) -> None:
    stages = data.draw(pipelines())
    coarse = data.draw(st.sets(st.sampled_from([one.address for one in stages])))
    world = new_world()
    world.coarse = coarse
    frozen = [one.address for one in stages if one.is_frozen]
    world.repro(Graph([replace(one, is_frozen=False) for one in stages]))
    earlier: list[tuple[dict[str, bytes], dict[str, object], list[Stage]]] = []
    for _ in range(data.draw(st.integers(1, 5))):
        earlier.append((dict(world.files), dict(world.locked), list(stages)))
        if data.draw(st.integers(0, 4)) == 0:
            files, locked, stages = data.draw(st.sampled_from(earlier))
            world.files, world.locked = dict(files), dict(locked)  # type: ignore[arg-type]
            stages = list(stages)
        else:
            for edit in data.draw(st.lists(edits(stages), min_size=1, max_size=2)):
                edit(world, stages)
        stages = [replace(one, is_frozen=one.address in frozen) for one in stages]
        thaw(world, stages)
        graph = Graph(stages)
        options = Options(can_fetch=data.draw(st.booleans()))
        plan = world.plan(graph, options)
        report = world.repro(graph, options, jobs=data.draw(st.integers(1, 3)))
        is_kept(plan, report)
        is_as_from_scratch(world, stages, coarse)
        again = [step for step in world.plan(graph) if step.is_work]
        lively = graph.downstream(one.address for one in stages if one.is_always)
        assert {step.stage for step in again} <= lively


@settings(max_examples=4 * FAULTS, deadline=None)
@given(st.data())
def test_any_choice_of_stages_is_planned_as_it_is_done(data: st.DataObject) -> None:
    """`--single`, `--downstream` and `--force` choose; others' outs are taken as they stand."""
    stages = [replace(one, is_frozen=False) for one in data.draw(pipelines())]
    world = new_world()
    world.repro(Graph(stages))
    for edit in data.draw(st.lists(edits(stages), min_size=1, max_size=3)):
        edit(world, stages)
    graph = Graph(stages)
    names = data.draw(st.sets(st.sampled_from(graph.order), min_size=1))
    chosen = data.draw(st.sampled_from([names, graph.downstream(names), graph.upstream(names)]))
    forced = data.draw(st.sampled_from([frozenset[str](), frozenset(names)]))
    options = Options(
        forced,
        allow_missing=data.draw(st.booleans()),
        uses_run_cache=data.draw(st.booleans()),
    )
    try:
        plan = world.plan(graph, options, sorted(chosen))
    except MissingDep as missing:
        assert missing.stage in chosen  # of a stage that was not chosen, and whose out is gone
        return
    if options.allow_missing:
        return  # what has to run may lack what it reads: test_repro_allow_missing
    before = {one: world.locked.get(one) for one in graph.order if one not in chosen}
    is_kept(plan, world.repro(graph, options, sorted(chosen)))
    assert set(forced) <= set(world.ran)
    assert before == {one: world.locked.get(one) for one in before}


def two_steps(**options: object) -> list[Stage]:
    return [
        stage("prepare", needs="src/0", makes="data/clean", **options),
        stage("train", needs="data/clean src/1 lr", makes="model"),
    ]


def fates(report: Report) -> list[str]:
    return [end.fate.value for end in report]


def test_an_upstream_that_makes_the_same_content_lets_the_rest_be() -> None:
    graph, world = Graph(two_steps()), new_world()
    world.coarse = {"prepare"}
    world.repro(graph)
    for at in range(64):
        made = world.files["data/clean"]
        world.files["src/0"] = b"edit %d" % at
        plan, report = world.plan(graph), world.repro(graph)
        assert [step.action for step in plan] == [Action.RUN, Action.DEPENDS]
        assert plan[1].waits_for == ("prepare",)
        assert plan[1].reason == "on data/clean of prepare"
        if world.files["data/clean"] == made:
            assert fates(report) == ["ran", "unchanged"]
            return
    raise AssertionError("64 coins fell on the same side")


def test_a_param_that_is_changed_back_is_restored_and_nothing_runs() -> None:
    graph, world = Graph(two_steps()), new_world()
    first = dict(world.files)
    assert fates(world.repro(graph)) == ["ran", "ran"]
    after_first = dict(world.files)
    world.files["params.json"] = b'{"lr": 1, "seed": 0}'
    assert [step.reason for step in world.plan(graph)][1] == "params.json: lr 0 → 1"
    assert fates(world.repro(graph)) == ["unchanged", "ran"]
    world.files["params.json"] = first["params.json"]
    assert fates(world.repro(graph)) == ["unchanged", "restored"]
    assert world.files == after_first
    assert world.ran == ["prepare", "train", "train"]


def test_without_the_run_cache_what_was_made_before_is_not_known() -> None:
    graph, world = Graph(two_steps()), new_world()
    world.repro(graph, Options(uses_run_cache=False))
    assert not world.known_runs
    world.remove("model")
    assert fates(world.repro(graph, Options(uses_run_cache=False))) == ["unchanged", "restored"]
    world.locked.clear()
    assert fates(world.repro(graph)) == ["ran", "ran"]


def test_force_runs_the_named_stage_and_keeps_its_new_result() -> None:
    graph, world = Graph(two_steps()), new_world()
    world.repro(graph)
    options = Options(forced=frozenset({"prepare"}))
    plan = world.plan(graph, options)
    assert [step.action for step in plan] == [Action.RUN, Action.DEPENDS]
    assert plan[0].reason == "asked for with --force"
    assert fates(world.repro(graph, options)) == ["ran", "unchanged"]
    (runs,) = [found for found in world.known_runs.values() if found[0].stage == "prepare"]
    assert len(runs) == 2


def test_a_changed_item_is_a_changed_input_although_the_command_does_not_name_it() -> None:
    graph, world = Graph([stage("train", makes="model", item={"lr": "1"})]), new_world()
    world.repro(graph)
    graph = Graph([stage("train", makes="model", item={"lr": "2"})])
    (step,) = world.plan(graph)
    assert (step.action, step.reason) == (Action.RUN, "env: MLVC_ITEM_LR changed")


def test_a_frozen_stage_is_left_alone_whatever_changed() -> None:
    world = new_world()
    world.repro(Graph(two_steps()))
    world.files["src/0"] = b"edited"
    graph = Graph(two_steps(is_frozen=True))
    assert [step.action for step in world.plan(graph)] == [Action.SKIP, Action.SKIP]
    assert world.plan(graph)[0].reason == "frozen"
    world.files["data/clean"] = b"by hand"
    assert [step.action for step in world.plan(graph)] == [Action.SKIP, Action.RUN]


def test_what_a_frozen_stage_made_last_comes_back_where_it_is_gone() -> None:
    world = new_world()
    world.repro(Graph(two_steps()))
    made = world.files["data/clean"]
    world.files["src/0"] = b"edited"
    world.remove("data/clean")
    graph = Graph(two_steps(is_frozen=True))
    plan = world.plan(graph)
    assert [(step.action, step.reason) for step in plan] == [
        (Action.RESTORE, "data/clean is missing"),
        (Action.SKIP, "unchanged"),
    ]
    assert fates(world.repro(graph)) == ["restored", "unchanged"]
    assert world.files["data/clean"] == made
    world.remove("data/clean")
    world.store.clear()
    with pytest.raises(MissingDep) as refused:
        world.plan(graph)
    assert refused.value.hint == "git mlvc unfreeze prepare"


def test_what_fails_keeps_only_those_after_it_from_running() -> None:
    stages = [
        *two_steps(),
        stage("other", needs="src/1", makes="o"),
        stage("z", needs="o", makes="p"),
    ]
    graph, world = Graph(stages), new_world()
    world.fails = {"prepare"}
    report = world.repro(graph, keep_going=True)
    assert {end.stage: end.fate for end in report} == {
        "prepare": Fate.FAILED,
        "train": Fate.NOT_RUN,
        "other": Fate.RAN,
        "z": Fate.RAN,
    }
    (left,) = report.of(Fate.NOT_RUN)
    assert left.because_of == ("prepare",)
    assert has_work(world.plan(graph))
    world.fails = set()
    assert sorted(fates(world.repro(graph))) == ["ran", "ran", "unchanged", "unchanged"]


def test_without_keep_going_nothing_begins_after_a_failure() -> None:
    stages = [
        *two_steps(),
        stage("other", needs="src/1", makes="o"),
        stage("z", needs="o", makes="p"),
    ]
    graph, world = Graph(stages), new_world()
    world.fails = {"prepare"}
    report = world.repro(graph)
    assert world.ran == ["prepare"]
    failure = report.failure()
    assert failure is not None
    assert failure.what == "prepare failed"
    assert "not run because of it: other, train, z" in failure.why


def test_a_dep_that_is_edited_while_its_stage_runs_is_not_recorded() -> None:
    graph, world = Graph(two_steps()), new_world()
    world.during = lambda name: world.files.update({"src/1": b"new"}) if name == "train" else None
    (prepared, trained) = world.repro(graph)
    assert (prepared.fate, trained.fate) == (Fate.RAN, Fate.CHANGED)
    assert "train" not in world.locked
    world.during = lambda name: None
    assert fates(world.repro(graph)) == ["unchanged", "ran"]


def test_what_is_missing_is_said_before_anything_runs() -> None:
    stages = two_steps()
    stages[1] = stage("train", needs="data/clean src/none lr", makes="model")
    world = new_world()
    with pytest.raises(MissingDep, match="needs src/none, which does not exist"):
        world.repro(Graph(stages))
    assert world.ran == []
    stages[1] = replace(stages[1], wdir=RepoPath(b"src"))
    with pytest.raises(MissingDep) as raised:
        world.plan(Graph(stages))
    assert raised.value.hint.endswith("paths are as seen from mlvc.toml, not from `wdir`")


def test_missing_data_that_is_known_and_unchanged_may_be_allowed() -> None:
    graph, world = Graph(two_steps()), new_world()
    world.repro(graph)
    for gone in ("src/0", "data/clean", "model"):
        world.remove(gone)
    with pytest.raises(MissingDep):
        world.plan(graph)
    assert not has_work(world.plan(graph, Options(allow_missing=True)))


def test_data_that_nobody_has_any_more_is_made_again() -> None:
    graph, world = Graph(two_steps()), new_world()
    world.repro(graph)
    world.remove("model")
    del world.store[world.locked["train"].outs[0][1].oid]
    step = world.plan(graph)[1]
    assert step.action is Action.RUN
    assert step.reason == "model is missing; the data of the earlier result is not here"
    assert fates(world.repro(graph, Options(can_fetch=True))) == ["unchanged", "ran"]


def test_two_thousand_stages_in_a_row_end_with_the_first_that_fails() -> None:
    stages = [stage("s0", needs="src/0", makes="o0")]
    stages += [stage(f"s{at}", needs=f"o{at - 1}", makes=f"o{at}") for at in range(1, 2000)]
    world = new_world()
    world.fails = {"s0"}
    report = world.repro(Graph(stages), keep_going=True)
    assert [end.because_of for end in report.of(Fate.NOT_RUN)] == [("s0",)] * 1999


def test_independent_stages_run_at_once() -> None:
    world = new_world()
    stages = [stage(f"s{at}", needs="src/0", makes=f"o{at}") for at in range(4)]
    report = world.repro(Graph(stages), jobs=4)
    assert all(isinstance(end, Ended) and end.fate is Fate.RAN for end in report)
