"""Runs of the run cache between people: plain git push, git mlvc push, fetch and pull."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from support.content import noise
from support.copied import copied
from support.repo import Machine, Repo
from support.stage_runs import Made, add_run, ingest_out

from git_mlvc.formats.pointer import Pointer
from git_mlvc.oid import Oid
from git_mlvc.pipeline.lock_files import lock_file
from git_mlvc.pipeline.model import Result
from git_mlvc.pipeline.runs.run_cache import RunCache
from git_mlvc.repo_path import RepoPath
from git_mlvc.store.store import Store
from git_mlvc.transfer.remote_view import RemoteView
from git_mlvc.transfer.verify import copies_on
from git_mlvc.workspace import Workspace

MODEL, PLOTS = noise(50_000, 1), {"a.csv": b"1,2\n", "deep/b.csv": b"3,4\n"}
A, B, C = noise(40_000, 3), noise(45_000, 4), noise(48_000, 5)
IMPORTS = {"PYTHONPROFILEIMPORTTIME": "1"}  # standard error then names each module
STAGE_FILE = b"""\
[stage.make]
cmd = "make"
outs = ["out/", {path = "kept.bin", push = false}]
"""
ROUTES = b"""\
[remote]
default = "lab"
lab = { url = "../lab" }
archive = { url = "../archive" }
[track."models/**"]
remote = "archive"
"""
OUTS: dict[str, Made] = {"model.bin": MODEL, "plots": PLOTS}


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A machine with a repository and its origin, whose hooks are there before any data is."""
    machine = Machine(tmp_path_factory.mktemp("begun")).install()
    machine.bare()
    repo = machine.init().track("*.bin")
    repo.git("remote", "add", "origin", "../origin.git")
    repo.mlvc("init")
    return machine


@pytest.fixture
def machine(begun: Machine, tmp_path: Path) -> Machine:
    return copied(begun, tmp_path / "machine")


@pytest.fixture
def repo(machine: Machine) -> Repo:
    return machine.repo("repo")


@pytest.fixture
def remote(machine: Machine) -> Repo:
    return machine.repo("origin.git")


def runs_in(repo: Repo) -> set[bytes]:
    with Store.open(repo.store) as store:
        return {run for _, run in store.all_runs()}


def view_of(repo: Repo, place: str) -> RemoteView:
    workspace = Workspace.open(repo.path, repo.machine.env())
    return workspace.view(workspace.places.named(place))


def runs_on(repo: Repo, place: str) -> set[bytes]:
    return {run for _, run in view_of(repo, place).runs()}


def holds(repo: Repo, *contents: bytes, place: str = "origin") -> list[bool]:
    """Say of each content whether a remote has all of it."""
    pointers = [Pointer(Oid.of(data), len(data)) for data in contents]
    there = copies_on(view_of(repo, place), pointers)
    return [pointer in there for pointer in pointers]


def packs_with(repo: Repo, data: bytes) -> list[str]:
    """Return the names of the packs on `origin` that hold a content of one chunk."""
    view = view_of(repo, "origin")
    return [at.pack.hex() for at in view.known_many([Oid.of(data).digest]).values()]


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
    # A remote that has lost what a run made is not sound.
    assert "all is sound" in clone.mlvc("fsck", "--remote").out
    (data,) = packs_with(clone, noise(3000, 2))
    (remote.git_dir / "mlvc" / "packs" / data[:2] / data).rename(remote.path / "away")
    found = clone.mlvc("fsck", "--remote", check=False)
    assert found.returncode == 1 and "hurt: run " in found.out, found
    assert "git mlvc repro -f STAGE" in found.err
    (hurt,) = json.loads(clone.mlvc("fsck", "--remote", "--json", check=False).out)["report"][
        "remote_runs"
    ]["hurt"]
    assert hurt["id"] == str(Oid(other)) and hurt["remote"] == "origin"


