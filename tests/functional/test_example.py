"""The example project as its README walks through it: what runs, what is restored, what is left alone."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest
from support.content import is_pointer
from support.extent import IN_FULL
from support.repo import Machine, Repo
from support.servers import programs

from git_mlvc.fs.lock import FileLock

EXAMPLE = Path(__file__).parents[2] / "examples" / "digits"
ALL = ["prepare", "featurize", "train@linear", "train@mlp", "evaluate"]


def on_a_machine_with_scikit_learn(root: Path) -> Machine:
    machine = Machine(root).install()
    machine.extra_env["PATH"] = f"{programs.python('digits')}:{machine.env()['PATH']}"
    # Threads that wait for each other in loops cost more than they compute of data this small.
    machine.extra_env |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return machine


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A machine with the project as it was before its first `repro`, and after it: one for all test processes."""
    base = tmp_path_factory.getbasetemp()
    root = (base if worker_id == "master" else base.parent) / "example"
    root.mkdir(exist_ok=True)
    with FileLock(root / "lock", timeout_s=600):
        if not (root / "made").exists():
            make(root / "machine")
            (root / "made").touch()
    return root / "machine"


def make(root: Path) -> None:
    machine = on_a_machine_with_scikit_learn(root)
    shutil.copytree(EXAMPLE, machine.path("digits"), ignore=shutil.ignore_patterns("__pycache__"))
    repo = machine.init("digits")
    repo.mlvc("init")
    repo.track("data/**", "models/**")
    repo.at("data").mkdir()
    machine.run("python", "src/get_data.py", "data/digits.csv", cwd=repo.path)
    repo.add().commit("digits, and how to learn them")
    assert plan(repo) == {"prepare": "run", **dict.fromkeys(ALL[1:], "depends")}
    assert repro(repo, "-j", "2") == dict.fromkeys(ALL, "ran")
    repo.add().commit("first result")


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Repo:
    """The project with its first result, for one test alone."""
    shutil.copytree(made, tmp_path / "machine", symlinks=True)
    repo = on_a_machine_with_scikit_learn(tmp_path / "machine").repo("digits")
    repo.git("status")  # a copy has other stat data
    return repo


def plan(repo: Repo, *words: str) -> dict[str, str]:
    """Return what the plan says of each stage; it agrees with its exit code."""
    said = repo.mlvc("repro", "--plan", "--json", *words, check=False)
    steps = {step["stage"]: step["action"] for step in json.loads(said.out)["steps"]}
    assert said.returncode == (0 if set(steps.values()) == {"skip"} else 1)
    return steps


def repro(repo: Repo, *words: str) -> dict[str, str]:
    """Return what became of each stage that was not left alone."""
    said = json.loads(repo.mlvc("repro", "--json", *words).out)["stages"]
    return {end["stage"]: end["fate"] for end in said if end["fate"] != "unchanged"}


def results(repo: Repo) -> dict[str, bytes]:
    return {
        name: path.read_bytes()
        for name, path in repo.files()
        if name.startswith(("data/", "models/", "plots/")) or name == "metrics.json"
    }


def set_param(repo: Repo, key: str, value: str) -> None:
    text = repo.read("params.toml").decode()
    new, count = re.subn(rf"^{key} = .*", f"{key} = {value}", text, flags=re.MULTILINE)
    assert count == 1
    repo.write({"params.toml": new.encode()})


