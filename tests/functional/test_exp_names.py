"""`exp branch`, `exp rename` and `exp rm`; and that what only an experiment names is kept."""

from __future__ import annotations

import json
import os

from support.content import noise
from support.experiments import experiment, project
from support.one_process import answers
from support.repo import Machine, Repo

from git_mlvc.experiments import states
from git_mlvc.experiments.states import Phase, State
from git_mlvc.git.repository import Repository

RAW = noise(60_000, 1)


def grow_old(repo: Repo) -> None:
    for pack in (repo.store / "packs").rglob("*"):
        os.utime(pack, (0, 0))


def test_law_11_what_only_an_experiment_names_is_kept_and_it_is_branched_renamed_and_removed(
    machine: Machine,
) -> None:
    repo = project(machine, RAW)
    new_raw = noise(70_000, 2)
    best = experiment(repo, "brisk-otter", {"params.toml": b"lr = 0.3\nseed = 1\n", "raw.bin": new_raw})  # fmt: skip
    worse = experiment(repo, "calm-owl", {"params.toml": b"lr = 0.01\nseed = 1\n"})

    # Nothing else names it: neither a remote, nor a branch, nor the index.
    repo.git("reflog", "expire", "--expire=now", "--all")
    grow_old(repo)
    pruned = json.loads(repo.mlvc("prune", "--runs-older", "0", "--json").out)
    assert {step["action"] for step in pruned["steps"]} == {"keep"}, pruned
    checked = json.loads(repo.mlvc("fsck", "--json").out)
    assert checked["sound"] and not checked["report"]["hurt"]
    repo.git("worktree", "add", "-q", "../look", "refs/mlvc/exp/brisk-otter")
    assert repo.worktree("look").read("raw.bin") == new_raw

    said = repo.mlvc("exp", "branch", "brisk-otter", "higher")
    assert repo.text("rev-parse", "higher") == best and "git switch higher" in said.err
    wrong = {
        ("branch", "brisk-otter", "higher"): "already exists",
        ("branch", "brisk-oter", "x"): "brisk-otter",
        ("branch", "brisk-otter", "a..b"): "not a valid branch name",
        ("rename", "calm-owl", "brisk-otter"): "there is an experiment 'brisk-otter' already",
        ("rename", "calm-owl", "a/b"): "is no name for an experiment",
        ("rm", "calm-ol"): "did you mean 'calm-owl'?",
        ("rm",): "which experiments are to be removed?",
        ("rm", "--all", "calm-owl"): "not both",
        ("rm", "--filter", "metrics.size >"): "metrics.size >",
    }
    said_of_wrong = answers(repo, *(["exp", *words] for words in wrong))
    for refused, why in zip(said_of_wrong, wrong.values(), strict=True):
        assert refused.returncode == 2 and refused.refused_because(why)
    assert json.loads(repo.mlvc("exp", "rename", "calm-owl", "slow", "--json").out) == {
        "version": 1,
        "kind": "exp-rename",
        "old": "calm-owl",
        "new": "slow",
        "commit": worse,
    }

    # By filter; with a way back.
    chosen = ("exp", "rm", "--filter", "params.lr < 0.1")
    said = repo.mlvc(*chosen, "--dry-run")
    back = said.out.strip()
    assert back == f"git update-ref refs/mlvc/exp/slow {worse}" and "would remove 1" in said.err
    assert "removed 1 experiment" in repo.mlvc(*chosen).err
    assert "removed 0 experiments" in repo.mlvc(*chosen).err
    repo.git(*back.split(" ")[1:])
    assert "it is empty" in repo.fails("mlvc", "exp", "rm", "--filter", "").err

    # What is queued or failed goes too; what runs does not.
    opened = Repository.discover(repo.path, machine.env())
    states.put(opened, State("failing", Phase.FAILED, repo.head(), since_s=1.0))
    (states.folder(opened) / "torn.json").write_bytes(b"{")
    with states.running(opened, State("busy", Phase.RUNNING, repo.head(), since_s=1.0)):
        assert repo.mlvc("exp", "rm", "busy", check=False).refused_because("'busy' is running")
        gone = json.loads(repo.mlvc("exp", "rm", "--all", "--json").out)
        assert [one["name"] for one in gone["removed"]] == ["brisk-otter", "slow"]
        assert gone["forgotten"] == [
            {"name": "torn", "state": "failed"},
            {"name": "failing", "state": "failed"},
        ]
        assert states.names(opened) == ["busy"]
    assert repo.text("for-each-ref", "refs/mlvc/exp/") == ""
    repo.git("worktree", "remove", "--force", "../look")
    repo.git("branch", "-qD", "higher")
    repo.git("reflog", "expire", "--expire=now", "--all")
    grow_old(repo)
    pruned = json.loads(repo.mlvc("prune", "--runs-older", "0", "--json").out)
    assert pruned["outcome"]["freed_bytes"] > len(new_raw)  # now it may go
