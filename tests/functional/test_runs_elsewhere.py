"""What one has run is restored in clones of every kind, and from a remote that it was copied to."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from support.content import noise
from support.copied import copied
from support.repo import Machine, Repo
from support.stage_runs import encoded_run

from git_mlvc.store.store import Store

PIPELINE = {
    "mlvc.toml": b"""\
[stage.train]
cmd = "mkdir -p data; cat params.toml > data/model.bin; wc -c params.toml > data/size; touch ran"
params = ["seed"]
outs = ["data/"]
""",
    "params.toml": b"seed = 1\n",
    ".gitignore": b"/data/\n/ran\n",
}
TRIED = {"params.toml": b"seed = 22\n"}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """`origin.git`, bare, has a run that its lock names and one of params that nobody committed."""
    machine = Machine(tmp_path_factory.mktemp("published") / "machine").install()
    repo = machine.init()
    repo.git("remote", "add", "origin", "../origin.git")
    origin = machine.bare()
    origin.set("uploadpack.allowFilter", "true").set("uploadpack.allowAnySHA1InWant", "true")
    repo.write({"README": b"first\n"}).add().commit("zero")
    repo.write(PIPELINE).mlvc("repro")
    repo.add().commit("one")
    repo.write(TRIED).mlvc("repro")
    repo.git("push", "-q", "origin", "main")
    repo.mlvc("push")
    return machine


@pytest.fixture
def machine(published: Machine, tmp_path: Path) -> Machine:
    return copied(published, tmp_path / "machine")


def restores_both(clone: Repo) -> None:
    """What was committed, and then what was only tried, without running anything."""
    for changed in ({}, TRIED):
        said = json.loads(clone.write(changed).mlvc("repro", "--pull", "--json").out)
        assert [end["fate"] for end in said["stages"]] == ["restored"], said
        assert clone.read("data/model.bin") == clone.read("params.toml")
    assert not clone.has("ran")


def worktree_of(bare: Repo) -> Repo:
    bare.git("worktree", "add", "-q", "../work", "main")
    return bare.worktree("work")


@pytest.mark.parametrize("kind", ["--filter=blob:none", "--depth=1"])
def test_a_partial_and_a_shallow_clone_restore_what_others_ran(machine: Machine, kind: str) -> None:
    url = machine.path("origin.git").as_uri()
    restores_both(machine.clone(url, "clone", kind))


def test_a_worktree_of_a_bare_clone_restores_what_others_ran(machine: Machine) -> None:
    machine.git("clone", "-q", "--bare", "origin.git", "bare.git")
    restores_both(worktree_of(machine.repo("bare.git")))


def test_the_bare_repository_that_holds_the_data_restores_it_itself(machine: Machine) -> None:
    restores_both(worktree_of(machine.repo("origin.git")))


def test_runs_that_were_copied_to_another_remote_are_restored_from_it_alone(
    machine: Machine,
) -> None:
    clone = machine.clone("origin.git", "clone")
    clone.set("mlvc.remote.lab.url", "../lab")
    assert "2 runs" in clone.mlvc("copy", "--from", "origin", "--to", "lab").out
    shutil.rmtree(machine.path("origin.git/mlvc"))
    assert "all is sound" in clone.mlvc("fsck", "--remote", "lab").out
    restores_both(clone)


def test_law_11_a_run_of_a_newer_version_is_kept_and_each_command_says_what_to_do(
    machine: Machine,
) -> None:
    with Store.open(machine.path("origin.git/mlvc")) as there, there.session() as session:
        key, record = encoded_run(session, "later", {"model.bin": noise(30_000, 1)})
        later = session.add_run(key, record[:8] + b"\2" + record[9:])
    before = {path for path in machine.path("origin.git/mlvc").rglob("*") if path.is_file()}
    clone = machine.clone("origin.git", "clone")
    clone.set("mlvc.remote.lab.url", "../lab")
    for words, code, told in (
        (["pull"], 0, "1 run of a newer git-mlvc received: kept, and not used"),
        (["fsck", "--remote"], 0, ""),
        (["prune"], 4, "nothing is pruned: cannot read a run"),
        (["copy", "--from", "origin", "--to", "lab"], 0, "1 run of a newer git-mlvc stays on"),
        (["push", "lab"], 0, "lab: 1 run of a newer git-mlvc stays here"),
    ):
        said = clone.mlvc(*words, check=False)
        assert said.returncode == code and told in said.err and "upgrade git-mlvc" in said.err, said
        if words[0] == "fsck":
            for place in ("here", "on origin"):
                assert f"not looked at: 1 run of a newer git-mlvc {place}" in said.out
    assert before <= set(machine.path("origin.git/mlvc").rglob("*"))
    with Store.open(clone.store) as here:
        assert (key, later) in set(here.all_runs())