def test_what_only_a_lock_names_goes_with_it_and_what_is_nowhere_is_told(
    repo: Repo, remote: Repo, machine: Machine
) -> None:
    """In a folder, ignored by git, of a run that is not in the run cache; another out that is lost."""
    _, made = run_stage(
        repo, "make", {"sub/out": PLOTS, "sub/kept.bin": B}, unpushed=("sub/kept.bin",)
    )
    _, lost = run_stage(repo, "lost", {"sub/lost.bin": C})
    repo.lose_data()
    with Store.open(repo.store) as store, store.session() as session:
        ingest_out(session, PLOTS)
        ingest_out(session, B)
    repo.write({"sub/mlvc.toml": STAGE_FILE, ".gitignore": b"/sub/out/\n/sub/*.bin\n"})
    lock(repo, {"make": made, "lost": lost}, "sub").add().commit("one")
    said = repo.git("push", "origin", "main", env=IMPORTS).err
    assert "warning: what 'sub:lost' made is neither here nor on" in said
    assert "git_mlvc.pipeline.lock_files.lock_file" in said
    assert holds(repo, *PLOTS.values(), B, C) == [True, True, False, False]
    # What the remote has been told of before is not looked at again, nor told again.
    lock(repo, {"make": made, "lost": lost, "new": made}, "sub").add().commit("two")
    assert "sub:lost" not in repo.git("push", "origin", "main").err
    # Without a lock among the commits pipelines cost nothing.
    repo.write({"a.bin": A}).add().commit("three")
    said = repo.git("push", "origin", "main", env=IMPORTS).err
    assert "git_mlvc.transfer.push" in said and "git_mlvc.pipeline" not in said
    # A lock that cannot be read is told, and goes with git as git has it.
    repo.write({"sub/mlvc.lock": b"<<<<<<< HEAD\n"}).add().commit("four")
    assert "warning: " in repo.git("push", "origin", "main").err


def test_outs_that_stay_off_remotes_stay_though_git_tracks_them(
    repo: Repo, remote: Repo, machine: Machine
) -> None:
    trained, made = run_stage(repo, "make", {"kept.bin": B}, unpushed=("kept.bin",))
    repo.write({"mlvc.toml": STAGE_FILE, "kept.bin": C, "a.bin": A}).add().commit("zero")
    repo.git("push", "origin", "main")
    lock(repo.write({"kept.bin": B}), {"make": made}).add().commit("one")
    repo.git("push", "origin", "main")
    assert holds(repo, A, B, C) == [True, False, False]
    # What stays off the remote is no reason to think that another one stands there now.
    repo.write({"c.bin": b"c" * 2000}).add().commit("more")
    assert "1 file, 2 kB" in repo.git("push", "origin", "main").err
    said = repo.mlvc("push")
    assert "1 run stays here" in said.err
    assert holds(repo, A, B) == [True, False]
    # The same bytes at another path travel, and then so does the run.
    repo.write({"b.bin": B}).add().commit("two")
    repo.mlvc("push")
    assert holds(repo, A, B) == [True, True]
    assert json.loads(repo.mlvc("push", "--json").out)["runs"] == 1
    clone = machine.clone("origin.git", "clone")
    clone.mlvc("pull")
    assert runs_in(clone) == {trained}


def test_where_the_data_place_is_silent_the_push_is_refused_and_where_it_takes_nothing_it_is_not(
    repo: Repo, remote: Repo, machine: Machine
) -> None:
    _, made = run_stage(repo, "make", {"out": PLOTS})
    repo.set("mlvc.remote.origin.url", str(machine.path("not/mounted")))
    lock(repo, {"make": made}).add().commit("one")
    assert repo.fails("push", "origin", "main").returncode
    repo.git("config", "--unset", "mlvc.remote.origin.url")
    repo.write(
        {"mlvc.toml": b'[remote]\ndefault = "away"\naway = { url = "http://127.0.0.1:9/data" }\n'}
    ).add().commit("two")
    said = repo.git("push", "origin", "main").err
    assert "warning: what stages made is not pushed" in said
    # A fetch says whom it could not ask.
    assert "runs are not fetched" in repo.mlvc("fetch", check=False).err


