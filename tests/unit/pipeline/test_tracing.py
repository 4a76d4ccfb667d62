"""Lineage: contents are followed back to what they were made from, and what is not known is not claimed."""

from __future__ import annotations

from dataclasses import dataclass, field

from support.pipeline_values import file, path, result, tree

from git_mlvc.formats.tree import TreeRow
from git_mlvc.pipeline.model import Dep, DepKind, FileState, Inputs, Param, Result, Run, UrlState
from git_mlvc.pipeline.standing.directory import of_rows, row
from git_mlvc.pipeline.tracing_back.lineage import Commit, Lineage, Link, Sure
from git_mlvc.pipeline.tracing_back.tracing import trace
from git_mlvc.repo_path import RepoPath


@dataclass
class World:
    """A Sight that is made of values."""

    locks: dict[str, Result] = field(default_factory=dict)
    stands: dict[str, FileState] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    trees: dict[FileState, list[TreeRow]] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)

    def results(self):
        return self.locks

    def standing(self, at: RepoPath):
        return self.stands.get(at.text)

    def is_as(self, dep: Dep, state: FileState):
        return self.stands[dep.text] == state if dep.text in self.stands else None

    def rows(self, state: FileState):
        return self.trees.get(state)

    def runs_making(self, at: RepoPath):
        return [run for run in self.runs if run.result.out(at) is not None]

    def run_of(self, stage: str, result: Result):
        return next((run for run in self.runs if run.result == result), None)

    def commit(self, dep: Dep):
        return self.commits.get(dep.text)

    def directory(self, **files: FileState) -> FileState:
        """Return the state of a directory whose tree is to be had."""
        standing = of_rows(row(f"{name}.csv".encode(), one) for name, one in files.items())
        self.trees[standing.state] = list(standing.rows)
        return standing.state


def run(stage: str, made: Result) -> Run:
    return Run(b"k" * 32, stage, 1000, 2000, "box", made)


ADDED = Commit("a" * 40, "Ada", "2026-01-01", "Add")
RAW, CLEAN, MODEL = file("raw"), file("clean"), file("model")


def chain() -> World:
    """raw.csv -> prepare -> clean.csv -> train -> model, all as it stands."""
    return World(
        locks={
            "prepare": result("p", deps={"raw.csv": RAW}, outs={"clean.csv": CLEAN}),
            "train": result("t", deps={"clean.csv": CLEAN}, outs={"model": MODEL}),
        },
        stands={"raw.csv": RAW, "clean.csv": CLEAN, "model": MODEL},
        commits={"raw.csv": ADDED},
    )


def stages(found: Lineage) -> list[str]:
    return [making.stage for making in found.makings]


def test_a_file_leads_through_all_stages_to_its_sources():
    found = trace(path("model"), chain())
    assert (found.standing, found.made, found.is_changed) == (MODEL, MODEL, False)
    assert found.links == (Link("train", Sure.EXACT, 0),)
    assert stages(found) == ["train", "prepare"]
    (clean,) = found.makings[0].needs
    assert (clean.links, clean.is_source) == ((Link("prepare", Sure.EXACT, 1),), False)
    (raw,) = found.makings[1].needs
    assert (raw.is_source, raw.is_changed, raw.commit) == (True, False, ADDED)


def test_a_source_says_its_commit_and_that_nobody_made_it():
    found = trace(path("raw.csv"), chain())
    assert (found.standing, found.made, found.links, found.commit) == (RAW, None, (), ADDED)


def test_of_what_is_nowhere_nothing_is_said():
    found = trace(path("nope"), chain())
    assert (found.standing, found.links, found.makings) == (None, (), ())


def test_what_was_changed_since_is_told_and_the_last_result_all_the_same():
    world = chain()
    world.stands["model"] = file("edited")
    found = trace(path("model"), world)
    assert (found.standing, found.made, found.is_changed) == (file("edited"), MODEL, True)
    assert stages(found) == ["train", "prepare"]


