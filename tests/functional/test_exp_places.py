"""Experiments in repositories that are not the simplest: settings, submodules, sparse checkouts, odd files."""

from __future__ import annotations

import os

import pytest
from support.repo import Machine, Repo

STAGE = """\
[stage.train]
cmd = "sed 's/= /is /' params.toml > model.bin"
params = ["n"]
outs = ["model.bin"]
"""


@pytest.fixture
def small(machine: Machine) -> Repo:
    """One stage, committed, never run."""
    repo = machine.init().write({"mlvc.toml": STAGE.encode(), "params.toml": b"n = 0\n"})
    return repo.add().commit("one")


def left_behind(repo: Repo) -> list[str]:
    return repo.text("worktree", "list").splitlines()[1:] + os.listdir(repo.store / "exp" / "work")


def names_in(repo: Repo, experiment: str) -> list[str]:
    return repo.text("ls-tree", "-r", "--name-only", f"refs/mlvc/exp/{experiment}").splitlines()


def test_a_repository_named_by_variables_a_store_elsewhere_and_a_user_in_a_folder(
    small: Repo,
) -> None:
    # The store is named from the top of a worktree, and an experiment's is deeper.
    small.set("mlvc.store", "../shared-store")
    (small.path / "sub").mkdir()
    env = {"GIT_DIR": str(small.git_dir), "GIT_WORK_TREE": str(small.path)}
    small.machine.git("mlvc", "exp", "run", "-S", "n=1", "--name", "one", cwd=small.path, env=env)
    small.machine.git("mlvc", "exp", "run", "-S", "n=2", "--name", "two", cwd=small.path / "sub")
    assert left_behind(small) == [] and not (small.git_dir / "mlvc" / "packs").exists()
    assert (small.path.parent / "shared-store" / "packs").exists()
    small.git("checkout", "-q", "refs/mlvc/exp/one")
    assert small.read("model.bin") == b"n is 1\n"
    small.git("checkout", "-q", "refs/mlvc/exp/two")
    assert small.read("model.bin") == b"n is 2\n"


def test_other_repositories_inside_it(small: Repo) -> None:
    machine = small.machine
    machine.init("library").write({"code.txt": b"1"}).add().commit("library")
    small.git("submodule", "add", "-q", "../library", "lib")
    small.commit("with a library")
    small.write({"lib/code.txt": b"2"})
    small.git("init", "-q", "clone")
    small.write({"clone/x": b"", "odd \xff\nname".encode("latin-1").decode("latin-1"): b"odd"})
    settings = STAGE.replace('cmd = "', 'cmd = "cat lib/code.txt 2>/dev/null; ')
    small.write({"mlvc.toml": settings.encode()})

    done = small.mlvc("exp", "run", "--name", "empty")
    assert "without other repositories: clone" in done.err
    assert "inside submodules: lib" in done.err
    assert not any("clone" in name for name in names_in(small, "empty"))

    small.write({"mlvc.toml": settings.encode() + b'\n[exp]\nlink = ["lib"]\n'})
    small.mlvc("exp", "run", "--name", "lent")
    library = small.text("rev-parse", "HEAD:lib")
    for name in ("empty", "lent"):
        assert small.text("rev-parse", f"refs/mlvc/exp/{name}:lib") == library
    assert small.read("lib/code.txt") == b"2" and left_behind(small) == []


def test_of_a_sparse_checkout_all_files_are_part_of_it(small: Repo) -> None:
    small.write({"far/away.txt": b"far", "near/by.txt": b"near"}).add().commit("two")
    small.git("sparse-checkout", "set", "near")
    assert not small.has("far/away.txt")
    small.mlvc("exp", "run", "-S", "n=3", "--name", "sparse")
    assert {"far/away.txt", "near/by.txt", "model.bin"} <= set(names_in(small, "sparse"))
    assert not small.has("far/away.txt") and small.is_clean()


def test_what_stages_leave_behind_goes_even_where_it_may_not_be_written(small: Repo) -> None:
    command = "mkdir -p deep/er; touch deep/er/file; chmod 500 deep/er deep; ln -s /etc out; cp params.toml model.bin"
    small.write(
        {"mlvc.toml": STAGE.replace("sed 's/= /is /' params.toml > model.bin", command).encode()}
    )
    hook = small.git_dir / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text('#!/bin/sh\ntouch ../hook-was-here "$GIT_DIR/hook-was-here"\n')
    hook.chmod(0o755)
    small.mlvc("exp", "run", "--name", "odd")
    assert left_behind(small) == [] and os.path.exists("/etc")
    assert "deep/er/file" in names_in(small, "odd")
    assert not list(small.machine.root.rglob("hook-was-here"))


def test_repro_works_in_the_worktree_of_an_experiment_and_the_user_may_name_it_as_she_likes(
    small: Repo,
) -> None:
    small.git("worktree", "add", "-q", "../again", "HEAD")  # git calls it "again" too
    stage = STAGE.replace(
        "sed", "git mlvc repro --plan >plan 2>&1; git status --short >status; sed"
    )
    other = '[stage.other]\ncmd = "echo x"\nalways = true\n'
    user = '[stage.evaluate]\ncmd = "true"\ndeps = ["model.bin"]\n'
    small.write({"mlvc.toml": f"{stage}{other}{user}".encode()})
    said = small.mlvc("exp", "run", "train", "--name", "again", "-m", "").err
    assert "without evaluate: what is there stays as it is, whatever comes of train" in said
    assert "other" not in said
    assert "plan" in names_in(small, "again")
    assert [line.split()[0] for line in left_behind(small)] == [str(small.path.parent / "again")]
    worktree = small.worktree("again")
    worktree.mlvc("exp", "run", "-S", "n=5", "--name", "from-there")
    assert "model.bin" in names_in(small, "from-there")
