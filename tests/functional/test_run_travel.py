"""Runs of the run cache between people: plain git push, git mlvc push, fetch and pull."""

from __future__ import annotations

import json
from collections.abc import Mapping

from support.content import noise
from support.repo import Machine, Repo
from support.stage_runs import Made, add_run

from git_mlvc.pipeline import lock_file
from git_mlvc.pipeline.model import Result
from git_mlvc.pipeline.run_cache import RunCache
from git_mlvc.repo_path import RepoPath
from git_mlvc.store.store import Store

MODEL, PLOTS = noise(50_000, 1), {"a.csv": b"1,2\n", "deep/b.csv": b"3,4\n"}
OUTS: dict[str, Made] = {"model.bin": MODEL, "plots": PLOTS}


def runs_in(repo: Repo) -> set[bytes]:
    with Store.open(repo.store) as store:
        return {run for _, run in store.all_runs()}


def run_stage(
    repo: Repo, stage: str, outs: Mapping[str, Made], unpushed: tuple[str, ...] = ()
) -> tuple[bytes, Result]:
    """Leave what a stage that succeeded leaves in the store; return its run and what its lock says."""
    with Store.open(repo.store) as store:
        key, run_id = add_run(store, stage, outs, unpushed=unpushed)
        (run,) = [one for one in RunCache(store).find(key) if one.id == run_id]
    return run_id, run.result


def lock(repo: Repo, results: Mapping[str, Result], folder: str | None = None) -> Repo:
    at = None if folder is None else RepoPath.parse(folder)
    name = "mlvc.lock" if folder is None else f"{folder}/mlvc.lock"
    return repo.write({name: lock_file.encode(results, at)})


def test_with_git_push_go_the_runs_that_its_locks_name(
    repo: Repo, remote: Repo, machine: Machine
) -> None:
    repo.mlvc("init")
    trained, result = run_stage(repo, "train", OUTS)
    other, _ = run_stage(repo, "try", {"other.bin": noise(3000, 2)})
    lock(repo, {"train": result}).add().commit("one")
    said = repo.git("push", "origin", "main").err
    assert "1 run" in said and "warning" not in said, said
    clone = machine.clone("origin.git", "clone")
    assert runs_in(clone) == set()
    assert "1 run received" in clone.mlvc("fetch").out
    assert runs_in(clone) == {trained}
    # All runs go with the explicit verb, and none if it is told so.
    assert "1 run" not in repo.mlvc("push", "--no-run-cache").out
    sent = json.loads(repo.mlvc("push", "--json").out)
    assert (sent["runs"], sent["runs_left"]) == (1, 0)
    assert json.loads(repo.mlvc("push", "--json").out)["runs"] == 0
    assert "run" not in clone.mlvc("pull", "--no-run-cache").out
    assert json.loads(clone.mlvc("pull", "--json").out)["runs"]["received"] == 1
    assert runs_in(clone) == {trained, other}
