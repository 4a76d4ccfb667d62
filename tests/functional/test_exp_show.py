"""`git mlvc exp show`: from real refs, cached by commit, however their branches fared."""

from __future__ import annotations

import json
from typing import Any

from support import experiment_refs
from support.experiment_refs import Made
from support.one_process import answers
from support.repo import Machine, Repo

from git_mlvc.experiments import cache, listing, states, workplace
from git_mlvc.experiments.findings import Findings
from git_mlvc.experiments.states import Phase, State
from git_mlvc.fs.owner import Owner
from git_mlvc.git.repository import Repository
from git_mlvc.store.store import Store

THREE = (
    Made("brisk-otter", lr=0.1, metrics={"acc": 0.8, "loss": 0.4}),
    Made("calm-owl", lr=0.01, seed=2, metrics={"acc": 0.9, "loss": 0.2, "val": {"f1": 0.5}}),
    Made("wild-wren", lr=0.001, seed=3, metrics={"acc": 0.7, "loss": 0.3}),
)


def shown(repo: Repo, *args: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(repo.mlvc("exp", "show", "--json", *args).out)
    assert found["kind"] == "experiments"
    return found


def names(found: dict[str, Any]) -> list[list[str]]:
    return [[one["name"] for one in group["experiments"]] for group in found["baselines"]]


def gits(repo: Repo, *args: str) -> int:
    """Run it and count the git processes that it starts."""
    trace = repo.git_dir / "trace-of-test"
    repo.mlvc(*args, env={"GIT_TRACE2_EVENT": str(trace)})
    started = trace.read_text().count('"event":"start"') - 1
    trace.unlink()
    return started


def test_the_table_of_what_was_tried_on_head(machine: Machine) -> None:
    repo = experiment_refs.make(experiment_refs.start(machine.init()), *THREE)
    lines = repo.mlvc("exp", "show").out.splitlines()
    assert [line.split()[0] for line in lines] == ["experiment", "main", "calm-owl", "wild-wren", "brisk-otter"]  # fmt: skip
    assert "0.9*" in lines[2] and "0.2*" in lines[2] and "2.0 s" in lines[2]

    said = repo.mlvc(
        "exp", "show", "--filter", "metrics.acc > 0.75 and params.lr < 0.1", "--only-changed"
    )
    assert [line.split()[0] for line in said.out.splitlines()][2:] == ["calm-owl"]
    assert "train.opt=adam" in said.err
    assert repo.mlvc("exp", "show", "--sort", "-acc", "--columns", "acc,seed", "--md").out == (
        "| experiment | acc | seed |\n| --- | ---: | ---: |\n"
        f"| *main {repo.head()[:7]}* | 0.5 | 1 |\n| wild-wren | 0.7 | 3 |\n"
        "| brisk-otter | 0.8 | 1 |\n| calm-owl | **0.9** | 2 |\n"
    )
    assert names(shown(repo, "brisk-otter", "calm-owl")) == [["calm-owl", "brisk-otter"]]
    wrong = {
        ("--sort", "acccc"): "did you mean 'acc'",
        ("--filter", "acc >"): "^ a name",
        ("mian",): "did you mean 'main'",
        ("--json", "--md"): "",
    }
    refusals = answers(repo, *(["exp", "show", *words] for words in wrong))
    for refused, why in zip(refusals, wrong.values(), strict=True):
        assert refused.returncode == 2 and refused.refused_because(why)


def test_experiments_are_found_after_rebase_squash_and_deletion_of_their_branch(
    machine: Machine,
) -> None:
    repo = experiment_refs.start(machine.init())
    repo.git("switch", "-qc", "try")
    repo.commit("on a branch").git("tag", "before")
    experiment_refs.make(repo, *THREE[:2])
    repo.git("switch", "-q", "main")
    repo.git("merge", "-q", "--squash", "try")
    repo.commit("squashed")
    repo.git("branch", "-qD", "try")
    repo.git("tag", "-d", "before")
    repo.git("reflog", "expire", "--expire=now", "--all")
    repo.git("gc", "-q", "--prune=now")
    experiment_refs.make(repo, THREE[2])

    here = repo.mlvc("exp", "show")
    assert "wild-wren" in here.out and "calm-owl" not in here.out
    assert "2 more experiments on other commits: git mlvc exp show --all" in here.err
    assert repo.mlvc("exp", "list", "--names-only").out == "wild-wren\n"
    listed = repo.mlvc("exp", "list", "--all")
    assert [line.split()[:2] for line in listed.out.splitlines()[1:]] == [
        ["wild-wren", "done"],
        ["calm-owl", "done"],
        ["brisk-otter", "done"],
    ]
    assert "lr=0.001 seed=3" in listed.out and f"main {repo.head()[:7]}" in listed.out
    found = shown(repo, "--all")
    assert names(found) == [["wild-wren"], ["calm-owl", "brisk-otter"]]
    assert found["baselines"][0]["name"] == f"main {repo.head()[:7]}"
    old = found["baselines"][1]["commit"]
    assert found["baselines"][1]["name"] == old[:7]
    assert names(shown(repo, old)) == [["calm-owl", "brisk-otter"]]
    assert names(shown(repo, "--all", "--filter", "seed == 3")) == [["wild-wren"]]
    assert "calm-owl" not in repo.text("branch", "-a")


def test_what_is_queued_runs_or_failed_stands_there_with_its_parameters(machine: Machine) -> None:
    repo = experiment_refs.make(experiment_refs.start(machine.init()), THREE[0])
    opened = Repository.discover(repo.path, machine.env())
    one = State("keen-kite", Phase.FAILED, repo.head(), error="stage 'train' failed", since_s=5.0)
    states.put(opened, one)
    queued = State(
        "late-lark", Phase.QUEUED, repo.head(), overrides={"params.toml:train.lr": 7, "x.toml:y": 1}
    )
    states.put(opened, queued)
    _a_running_one_shows_what_it_has_written_so_far(repo, opened)
    found = shown(repo)
    late, keen = (found["baselines"][0]["experiments"][at] for at in (2, 1))
    assert {late["state"], keen["state"]} == {"queued", "failed"}
    late, keen = (late, keen) if late["state"] == "queued" else (keen, late)
    assert late["params"] == {
        "params.toml": {"seed": 1, "train.lr": 7, "train.opt": "adam"},
        "x.toml": {"y": 1},
    }
    assert names(shown(repo, "late-lark", "brisk-otter")) == [["brisk-otter", "late-lark"]]
    assert late["commit"] is None and keen["problems"] == ["stage 'train' failed"]
    assert "state" in repo.mlvc("exp", "show").out.splitlines()[0]
    listed = json.loads(repo.mlvc("exp", "list", "--json").out)["experiments"]
    assert [one["name"] for one in listed if one["commit"]] == ["brisk-otter"]
    assert {one["state"] for one in listed} == {"done", "queued", "failed"}
    assert repo.mlvc("exp", "list", "--names-only").out == "brisk-otter\n"


def _a_running_one_shows_what_it_has_written_so_far(repo: Repo, opened: Repository) -> None:
    """As `exp run` has it: a worktree of its own, at first with the metrics of the baseline."""
    place = workplace.folder(opened) / "swift-swan"
    repo.git("worktree", "add", "-q", "--detach", place)
    now = State("swift-swan", Phase.RUNNING, repo.head(), since_s=10.0, owner=Owner.current())
    states.put(opened, now)

    def metrics() -> object:
        rows = {one["name"]: one for one in shown(repo)["baselines"][0]["experiments"]}
        row = rows["swift-swan"]
        assert row["state"] == "running" and row["duration_s"] > 0
        assert row["params"]["params.toml"]["train.lr"] == 0.1 and row["problems"] == []
        return row["metrics"]

    assert metrics() == {}
    (place / "metrics.json").write_text('{"acc": 0.25, "loss": 0.7}')
    assert metrics() == {"metrics.json": {"acc": 0.25, "loss": 0.7}}
    (place / "metrics.json").write_text('{"acc": 0.2')
    assert metrics() == {}
    repo.git("worktree", "remove", "--force", place)
    assert metrics() == {}
    states.remove(opened, "swift-swan")


def test_a_broken_file_costs_one_cell_and_is_told(machine: Machine) -> None:
    repo = experiment_refs.start(machine.init())
    experiment_refs.make(
        repo,
        Made("no-json", text="{"),
        Made("no-numbers", text='{"acc": "high"}'),
        Made("not-a-number", text='{"acc": NaN, "loss": -Infinity}'),
        Made("conflict", metrics={"acc": 1}, files={"params.toml": b"<<<<<<< a\n=======\n>>>>>>> b\n"}),
        Made("no-stages", metrics={"acc": 2}, files={"mlvc.toml": b"[stage.train]\ncmd = 3\n"}),
        Made("by-hand", metrics={"acc": 3}, files={"mlvc.toml": b""}, overrides={"a.toml:b": 1}),
    )  # fmt: skip
    said = repo.mlvc("exp", "show")
    assert "no-json" in said.err and "metrics.json" in said.err
    found = {one["name"]: one for one in shown(repo)["baselines"][0]["experiments"]}
    assert len(found) == 6
    assert found["not-a-number"]["metrics"]["metrics.json"] == {"acc": "NaN", "loss": "-Infinity"}
    assert "merge" in " ".join(found["conflict"]["problems"])
    assert found["by-hand"]["metrics"] == {"metrics.json": {"acc": 3}}
    assert found["by-hand"]["params"]["a.toml"] == {"b": 1}
    assert found["by-hand"]["params"]["params.toml"]["train.lr"] == 0.1
    assert [bool(one["problems"]) for one in found.values()].count(True) == 4


def test_a_repository_without_commits_or_experiments_says_what_to_do(machine: Machine) -> None:
    repo = machine.init()
    assert "git mlvc exp run" in repo.mlvc("exp", "show").err
    experiment_refs.start(repo)
    assert "git mlvc exp run" in repo.mlvc("exp", "show", "--all").err


def test_500_experiments_take_as_many_processes_as_three_and_are_read_once(
    machine: Machine,
) -> None:
    repo = experiment_refs.make(experiment_refs.start(machine.init()), *THREE)
    few = gits(repo, "exp", "show", "--all")
    many = [
        Made(f"exp-{at:03}", lr=1 / (at + 1), seed=at, metrics={"acc": at / 500, "loss": 1 / (at + 1)})
        for at in range(500)
    ]  # fmt: skip
    experiment_refs.make(repo, *many)
    assert gits(repo, "exp", "show", "--all") == few <= 5
    assert gits(repo, "exp", "show", "--all") <= few

    opened = Repository.discover(repo.path, machine.env())

    def refuse() -> Store:
        raise AssertionError("known commits need no look at the store")

    found = listing.collect(opened, refuse)
    assert len(found.groups[0].rows) == 503 and not found.groups[0].rows[7].findings.problems

    path = cache.path_of(opened)
    whole = path.read_bytes()
    for damaged in (b"", b"x", whole[:-5], whole[:200] + b"?" + whole[201:], whole.replace(b"table 1", b"table 2", 1)):  # fmt: skip
        path.write_bytes(damaged)
        assert cache.Cache(path).get(repo.head()) is None
    again = listing.collect(opened, lambda: Store.open(repo.store))
    assert again == found and path.read_bytes() == whole
    path.unlink()
    path.mkdir()  # nothing can be kept: it is only slower
    assert listing.collect(opened, lambda: Store.open(repo.store)) == found


def test_two_who_read_at_once_keep_what_both_have_learnt(machine: Machine) -> None:
    repo = experiment_refs.make(experiment_refs.start(machine.init()), *THREE)
    opened = Repository.discover(repo.path, machine.env())
    path = cache.path_of(opened)
    one, two = cache.Cache(path), cache.Cache(path)
    one.put("a" * 40, Findings({("p", "k"): [1, {"x": None}]}, {("m", "v"): float("inf")}))
    two.put("b" * 40, Findings(problems=("\udc80",)))
    two.put("c" * 40, Findings(is_final=False))
    one.save(["a" * 40])
    two.save(["a" * 40, "b" * 40, "c" * 40])
    both = cache.Cache(path)
    assert both.get("a" * 40) == Findings(
        {("p", "k"): [1, {"x": None}]}, {("m", "v"): float("inf")}
    )
    assert both.get("b" * 40) == Findings(problems=("\udc80",))
    assert both.get("c" * 40) is None
