"""`git mlvc exp apply`: an experiment's changes come into the worktree, and nothing of the user's is lost."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from support.content import noise
from support.experiments import draft, experiment, has_run, project
from support.repo import Machine, Repo, Result, launcher

RAW, NEW_RAW = noise(50_000, 1), noise(50_000, 2)
BEST = b"lr = 0.3\nseed = 1\n"


def test_applied_and_committed_it_is_the_experiment_and_repro_has_nothing_to_do(
    machine: Machine,
) -> None:
    repo = project(machine, RAW)
    repo.mlvc("repro")
    repo.add().commit("results")
    tree = experiment(
        repo, "brisk-otter", {"params.toml": BEST, "raw.bin": NEW_RAW, "new.txt": b"n"}
    )
    # The user has gone on: other edits, and two that the experiment has as well.
    repo.write({"notes.md": b"mine\n", "other.txt": b"o", "new.txt": b"n", "params.toml": BEST})
    repo.write({"raw.bin": NEW_RAW})
    has_run(repo)
    for name in ("mlvc.lock", "model.bin"):
        os.utime(repo.at(name), (1, 1))  # not a change of hers

    said = json.loads(repo.mlvc("exp", "apply", "brisk-otter", "--json").out)
    assert {one["path"]: one["change"] for one in said["changed"]} == {
        **dict.fromkeys(["metrics.json", "mlvc.lock", "model.bin", "params.toml", "raw.bin"], "M"),
        "new.txt": "A",
    }
    assert (said["left"], said["stale"], said["stash"]) == ([], [], None)
    assert repo.read("model.bin") == NEW_RAW + BEST and repo.stubs() == []
    assert repo.read("seen/params.toml") == BEST  # which git ignores
    assert repo.status().splitlines() == [
        "M  metrics.json",
        "M  mlvc.lock",
        "M  model.bin",
        "A  new.txt",
        " M notes.md",
        "M  params.toml",
        "M  raw.bin",
        "?? other.txt",
    ]
    assert repo.mlvc("repro", "--plan").returncode == 0
    again = repo.mlvc("exp", "apply", "brisk-otter")  # as after an interruption
    assert "6 files changed and staged" in again.out
    repo.git("commit", "-qm", "best")
    assert repo.text("rev-parse", "HEAD^{tree}") == repo.text("rev-parse", f"{tree}^{{tree}}")
    assert "all of it is in HEAD already" in repo.mlvc("exp", "apply", "mlvc/exp/brisk-otter").out
    assert repo.read("notes.md") == b"mine\n" and not has_run(repo)


def test_law_11_what_would_be_overwritten_is_named_and_kept_with_force(machine: Machine) -> None:
    repo = project(machine, RAW)
    experiment(repo, "brisk-otter", {"params.toml": b"lr = 0.3\nseed = 7\n", "new.txt": b"n"})
    mine = {"params.toml": b"lr = 0.2\nseed = 1\n", "new.txt": b"other", "notes.md": b"mine\n"}
    repo.write(mine)
    before = repo.snapshot()
    said = repo.mlvc("exp", "apply", "brisk-otter", check=False)
    assert said.returncode == 10
    assert said.refused_because("would overwrite what you have not committed: new.txt, params.toml")
    assert repo.snapshot() == before and repo.status().startswith(" M notes.md\n M params.toml\n")

    said = repo.mlvc("exp", "apply", "brisk-otter", "--force")
    assert "git stash show" in said.err
    assert repo.read("params.toml") == b"lr = 0.3\nseed = 7\n" and repo.read("new.txt") == b"n"
    assert repo.read("notes.md") == b"mine\n"
    assert repo.blob("stash@{0}:params.toml") == mine["params.toml"]
    assert repo.blob("stash@{0}:new.txt") == b"other"

    # A change that the experiment took in, and went on from, is not lost; nor is what a stage made of it.
    repo.git("reset", "-q", "--hard")
    repo.write({"params.toml": b"lr = 0.1\nseed = 7\n"})
    repo.mlvc("repro")
    made = repo.read("model.bin")
    repo.write({"model.bin": made + b"by hand"})
    said = repo.mlvc("exp", "apply", "brisk-otter", check=False)
    assert said.refused_because("not committed: model.bin\n")
    repo.write({"model.bin": made})
    assert repo.mlvc("exp", "apply", "brisk-otter").returncode == 0
    assert repo.read("params.toml") == b"lr = 0.3\nseed = 7\n"

    # A file in the place of a directory, and a directory in that of a file.
    repo.git("reset", "-q", "--hard")
    repo.remove("seen").write({"seen": b"a file", "new.txt/deep": b"d"})
    said = repo.mlvc("exp", "apply", "brisk-otter", check=False)
    assert said.returncode == 10 and repo.read("new.txt/deep") == b"d"


def test_on_another_commit_it_is_merged_and_conflicts_change_nothing(machine: Machine) -> None:
    repo = project(machine, RAW)
    draft(repo, "brisk-otter", {"params.toml": b"lr = 0.1\nseed = 7\n", "notes.md": b"zero\none\ntwo\nthree\nfour\nfive\n"})  # fmt: skip
    repo.write({"notes.md": b"one\ntwo\nthree\nfour\nfive\nsix\n"}).add().commit("since")
    said = repo.mlvc("exp", "apply", "brisk-otter")
    assert "merged with what was committed since" in said.out
    assert repo.read("notes.md") == b"zero\none\ntwo\nthree\nfour\nfive\nsix\n"
    assert repo.read("params.toml") == b"lr = 0.1\nseed = 7\n"

    repo.git("reset", "-q", "--hard")
    repo.write({"params.toml": b"lr = 0.5\nseed = 5\n"}).add().commit("other params")
    before = repo.snapshot()
    said = repo.mlvc("exp", "apply", "brisk-otter", check=False)
    assert said.returncode == 10 and said.refused_because("params.toml")
    assert (
        "conflicts with what was committed since" in said.err and "nothing is changed" in said.err
    )
    assert repo.snapshot() == before and repo.is_clean()
    assert repo.mlvc("exp", "apply", "brisk", check=False).refused_because("brisk-otter")


def test_data_that_is_elsewhere_is_fetched_and_stubs_are_filled(machine: Machine) -> None:
    machine.config("mlvc.smudge.limit", "1KiB")
    repo: Repo = project(machine, RAW)
    machine.bare()
    repo.git("remote", "add", "origin", "../origin.git")
    experiment(repo, "brisk-otter", {"params.toml": BEST})
    repo.mlvc("exp", "push")
    repo.lose_data()
    repo.mlvc("exp", "apply", "brisk-otter")
    assert repo.read("model.bin") == RAW + BEST
    assert repo.status().count("\n") == 5, repo.status()


def test_law_10_killed_while_git_writes_files_it_is_told_and_the_same_again_finishes_it(
    machine: Machine,
) -> None:
    repo = project(machine, RAW)
    draft(repo, "brisk-otter", {"params.toml": BEST, "new.txt": b"all of it\n", "raw.bin": NEW_RAW})
    repo.write({"notes.md": b"mine\n", "params.toml": BEST})
    # A git that is killed with us half-way through a file, when another is gone already and a third not begun.
    half = "*read-tree*-m*-u*) printf 'all' > new.txt; rm raw.bin; kill -9 $PPID; exit;;"
    full = half.replace("rm raw.bin; kill -9 $PPID; exit", "rm raw.bin; exit 128")
    git = machine.root / "bin" / "git"
    git.parent.mkdir()

    def cut_short(by: str) -> Result:
        git.write_text(f'#!/bin/sh\ncase "$*" in {by} esac\nexec {shutil.which("git")} "$@"\n')
        git.chmod(0o755)
        path = f"{git.parent}{os.pathsep}{machine.env()['PATH']}"
        return machine.run(
            *(launcher(), "exp", "apply", "brisk-otter"),
            cwd=repo.path,
            env={"PATH": path},
            check=False,
        )

    assert cut_short(half).returncode == -9
    assert repo.read("notes.md") == b"mine\n" and repo.read("new.txt") == b"all"
    assert "`git mlvc exp apply brisk-otter` was cut short" in repo.mlvc("exp", "list").err
    assert repo.mlvc("exp", "list").err == ""
    said = cut_short(full)  # a full disk, say
    assert said.returncode == 10 and "exp apply brisk-otter   once more finishes it" in said.err
    (repo.git_dir / "index.lock").touch()
    said = repo.mlvc("exp", "apply", "brisk-otter", check=False)
    assert said.refused_because("index.lock")
    kept = [line for line in said.err.splitlines() if line.startswith("kept what a killed attempt")]
    assert [Path(line.rpartition(": ")[2]).read_bytes() for line in kept] == [b"all"]
    (repo.git_dir / "index.lock").unlink()
    assert "3 files changed and staged" in repo.mlvc("exp", "apply", "brisk-otter").out
    assert repo.read("new.txt") == b"all of it\n" and repo.read("raw.bin") == NEW_RAW
    assert repo.read("notes.md") == b"mine\n" and repo.read("params.toml") == BEST

    # Nothing is taken for half-written that was edited after it had ended.
    repo.write({"new.txt": b"mine now\n"})
    said = repo.mlvc("exp", "apply", "brisk-otter", check=False)
    assert said.refused_because("would overwrite what you have not committed: new.txt")
    assert repo.read("new.txt") == b"mine now\n"
