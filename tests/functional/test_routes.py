"""Per-pattern remotes: the data of some paths goes elsewhere, whoever pushes it, and is found by everybody."""

from __future__ import annotations

import json

import pytest
from support.content import noise
from support.repo import Machine, Repo

from git_mlvc.oid import Oid
from git_mlvc.workspace import Workspace

REMOTES = b"""\
[remote]
default = "lab"
lab = { url = "../lab" }
archive = { url = "../archive" }
"""
ROUTE = b"""\
[track."models/**"]
remote = "archive"
"""
A, B, C = noise(40_000, 1), noise(50_000, 2), noise(60_000, 3)


@pytest.fixture
def routed(repo: Repo, remote: Repo) -> Repo:
    """A repository whose `models/**` goes to `archive` and all else to `lab`, both tracked."""
    repo.write({"mlvc.toml": REMOTES + ROUTE})
    return trusting(repo)


def trusting(repo: Repo) -> Repo:
    for place in ("../lab", "../archive"):
        repo.git("config", "--add", "mlvc.trust", place)
    return repo


def holds(repo: Repo, name: str, *contents: bytes) -> list[bool]:
    """Say of each content whether the remote holds it, as a verified copy."""
    from git_mlvc.formats.pointer import Pointer
    from git_mlvc.transfer.verify import copies_on

    workspace = Workspace.open(repo.path, repo.machine.env())
    pointers = [Pointer(Oid.of(data), len(data)) for data in contents]
    there = copies_on(workspace.view(workspace.places.named(name)), pointers, deep=True)
    return [pointer in there for pointer in pointers]


def test_git_push_sends_each_file_where_it_belongs(routed: Repo, machine: Machine) -> None:
    routed.write({"a.bin": A, "models/b.bin": B}).add().commit("one")
    said = routed.git("push", "origin", "main").err
    assert "git-mlvc: lab: 1 file, 40 kB" in said
    assert "git-mlvc: archive: 1 file, 50 kB" in said
    assert holds(routed, "lab", A, B) == [True, False]
    assert holds(routed, "archive", A, B) == [False, True]
    clone = machine.clone("origin.git", "clone", env={"MLVC_TRUST": "../lab ../archive"})
    assert clone.read("a.bin") == A
    assert clone.read("models/b.bin") == B


def test_git_mlvc_push_follows_routes_unless_a_remote_is_named(routed: Repo) -> None:
    routed.write({"a.bin": A, "models/b.bin": B}).add().commit("one")
    lab, archive = routed.mlvc("push").out.splitlines()
    assert lab.startswith("lab: 1 file, 40 kB; ") and archive.startswith("archive: 1 file, 50 kB; ")
    assert holds(routed, "lab", A, B) == [True, False]
    said = json.loads(routed.mlvc("push", "HEAD", "--json").out)
    assert [place["remote"] for place in said["remotes"]] == ["lab", "archive"]
    assert said["remote"] == "lab" and said["packs"] == 0
    routed.mlvc("push", "lab", "main")
    assert holds(routed, "lab", A, B) == [True, True]


def test_a_content_at_two_paths_goes_to_both_remotes(routed: Repo) -> None:
    routed.write({"a.bin": A, "models/a.bin": A}).add().commit("one")
    routed.git("push", "-q", "origin", "main")
    assert holds(routed, "lab", A) == holds(routed, "archive", A) == [True]


def test_a_file_moved_under_a_route_goes_there_although_its_blob_is_old(
    routed: Repo, machine: Machine
) -> None:
    routed.write({"a.bin": A}).add().commit("one")
    routed.git("push", "-q", "origin", "main")
    assert not machine.path("archive").exists()  # a place for which there is nothing is not asked
    routed.at("models").mkdir()
    routed.git("mv", "a.bin", "models/a.bin")
    routed.commit("moved")
    routed.git("push", "-q", "origin", "main")
    assert holds(routed, "archive", A) == [True]


def test_a_place_out_of_reach_does_not_stop_a_push_of_other_files(routed: Repo) -> None:
    routed.write({"models/b.bin": B}).add().commit("one")
    routed.git("push", "-q", "origin", "main")
    routed.set("mlvc.remote.archive.url", "http://127.0.0.1:1/data").set("mlvc.timeout", "1")
    routed.write({"a.bin": A}).add().commit("two")
    assert "1 file, 40 kB" in routed.git("push", "origin", "main", timeout_s=30).err
    assert holds(routed, "lab", A) == [True]


def test_data_from_before_a_route_stays_until_git_mlvc_push_mends_it(
    repo: Repo, remote: Repo
) -> None:
    trusting(repo).write({"mlvc.toml": REMOTES, "models/a.bin": A}).add().commit("before")
    repo.git("push", "-q", "origin", "main")
    repo.mlvc("track", "models/**", "--remote", "archive")
    repo.write({"models/b.bin": B}).add().commit("after")
    repo.git("push", "-q", "origin", "main")
    assert holds(repo, "archive", A, B) == [False, True]
    assert "1 file not on remote 'archive'" in repo.mlvc("status", "--remote").out
    repo.mlvc("push")
    assert holds(repo, "archive", A, B) == [True, True]
    assert repo.mlvc("fsck", "--remote").out.splitlines()[-1] == "all is sound"


