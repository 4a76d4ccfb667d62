"""Mirrors: all data on every remote that is defined, and one that fails is no reason to leave out the others."""

from __future__ import annotations

import json

import pytest
from support.content import noise
from support.repo import Machine, Repo

FILES = {"a.bin": noise(40_000, 1), "models/b.bin": noise(50_000, 2)}

SETTINGS = b"""\
[remote]
default = "lab"
lab = { url = "../lab" }
archive = { url = "../archive" }
[track."models/**"]
remote = "archive"
"""


@pytest.fixture
def mirrored(repo: Repo) -> Repo:
    """A repository with three remotes and a route, and nothing pushed."""
    repo.write({"mlvc.toml": SETTINGS}).set("mlvc.remote.mine.url", "../mine")
    for place in ("../lab", "../archive"):
        repo.git("config", "--add", "mlvc.trust", place)
    repo.write(FILES).add().commit("one")
    return repo


def test_every_remote_gets_all_of_it(mirrored: Repo, machine: Machine) -> None:
    said = mirrored.mlvc("push", "--all-remotes").out.splitlines()
    assert [line.partition(":")[0] for line in said] == ["lab", "archive", "mine"]
    for name in ("lab", "archive", "mine"):
        clone = machine.init(f"from-{name}")
        clone.git("pull", "-q", mirrored.path, "main", env={"MLVC_SKIP_SMUDGE": "1"})
        clone.set("mlvc.remote.only.url", f"../{name}")
        clone.mlvc("pull", "only")
        assert {file: clone.read(file) for file in FILES} == FILES
    again = mirrored.mlvc("push", "--all-remotes").out.splitlines()
    assert all("all of it was there" in line for line in again)


def test_only_the_refs_that_are_named(mirrored: Repo) -> None:
    mirrored.git("checkout", "-q", "-b", "other")
    mirrored.write({"c.bin": noise(9_000, 3)}).add().commit("two")
    answer = json.loads(mirrored.mlvc("push", "--all-remotes", "main", "--json").out)
    assert [(place["remote"], place["files"]) for place in answer["remotes"]] == [
        ("lab", 2),
        ("archive", 2),
        ("mine", 2),
    ]
    answer = json.loads(mirrored.mlvc("push", "--all-remotes", "--all", "--json").out)
    assert {place["files"] for place in answer["remotes"]} == {3}


def test_one_that_fails_does_not_keep_the_others_from_theirs(
    mirrored: Repo, machine: Machine
) -> None:
    machine.path("archive").write_bytes(b"a file where a directory should be")
    said = mirrored.mlvc("push", "--all-remotes", check=False)
    assert said.returncode == 7
    assert said.out.startswith("lab: 2 files") and "mine: 2 files" in said.out
    assert "error: archive: " in said.err
    assert "not everything is on 'archive'" in said.err
    answer = mirrored.mlvc("push", "--all-remotes", "--json", check=False)
    assert [one["remote"] for one in json.loads(answer.out)["failed"]] == ["archive"]
    assert answer.returncode == 7


def test_an_untrusted_remote_is_one_that_fails(mirrored: Repo) -> None:
    mirrored.git("config", "--unset-all", "mlvc.trust", "archive")
    said = mirrored.mlvc("push", "--all-remotes", check=False)
    assert said.returncode == 7
    assert said.refused_because("git mlvc remote trust archive")
    assert "mine: 2 files" in said.out and "lab: 2 files" in said.out


def test_the_place_beside_the_git_remote_is_one_of_them(
    repo: Repo, remote: Repo, machine: Machine
) -> None:
    repo.set("mlvc.remote.mine.url", "../mine").write(FILES).add().commit("one")
    said = repo.mlvc("push", "--all-remotes").out.splitlines()
    assert [line.partition(":")[0] for line in said] == ["origin", "mine"]


def test_what_cannot_be_written_to_is_left_out_and_refused_by_name(repo: Repo) -> None:
    repo.set("mlvc.remote.lab.url", "../lab").set("mlvc.default", "lab")
    repo.set("mlvc.remote.web.url", "http://127.0.0.1:1/data").set(
        "mlvc.remote.web.webdav", "false"
    )
    repo.write(FILES).add().commit("one")
    said = repo.mlvc("push", "--all-remotes")
    assert said.out.startswith("lab: 2 files")
    assert "web: cannot be written to, left out" in said.err
    said = repo.mlvc("push", "web", check=False)
    assert said.returncode == 7
    assert said.refused_because("cannot push on http://127.0.0.1:1/data")
    assert "write" in said.err


def test_one_or_all(mirrored: Repo) -> None:
    said = mirrored.mlvc("push", "--all-remotes", "lab", check=False)
    assert said.returncode == 2
    assert said.refused_because("one or all?")


def test_without_any_remote_it_is_said_what_to_do(repo: Repo) -> None:
    repo.write(FILES).add().commit("one")
    said = repo.mlvc("push", "--all-remotes", check=False)
    assert said.refused_because("git mlvc remote add NAME URL --default")
