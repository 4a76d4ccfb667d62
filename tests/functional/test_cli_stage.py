"""`git mlvc stage`: stages written down from the command line."""

from __future__ import annotations

import json
import tomllib

import pytest
from support.one_process import answers
from support.repo import Machine, Repo


@pytest.fixture
def repo(machine: Machine) -> Repo:
    repo = machine.init()
    repo.write({"raw.csv": b"1\n", "src/train.py": b"print()\n", "params.toml": b"lr = 0.1\n"})
    return repo


def stages(repo: Repo, file: str = "mlvc.toml") -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = tomllib.loads(repo.read(file).decode())["stage"]
    return found


def test_a_stage_is_added_listed_frozen_and_removed(repo: Repo) -> None:
    said = repo.mlvc(
        *(
            "stage",
            "add",
            "-n",
            "train",
            "-d",
            "src/train.py",
            "-d",
            "raw.csv",
            "-p",
            "lr",
            "-o",
            "models/",
        ),
        *("-O", "notes.txt", "--out-persist", "state", "-M", "metrics.json", "--plot", "loss.csv"),
        *("python", "src/train.py", "--name", "a b"),
    )
    assert "stage 'train' is in mlvc.toml" in said.out
    assert "git mlvc repro train" in said.err
    assert stages(repo)["train"] == {
        "cmd": "python src/train.py --name 'a b'",
        "deps": ["src/train.py", "raw.csv"],
        "params": ["lr"],
        "outs": [
            "models/",
            {"path": "notes.txt", "store": False},
            {"path": "state", "persist": True},
        ],
        "metrics": ["metrics.json"],
        "plots": ["loss.csv"],
    }
    listed = json.loads(repo.mlvc("stage", "list", "--json").out)["stages"]
    assert [stage["stage"] for stage in listed] == ["train"]
    assert "train" in repo.mlvc("stage").out

    repo.mlvc("freeze", "train")
    assert stages(repo)["train"]["frozen"] is True
    assert "frozen" in repo.mlvc("stage", "list").out
    repo.mlvc("stage", "unfreeze", "train")
    assert "frozen" not in stages(repo)["train"]
    assert "train" in repo.mlvc("stage", "remove", "train").out
    assert b"train" not in repo.read("mlvc.toml")
    assert "there are no stages" in repo.mlvc("stage", "list").err


def test_what_does_not_fit_is_refused_and_nothing_is_written(repo: Repo) -> None:
    repo.mlvc("stage", "add", "-n", "one", "-d", "raw.csv", "-o", "data/a", "true")
    repo.add().commit("sources")
    before = repo.read("mlvc.toml")
    wrong = {
        ("-n", "one", "true"): "has a stage 'one' already",
        ("-n", "two", "-o", "data/a", "true"): "both make data/a",
        ("-n", "two", "-o", "data/", "true"): "data",
        ("-n", "two", "-o", "data/a/part", "true"): "data/a/part",
        ("-n", "two", "-d", "x", "-o", "x", "true"): "x",
        ("-n", "two", "-o", "raw.csv", "true"): "which git tracks as a source",
        ("-n", "two", "-o", "../outside", "true"): "outside",
        ("-n", "two", "-o", "/etc/x", "true"): "'/etc/x'",
        ("-n", "tw:o", "true"): "tw:o",
    }
    said = answers(repo, *(["stage", "add", *words] for words in wrong))
    for one, why in zip(said, wrong.values(), strict=True):
        assert one.returncode == 2, one
        assert one.refused_because(why) and "hint:" in one.err
        assert not one.err.startswith("error: mlvc.toml, line"), (
            "nobody finds there what was not written"
        )
    assert repo.read("mlvc.toml") == before
    repo.mlvc("stage", "add", "-n", "two", "-d", "data/a", "-o", "b", "true")
    said = repo.mlvc(
        "stage", "add", "-f", "-n", "one", "-d", "b", "-o", "data/a", "true", check=False
    )
    assert "circle: one -> two -> one" in said.err.replace("two -> one -> two", "one -> two -> one")
    repo.mlvc("stage", "add", "-f", "-n", "three", "-o", "raw.csv", "true")