def test_what_a_stage_made_and_is_gone_still_has_a_lineage():
    world = chain()
    del world.stands["model"]
    found = trace(path("model"), world)
    assert (found.standing, found.made, found.is_changed) == (None, MODEL, False)
    assert stages(found) == ["train", "prepare"]


def test_a_need_that_has_changed_since_is_told():
    world = chain()
    world.stands["raw.csv"] = file("raw 2")
    assert trace(path("clean.csv"), world).makings[0].needs[0].is_changed is True
    del world.stands["raw.csv"]
    assert trace(path("clean.csv"), world).makings[0].needs[0].is_changed is None


def test_an_earlier_version_leads_to_the_run_that_made_it():
    world = chain()
    old = world.locks["prepare"]
    world.runs = [run("prepare", old)]
    world.locks["prepare"] = result("p2", deps={"raw.csv": RAW}, outs={"clean.csv": file("new")})
    found = trace(path("model"), world)
    assert [making.result for making in found.makings] == [world.locks["train"], old]
    assert found.makings[1].run == world.runs[0]


def test_an_earlier_version_that_nobody_knows_is_not_ascribed_to_the_last_run():
    world = chain()
    world.locks["prepare"] = result("p2", deps={"raw.csv": RAW}, outs={"clean.csv": file("new")})
    found = trace(path("model"), world)
    assert stages(found) == ["train"]
    assert found.makings[0].needs[0].links == (Link("prepare", Sure.EARLIER),)
    assert not found.makings[0].needs[0].is_source


def test_an_earlier_result_that_was_brought_back_is_found_in_the_run_cache():
    world = chain()
    old = result("t0", outs={"model": file("old model")})
    world.runs = [run("train", old)]
    world.stands["model"] = file("old model")
    found = trace(path("model"), world)
    assert found.is_changed is False
    assert [making.result for making in found.makings] == [old]


def test_a_stage_that_is_known_to_the_run_cache_only_made_it_too():
    made = result("g", outs={"x": file("x")})
    world = World(stands={"x": file("x")}, runs=[run("gone", made)])
    assert stages(trace(path("x"), world)) == ["gone"]


def test_a_file_in_a_directory_is_found_through_the_directory():
    world = World()
    parts = world.directory(a=file("a"), b=file("b"))
    world.locks["split"] = result("s", outs={"parts": parts})
    world.stands["parts/a.csv"] = file("a")
    found = trace(path("parts/a.csv"), world)
    assert (found.links, found.is_changed) == ((Link("split", Sure.EXACT, 0),), False)
    world.stands["parts/a.csv"] = file("other")
    found = trace(path("parts/a.csv"), world)
    assert (found.is_changed, found.made) == (True, file("a"))
    world.stands["parts/c.csv"] = file("c")
    found = trace(path("parts/c.csv"), world)
    assert (found.is_changed, found.made, stages(found)) == (True, None, ["split"])


def test_without_the_tree_of_a_directory_it_is_likely_and_no_more():
    world = World(locks={"split": result("s", outs={"parts": tree("parts")})})
    world.stands["parts/a.csv"] = file("a")
    found = trace(path("parts/a.csv"), world)
    assert found.links == (Link("split", Sure.LIKELY, 0),)
    world.locks["all"] = result("a", deps={"parts/sub": tree("sub")}, outs={"x": file("x")})
    world.stands["x"] = file("x")
    assert trace(path("x"), world).makings[0].needs[0].links == (Link("split", Sure.LIKELY, 1),)


def test_a_directory_of_several_makers_and_sources_names_each_and_its_files():
    world = World()
    data = world.directory(made=file("made"), mine=file("mine"), other=file("other"))
    world.locks = {
        "one": result("1", outs={"data/made.csv": file("made")}),
        "two": result("2", outs={"data/other.csv": file("another")}),
        "use": result("u", deps={"data": data}, outs={"x": file("x")}),
    }
    world.stands["x"] = file("x")
    (need,) = trace(path("x"), world).makings[0].needs
    assert need.links == (
        Link("one", Sure.EXACT, 1, is_part=True),
        Link("two", Sure.EARLIER, None, is_part=True),
    )
    assert need.is_source
    assert need.names == tuple(path(f"data/{n}.csv") for n in ("made", "mine", "other"))