def test_outs_follow_the_routes_of_their_paths_and_records_go_to_the_usual_place(
    repo: Repo, remote: Repo
) -> None:
    repo.write({"mlvc.toml": ROUTES})
    for place in ("../lab", "../archive"):
        repo.git("config", "--add", "mlvc.trust", place)
    trained, made = run_stage(repo, "make", {"models/b.bin": B, "c.bin": C})
    lock(repo, {"make": made}).add().commit("one")
    repo.git("push", "origin", "main")
    assert holds(repo, B, C, place="archive") == [True, False]
    assert holds(repo, B, C, place="lab") == [False, True]
    assert (runs_on(repo, "lab"), runs_on(repo, "archive")) == ({trained}, set())
    other, _ = run_stage(repo, "other", {"models/a.bin": A})
    repo.mlvc("push")
    assert holds(repo, A, place="archive") == [True]
    assert (runs_on(repo, "lab"), runs_on(repo, "archive")) == ({trained, other}, set())


PIPELINE = {
    "mlvc.toml": b"""\
[stage.prepare]
cmd = "mkdir -p data; sort raw.txt > data/clean.txt; cp raw.txt data/; echo prepare >> ran.log"
deps = ["raw.txt"]
outs = ["data/"]
[stage.train]
cmd = "cat params.toml data/* > model.bin; echo train >> ran.log"
deps = ["data"]
params = ["seed"]
outs = ["model.bin"]
metrics = ["metrics.json"]
""".replace(b"> model.bin;", b"> model.bin; wc -c < model.bin > metrics.json;"),
    "params.toml": b"seed = 1\n",
    "raw.txt": b"two\none\n",
    ".gitignore": b"/ran.log\n/data/\n",
}


def test_what_one_has_run_nobody_runs_again(
    repo: Repo, remote: Repo, machine: Machine, second_mount: Path
) -> None:
    """`data/` is ignored by git, so that only the lock knows it."""
    repo.write(PIPELINE).mlvc("repro")
    repo.add().commit("one")
    repo.git("push", "origin", "main")
    # On another disk nothing runs, and the plan says so.
    ben = Machine(second_mount / "ben").install()
    clone = ben.clone(remote.path, "clone")
    plan = clone.mlvc("repro", "--pull", "--plan", check=False).out
    assert plan.splitlines()[0].startswith("restore  prepare") and "run " not in plan
    assert fates(clone, "--pull") == {"prepare": "restored", "train": "unchanged"}
    assert not clone.has("ran.log") and clone.is_clean()
    # Ann tries what she never commits; Ben tries the same on a branch of his.
    repo.write({"params.toml": b"seed = 2\n"}).mlvc("repro")
    assert repo.mlvc("push").out.count("1 run") == 1
    clone.git("switch", "-qc", "mine")
    clone.write({"params.toml": b"seed = 2\n"})
    assert fates(clone, "--pull") == {"prepare": "unchanged", "train": "restored"}
    assert not clone.has("ran.log")
    assert clone.read("model.bin") == repo.read("model.bin")
    assert clone.read("metrics.json") == repo.read("metrics.json")
    # Where nobody can be asked nothing is taken to be unknown to them.
    remote.path.rename(remote.path.with_suffix(".away"))
    clone.write({"params.toml": b"seed = 3\n"})
    assert clone.mlvc("repro", "--pull", check=False).returncode == 7
    assert clone.mlvc("fetch", check=False).refused_because("has runs is unknown")
    assert clone.mlvc("fetch", "--no-run-cache").ok
    assert not clone.has("ran.log")
    # Who may not be asked may have what nobody else has: the plan says so, as does what would follow it.
    remote.path.with_suffix(".away").rename(remote.path)
    lab = b'[remote.lab]\nurl = "ssh://lab.invalid/x"\n'
    clone.write({"mlvc.toml": PIPELINE["mlvc.toml"] + lab}).mlvc("repro")
    clone.lose_data().at("model.bin").unlink()
    plan = clone.mlvc("repro", "--pull", "--plan", check=False)
    assert plan.returncode == 7 and "git mlvc remote trust lab" in plan.err
    assert clone.mlvc("repro", "--pull", check=False).err == plan.err


def fates(repo: Repo, *words: str) -> dict[str, str]:
    said = json.loads(repo.mlvc("repro", "--json", *words).out)
    return {end["stage"]: end["fate"] for end in said["stages"]}