def test_paths_are_as_seen_from_where_one_stands(repo: Repo) -> None:
    add = ("mlvc", "stage", "add", "-n")
    repo.git("-C", "src", *add, "a", "-d", "train.py", "-o", "../out/", "python", "train.py")
    assert stages(repo)["a"] == {
        "cmd": "python train.py",
        "wdir": "src",
        "deps": ["src/train.py"],
        "outs": ["out/"],
    }
    repo.write({"sub/mlvc.toml": b"", "sub/deep/x": b"x"})
    repo.git("-C", "sub/deep", *add, "b", "-d", "x", "-d", "../../raw.csv", "cat x")
    assert stages(repo, "sub/mlvc.toml")["b"] == {
        "cmd": "cat x",
        "wdir": "deep",
        "deps": ["deep/x", "../raw.csv"],
    }
    repo.git("-C", "sub", "mlvc", "freeze", "b")
    assert stages(repo, "sub/mlvc.toml")["b"]["frozen"] is True
    repo.mlvc("unfreeze", "sub:b")
    assert "frozen" not in stages(repo, "sub/mlvc.toml")["b"]


def test_a_variant_is_not_edited_alone(repo: Repo) -> None:
    repo.write({"mlvc.toml": b'[stage.t]\nforeach = ["x", "y"]\ncmd = "echo ${item}"\n'})
    said = repo.mlvc("freeze", "t@x", check=False)
    assert said.returncode == 2
    assert "one variant of [stage.t]" in said.err
    repo.mlvc("freeze", "t")
    assert stages(repo)["t"]["frozen"] is True
    assert "did you mean 't" in repo.mlvc("freeze", "tt", check=False).err


def test_the_graph_is_drawn_with_what_is_stale_and_status_names_it(repo: Repo) -> None:
    assert "there are no stages" in repo.mlvc("dag").err
    add = ("stage", "add", "-n")
    ran = repo.mlvc(*add, "copy", "-d", "raw.csv", "-o", "a.csv", "--run", "cp raw.csv a.csv")
    assert "1 ran" in ran.out
    assert repo.read("a.csv") == b"1\n"
    repo.remove("a.csv", "mlvc.lock")
    repo.write({"raw.csv": b"2\n"})
    repo.mlvc(*add, "count", "-d", "a.csv", "-p", "lr", "-o", "b.csv", "wc -l a.csv > b.csv")
    repo.mlvc(*add, "odd", "-d", "absent", "true")
    drawn = repo.mlvc("dag")
    assert drawn.out.splitlines() == [
        "*  copy  run: never ran",
        "*  count  depends: on a.csv of copy",
        "*  odd",
    ]
    assert "unknown: odd: stage 'odd' needs absent" in drawn.err
    repo.mlvc("stage", "remove", "odd")
    repo.mlvc("repro")
    assert repo.mlvc("dag").out == "*  copy\n*  count\n"
    assert "2 stages, 0 stale" in repo.mlvc("status").out

    repo.write({"params.toml": b"lr = 0.2\n"})
    status, as_json, dot, mermaid, outs = answers(
        repo,
        ["status"],
        ["status", "--json"],
        ["dag", "--format", "dot"],
        ["dag", "--format", "mermaid"],
        ["dag", "--format", "json", "--outs", "count"],
    )
    assert "run  count  params.toml: lr 0.1 → 0.2" in status.out
    assert "2 stages, 1 stale" in status.out
    (stale,) = json.loads(as_json.out)["stages"]
    assert (stale["stage"], stale["action"]) == ("count", "run")
    assert '"count" [label="count (stale)"' in dot.out
    assert 'n2["count (stale)"]:::stale' in mermaid.out
    found = json.loads(outs.out)
    assert found["edges"] == [["raw.csv", "a.csv"], ["a.csv", "b.csv"]]
    assert [node["name"] for node in found["nodes"] if node["stale"]] == ["b.csv"]

    repo.write({"mlvc.toml": b"[stage.x]\ncmdd = 1\n"})
    said = repo.mlvc("status")
    assert "cannot tell which stages are stale" in said.err
    assert "data file" in said.out