def test_the_files_of_a_glob_are_named_from_the_top():
    world = World()
    state = world.directory(a=file("a"), b=file("b"))
    for pattern, folder in (("data/*.csv", "data/"), ("*.csv", "")):
        inputs = Inputs(("u",), deps=((Dep(pattern, DepKind.GLOB), state),), out_paths=(path("x"),))
        world.locks = {
            "use": Result(inputs, ((path("x"), file("x")),)),
            "make": result("m", outs={f"{folder}a.csv": file("a")}),
        }
        world.stands = {"x": file("x")}
        (need,) = trace(path("x"), world).makings[0].needs
        assert need.names == (path(f"{folder}a.csv"), path(f"{folder}b.csv"))
        assert need.links == (Link("make", Sure.EXACT, 1, is_part=True),)
        assert need.is_source
        world.locks["make"] = result("m", outs={f"{folder}{n}.csv": file(n) for n in "ab"})
        (need,) = trace(path("x"), world).makings[0].needs
        assert need.links == (Link("make", Sure.EXACT, 1),)
        assert not need.is_source


def test_of_a_glob_without_its_tree_whoever_may_have_made_a_match_is_named():
    state = tree("unknown")
    inputs = Inputs(("u",), deps=((Dep("d/*/a*", DepKind.GLOB), state),), out_paths=(path("x"),))
    outs = {"d/1/a": file(), "d/1/b": file(), "d/2": tree(), "e/1/a": file()}
    world = World({out: result(out, outs={out: made}) for out, made in outs.items()})
    world.locks["use"] = Result(inputs, ((path("x"), file("x")),))
    world.stands["x"] = file("x")
    (need,) = trace(path("x"), world).makings[0].needs
    assert [(link.stage, link.sure) for link in need.links] == [
        ("d/1/a", Sure.LIKELY),
        ("d/2", Sure.LIKELY),
    ]
    assert (need.names, need.is_source) == (None, False)


def test_a_url_is_a_source():
    url = Dep("https://example.org/x", DepKind.URL)
    inputs = Inputs(("c",), deps=((url, UrlState("etag:1")),), out_paths=(path("x"),))
    world = World({"get": Result(inputs, ((path("x"), file("x")),))}, {"x": file("x")})
    (need,) = trace(path("x"), world).makings[0].needs
    assert (need.is_source, need.links, need.commit) == (True, (), None)


def test_params_that_a_stage_makes_lead_to_it():
    used = Param(path("tuned.json"), "lr")
    inputs = Inputs(("t",), params=((used, "0.1"),), out_paths=(path("x"),))
    world = World(
        {
            "tune": result("u", outs={"tuned.json": file("tuned")}),
            "train": Result(inputs, ((path("x"), file("x")),)),
        },
        {"x": file("x")},
    )
    found = trace(path("x"), world)
    assert found.makings[0].param_links == (Link("tune", Sure.LIKELY, 1),)
    assert stages(found) == ["train", "tune"]


def test_a_result_that_took_part_twice_is_told_once_and_long_chains_are_followed():
    world = World(stands={"f0": file(0)})
    world.locks["s0"] = result("0", deps={"seed": file("seed")}, outs={"f0": file(0)})
    for n in range(1, 3000):
        deps = {f"f{n - 1}": file(n - 1), "f0": file(0)}
        world.locks[f"s{n}"] = result(str(n), deps=deps, outs={f"f{n}": file(n)})
    world.stands["f2999"] = file(2999)
    found = trace(path("f2999"), world)
    assert len(found.makings) == 3000
    assert len(set(stages(found))) == 3000