def test_the_walk_through_the_example(project: Repo) -> None:
    repo = project
    first = results(repo)
    assert json.loads(first["metrics.json"])["accuracy"] > 0.9
    for path in ("models/mlp.joblib", "data/features/train.npz"):
        assert is_pointer(repo.blob(f"HEAD:{path}"))
    assert repo.blob("HEAD:metrics.json") == first["metrics.json"]

    # Nothing changed: nothing runs.
    assert set(plan(repo).values()) == {"skip"}
    assert repro(repo) == {}
    assert repo.is_clean()

    # One parameter: only what depends on it.
    set_param(repo, "hidden", "[64]")
    assert {stage: action for stage, action in plan(repo).items() if action != "skip"} == {
        "train@mlp": "run",
        "evaluate": "depends",
    }
    assert "train.mlp.hidden" in repo.mlvc("repro", "--plan", check=False).out
    assert repro(repo) == {"train@mlp": "ran", "evaluate": "ran"}
    second = results(repo)
    assert second["models/mlp.joblib"] != first["models/mlp.joblib"]
    repo.git("switch", "-q", "-c", "wider")
    repo.add().commit("a wider layer")

    # Back again: restored, nothing runs.
    set_param(repo, "hidden", "[32]")
    restored = {"train@mlp": "restore", "evaluate": "restore"}
    assert {stage: action for stage, action in plan(repo).items() if action != "skip"} == restored
    assert repro(repo) == {"train@mlp": "restored", "evaluate": "restored"}
    assert results(repo) == first

    # Another branch: git brings the results; without them in git, the run cache does.
    repo.git("reset", "-q", "--hard")
    assert results(repo) == second
    repo.git("switch", "-q", "main")
    assert results(repo) == first
    assert set(plan(repo).values()) == {"skip"}
    repo.git("checkout", "-q", "wider", "--", "params.toml")
    assert repro(repo) == {"train@mlp": "restored", "evaluate": "restored"}
    assert results(repo) == second
    repo.git("reset", "-q", "--hard")

    # What made it, back to the sources.
    why = repo.mlvc("why", "models/mlp.joblib").out
    for word in ("train@mlp", "src/train.py", "featurize", "data/digits.csv", "train.lr"):
        assert word in why

    # A colleague, on another disk.
    origin = repo.machine.bare()
    repo.git("push", "-q", str(origin.path), "main")
    there = Machine(repo.machine.root.parent / "colleague").install()
    there.extra_env["PATH"] = os.pathsep.join([there.env()["PATH"]])  # no Python with scikit-learn
    clone = there.clone(origin.path, "digits")
    assert set(plan(clone, "--pull").values()) == {"skip"}
    assert repro(clone, "--pull") == {}
    assert results(clone) == first
    clone.git("rm", "-q", "-r", "--cached", "data/features", "models", "plots", "metrics.json")
    shutil.rmtree(clone.at("models"))
    shutil.rmtree(clone.at("data/features"))
    clone.remove("metrics.json")
    lost = {"featurize": "restored", "train@linear": "restored", "train@mlp": "restored"}
    assert repro(clone, "--pull") == {**lost, "evaluate": "restored"}
    assert results(clone) == first


def test_a_grid_of_experiments_and_the_best_of_them_kept(project: Repo) -> None:
    repo = project
    hidden, penalty, count = (
        ("[16],[64],[128]", "0.0001,1.0", 6) if IN_FULL else ("[16],[64]", "1.0", 2)
    )
    grid = ("-S", f"train.mlp.hidden={hidden}", "-S", f"train.mlp.penalty={penalty}")
    repo.mlvc("exp", "run", *grid, "-j", "2")
    (shown,) = json.loads(repo.mlvc("exp", "show", "--sort", "accuracy", "--json").out)["baselines"]
    tried = shown["experiments"]
    assert len(tried) == count
    assert repo.is_clean()
    assert repo.text("branch", "--list").split() == ["*", "main"]
    assert repo.text("worktree", "list").count("\n") == 0

    # The same again: nothing is computed, and nothing recorded twice.
    before = repo.text("for-each-ref")
    again = repo.mlvc("exp", "run", *grid, "-j", "2")
    assert ": running" not in again.out + again.err
    assert repo.text("for-each-ref") == before

    best = tried[0]["name"]
    found = json.loads(repo.blob(f"refs/mlvc/exp/{best}:metrics.json"))
    assert found["accuracy"] == max(one["metrics"]["metrics.json"]["accuracy"] for one in tried)
    repo.mlvc("plots", "diff", "HEAD", best, "--out", "both.html")
    page = repo.read("both.html").decode()
    assert best in page
    repo.remove("both.html")

    # A colleague has it whole, and nothing runs there.
    origin = repo.machine.bare()
    repo.git("remote", "add", "origin", str(origin.path))
    repo.git("push", "-q", "origin", "main")
    assert "refs/mlvc" not in repo.text("ls-remote", "origin")
    repo.mlvc("exp", "push", "origin", best)
    clone = Machine(repo.machine.root.parent / "colleague").install().clone(origin.path, "digits")
    clone.mlvc("exp", "pull", "origin")
    clone.mlvc("exp", "apply", best)
    assert json.loads(clone.read("metrics.json")) == found
    assert repro(clone, "--pull") == {}

    # And it is kept by plain git.
    repo.mlvc("exp", "apply", best)
    assert repro(repo) == {}
    repo.add().commit("the best of them")
    assert json.loads(repo.blob("HEAD:metrics.json")) == found
    assert results(clone) == results(repo)
