"""`git mlvc why` in a real repository: in the worktree and at any commit, for people, pipes and programs."""

from __future__ import annotations

import json

import pytest
from support.repo import Machine, Repo

from git_mlvc.git.repository import Repository
from git_mlvc.pipeline import fingerprint
from git_mlvc.pipeline.lock_files.locks import Locks
from git_mlvc.pipeline.model import Dep, DepKind, Inputs, Out, Param, Result, Run, Stage
from git_mlvc.pipeline.runs.run_cache import RunCache
from git_mlvc.pipeline.standing.states import States
from git_mlvc.repo_path import RepoPath
from git_mlvc.store.store import Store

MADE_AT_MS = 1_700_000_000_000


def record(
    repo: Repo, name: str, deps: list[str], outs: list[str], params: dict[str, str], command: str
) -> None:
    """Have lock, run cache and store say that a stage made what stands there from what stands there."""
    opened = Repository.discover(repo.path, repo.machine.env())
    out_paths = sorted(RepoPath.parse(out) for out in outs)
    states = States(
        opened,
        deps=[Dep(dep) for dep in deps if "*" not in dep],
        outs=[Out(out) for out in out_paths],
    )
    kinds = {dep: DepKind.GLOB if "*" in dep else DepKind.PATH for dep in sorted(deps)}
    needed = [(one, states.standing(one)) for one in (Dep(*pair) for pair in kinds.items())]
    made = [(out, states.standing(Dep(out.text))) for out in out_paths]
    inputs = Inputs(
        (command,),
        deps=tuple((dep, found.state) for dep, found in needed if found is not None),
        params=tuple((Param(RepoPath(b"params.toml"), key), v) for key, v in params.items()),
        out_paths=tuple(out_paths),
    )
    result = Result(inputs, tuple((out, found.state) for out, found in made if found is not None))
    locks = Locks(opened)
    locks.record(Stage(name, name, (command,)), result)
    locks.finish()
    run = Run(fingerprint.key(inputs), name, MADE_AT_MS, 83_000, "box", result)
    with Store.open(opened.common_dir / "mlvc") as store, store.session() as session:
        for _, found in (*needed, *made):
            if found is not None and found.tree is not None:
                session.ingest([found.tree])
        RunCache(store).add(run, session)


@pytest.fixture
def repo(machine: Machine) -> Repo:
    """raw.csv -> prepare -> data/prepared/ -> train -> model.bin, in two commits with two learning rates."""
    repo = machine.init().track("*.bin")
    repo.write({"raw.csv": b"1,2\n", "train.py": b"t\n", "params.toml": b"lr = 0.1\n"})
    repo.write({"data/prepared/a.csv": b"1\n", "data/prepared/b.csv": b"2\n"})
    record(repo, "prepare", ["raw.csv"], ["data/prepared"], {}, "split raw.csv")
    for lr, tag in (("0.1", "one"), ("0.01", "two")):
        repo.write({"model.bin": f"model {lr} ".encode() * 50})
        record(repo, "train", ["data/prepared", "train.py"], ["model.bin"], {"lr": lr}, "fit")
        repo.add().commit(f"Train with {lr}").git("tag", tag)
    return repo


def test_the_way_back_in_the_worktree_and_at_a_commit_for_people(repo: Repo):
    first = repo.text("rev-parse", "--short=10", "one")
    said = repo.mlvc("why", "model.bin", env={"PYTHONIOENCODING": "utf-8"}).out.splitlines()
    assert [line.rpartition("  ")[0] if "B, " in line else line for line in said] == [
        "model.bin",
        "│  made by train, 2023-11-14 22:13, in 1 min 23 s, on box",
        "├─ $ fit",
        "├─ params.toml: lr = 0.01",
        "├─ data/prepared",
        "│  │  data/prepared/a.csv, data/prepared/b.csv",
        "│  │  made by prepare, 2023-11-14 22:13, in 1 min 23 s, on box",
        "│  ├─ $ split raw.csv",
        "│  └─ raw.csv",
        f"│     commit {first}, 2023-11-14, Ada: Train with 0.1",
        "└─ train.py",
        f"   commit {first}, 2023-11-14, Ada: Train with 0.1",
    ]  # fmt: skip
    # At another commit, without the worktree's files; in a directory, and in ASCII.
    repo.remove("model.bin", "mlvc.lock", "data")
    repo.at("sub").mkdir()
    env = {"PYTHONIOENCODING": "ascii"}
    said = repo.machine.git(
        "mlvc", "why", "../model.bin", "--rev", "one", cwd=repo.at("sub"), env=env
    )
    assert said.out.startswith("model.bin in one  500 B, ")
    assert "\n|- params.toml: lr = 0.1\n" in said.out
    bare = repo.machine.clone(repo.path, "bare.git", "--bare")
    said_there = bare.mlvc("why", "model.bin", "--rev", "one", env=env).out
    assert "|- params.toml: lr = 0.1\n" in said_there
    assert "lr = 0.01\n" in bare.mlvc("why", "model.bin").out
    assert "changed since" not in said.out