def test_a_routed_place_that_was_made_anew_gets_all_of_its_data_again(
    routed: Repo, machine: Machine
) -> None:
    routed.write({"a.bin": A, "models/b.bin": B}).add().commit("one")
    routed.git("push", "-q", "origin", "main")
    routed.git("config", "mlvc.remote.archive.url", "../new-archive")
    routed.write({"models/c.bin": C}).add().commit("two")
    said = routed.git("push", "origin", "main").err
    assert holds(routed, "archive", B, C) == [True, True], said
    assert "git-mlvc: 2 files, 110 kB" in said


def test_a_clone_that_has_no_data_moves_it_under_a_route(routed: Repo, machine: Machine) -> None:
    routed.write({"a.bin": A}).add().commit("one")
    routed.git("push", "-q", "origin", "main")
    clone = machine.clone("origin.git", "clone", env={"MLVC_SKIP_SMUDGE": "1"})
    trusting(clone).at("models").mkdir()
    clone.git("mv", "a.bin", "models/a.bin")
    clone.commit("moved").git("push", "-q", "origin", "main")
    assert holds(clone, "archive", A) == [True]


def test_a_route_to_an_unknown_remote_stops_the_push_and_names_the_key(routed: Repo) -> None:
    routed.write(
        {"mlvc.toml": routed.read("mlvc.toml").replace(ROUTE, ROUTE.replace(b"archive", b"archiv"))}
    )
    routed.write({"models/b.bin": B}).add().commit("one")
    said = routed.git("push", "origin", "main", check=False)
    assert said.refused_because('mlvc.toml: track."models/**".remote: no remote is called')
    assert not routed.text("ls-remote", "origin")
    assert routed.mlvc("push", check=False).returncode == 2


def test_a_route_to_an_untrusted_remote_stops_the_push_before_anything_is_sent(
    routed: Repo, machine: Machine
) -> None:
    routed.add().commit("settings").git("push", "-q", "origin", "main")
    clone = machine.clone("origin.git", "clone")
    clone.mlvc("remote", "trust", "lab")
    clone.write({"a.bin": A, "models/b.bin": B}).add().commit("one")
    said = clone.git("push", "origin", "main", check=False)
    assert said.refused_because("git mlvc remote trust archive")
    assert not machine.path("lab").exists()
    clone.mlvc("remote", "trust", "archive")
    clone.git("push", "-q", "origin", "main")


def test_track_writes_shows_and_forgets_a_route(repo: Repo) -> None:
    repo.mlvc("remote", "add", "archive", "../archive")
    said = repo.mlvc("track", "models/**", "--remote", "archve", check=False)
    assert said.refused_because("no remote is called 'archve'")
    repo.mlvc("track", "*.dat", "--above", "1MiB")
    before = repo.read(".gitattributes")
    repo.mlvc("track", "*.dat", "--remote", "archive")
    assert repo.read(".gitattributes") == before
    assert "*.dat was tracked already" in repo.mlvc("track", "*.dat", "--remote", "archive").out
    lines = {
        line["pattern"]: (line["min_size_bytes"], line["remote"])
        for line in json.loads(repo.mlvc("track", "--json").out)["patterns"]
    }
    assert lines == {"*.bin": (0, None), "*.dat": (1 << 20, "archive")}
    table = repo.mlvc("track").out
    assert "remote" in table and "archive" in table
    repo.mlvc("untrack", "*.dat")
    assert b'archive"]' not in repo.read("mlvc.toml").replace(b"[remote.archive]", b"")
    assert "archive" not in repo.mlvc("track").out


def test_a_route_in_a_directory_is_meant_there(repo: Repo) -> None:
    repo.write({"mlvc.toml": REMOTES}).at("sub").mkdir()
    repo.machine.git("mlvc", "track", "*.npy", "--remote", "archive", cwd=repo.at("sub"))
    workspace = Workspace.open(repo.path, repo.machine.env())
    (route,) = workspace.settings.routes
    assert (route.pattern, route.remote) == ("sub/**/*.npy", "archive")


def test_a_route_to_a_private_remote_is_warned_about(repo: Repo) -> None:
    repo.set("mlvc.remote.mine.url", "../mine")
    assert "in this clone only" in repo.mlvc("track", "*.npy", "--remote", "mine").err


def test_drop_and_pull_know_routed_copies(routed: Repo) -> None:
    routed.write({"models/b.bin": B}).add().commit("one")
    routed.git("push", "-q", "origin", "main")
    routed.mlvc("drop", "models/b.bin")
    assert routed.stubs() == ["models/b.bin"]
    routed.lose_data()
    routed.mlvc("pull", "archive", "models")
    assert routed.read("models/b.bin") == B