def test_an_edit_and_what_nothing_made_and_what_is_not_there(repo: Repo):
    repo.write({"model.bin": b"mine " * 20, "raw.csv": b"3,4\n", "loose": b"x"})
    said = repo.mlvc("why", "model.bin").out
    assert "changed since: this is not what its stage made:" in said
    assert "made by train" in said
    said = repo.mlvc("why", "data/prepared/b.csv").out
    assert "made by prepare" in said
    assert "something else stands there now" in said
    assert "Ada: Train with 0.1 (edited since)" in said
    assert "made by no stage\nin no commit\n" in repo.mlvc("why", "loose").out
    said = repo.mlvc("why", "raw.csv", "--rev", "two").out
    assert "made by no stage\ncommit " in said
    nope = repo.mlvc("why", "nope", check=False)
    assert nope.returncode == 10
    assert nope.refused_because("there is no nope in the worktree")
    assert repo.mlvc("why", "raw.csv", "--rev", "v9", check=False).refused_because(
        "'v9' is not a commit"
    )
    # An earlier result that is brought back has its own lineage, from the run cache.
    repo.git("checkout", "-q", "one", "--", "model.bin")
    said = repo.mlvc("why", "model.bin").out
    assert "lr = 0.1\n" in said
    assert "changed since" not in said


def test_a_glob_is_told_at_a_commit_as_in_the_worktree_and_without_any_data(repo: Repo):
    record(repo, "sum", ["data/prepared/*.csv", "*.py"], ["total"], {}, "sum")
    repo.write({"total": b"3\n"})
    record(repo, "sum", ["data/prepared/*.csv", "*.py"], ["total"], {}, "sum")
    repo.add().commit("Sum").git("tag", "sum")
    wanted = [["train.py"], ["data/prepared/a.csv", "data/prepared/b.csv"]]
    for place, rev in ((repo, []), (repo, ["--rev", "sum"]), (repo.lose_data(), ["--rev", "sum"])):
        answer = json.loads(place.mlvc("why", "total", "--json", *rev).out)
        deps = answer["stages"][0]["deps"]
        assert [dep["dep"] for dep in deps] == ["*.py", "data/prepared/*.csv"]
        assert [dep["names"] for dep in deps] == wanted
        assert [dep["is_changed"] for dep in deps] == [False, False]
        assert deps[0]["commit"]["subject"] == "Train with 0.1"
        assert [link["stage"] for link in deps[1]["made_by"]] == ["prepare"]


def test_the_answer_as_json(repo: Repo):
    answer = json.loads(repo.mlvc("why", "model.bin", "--rev", "one", "--json").out)
    assert (answer["version"], answer["kind"], answer["rev"]) == (1, "why", "one")
    assert answer["standing"] == answer["made"]
    assert answer["standing"]["size_bytes"] == 500
    assert answer["is_changed"] is False
    link = {"stage": "train", "sure": "exact", "made_by": 0, "is_part": False}
    assert answer["made_by"] == [link]
    train, prepare = answer["stages"]
    assert train["commands"] == ["fit"]
    assert train["params"] == [{"file": "params.toml", "key": "lr", "value": "0.1"}]
    assert train["run"] == {"made_at_ms": MADE_AT_MS, "duration_ms": 83_000, "host": "box"}
    data, script = train["deps"]
    assert (data["dep"], data["state"]["files"]) == ("data/prepared", 2)
    assert data["names"] == ["data/prepared/a.csv", "data/prepared/b.csv"]
    assert data["made_by"] == [link | {"stage": "prepare", "made_by": 1}]
    assert (data["is_changed"], data["is_source"]) == (False, False)
    assert (script["is_source"], script["is_changed"]) == (True, False)
    assert script["commit"]["sha"] == repo.text("rev-parse", "one")
    assert script["commit"]["author"] == "Ada"
    assert prepare["outs"][0]["path"] == "data/prepared"
