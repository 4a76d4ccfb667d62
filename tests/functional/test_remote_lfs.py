"""Data on the git-lfs server of the git remote: `git mlvc remote add hub lfs --default`, and that is all."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.content import edited, noise
from support.repo import Machine, Repo
from support.servers import programs
from support.servers.dulwich_lfs import Forge
from support.servers.place import RemoteServer

REF = "refs/mlvc/lfs"


def person(machine: Machine, url: str, name: str, *, is_first: bool = False) -> Repo:
    if not is_first:
        return machine.clone(url, name)
    repo = machine.init(name).track("*.bin")
    repo.git("remote", "add", "origin", url)
    repo.mlvc("remote", "add", "hub", "lfs", "--default")
    return repo


def test_two_people_and_a_forge(machine: Machine, forge: Forge) -> None:
    url = forge.repository()
    ada = person(machine, url, "ada", is_first=True)
    data = noise(3_000_000, 1)
    ada.write({"a.bin": data, "small.bin": b"small"}).add().commit("one")
    pushed = ada.git("push", "-u", "origin", "main")
    assert "2 files" in pushed.err

    bob = person(machine, url, "bob")
    assert bob.read("a.bin") == data
    assert bob.is_clean()
    changed = edited(data, 1, edits=2)
    bob.write({"a.bin": changed}).add().commit("two")
    bob.git("push", "-q")

    ada.git("pull", "-q")
    assert ada.read("a.bin") == changed
    assert ada.read("small.bin") == b"small"
    for repo in (ada, bob):
        assert "mlvc" not in repo.text("for-each-ref", "--format=%(refname)")
        assert repo.mlvc("fsck", "--remote").ok


def test_both_push_at_once_and_nothing_is_lost(machine: Machine, forge: Forge) -> None:
    url = forge.repository()
    ada = person(machine, url, "ada", is_first=True)
    ada.write({"a.bin": noise(20_000, 1)}).add().commit("one")
    ada.git("push", "-q", "-u", "origin", "main")
    people = [person(machine, url, f"person{n}") for n in range(3)]
    for number, repo in enumerate(people):
        repo.git("switch", "-q", "-c", f"branch{number}")
        repo.write({"mine.bin": noise(30_000, 10 + number)}).add().commit("mine")
    running = [
        subprocess.Popen(
            ["git", "push", "-q", "origin", "HEAD"],
            cwd=repo.path,
            env=machine.env(),
            stderr=subprocess.PIPE,
        )
        for repo in people
    ]
    for process in running:
        said = process.communicate()[1]
        assert process.returncode == 0, said.decode()
    reader = person(machine, url, "reader")
    for number in range(3):
        reader.git("checkout", "-q", f"branch{number}")
        assert reader.read("mine.bin") == noise(30_000, 10 + number)


def test_a_push_with_nothing_new_asks_little(machine: Machine, forge: Forge) -> None:
    ada = person(machine, forge.repository(), "ada", is_first=True)
    ada.write({"a.bin": noise(20_000, 1)}).add().commit("one")
    ada.git("push", "-q", "-u", "origin", "main")
    forge.asked.clear()
    ada.mlvc("push", "hub", "--all")
    batches = [asked for asked in forge.asked if "/objects/batch" in asked.path]
    refs = [asked for asked in forge.asked if "git-upload-pack" in asked.path]
    assert len(batches) <= 2
    assert len(refs) <= 2  # one look at one ref
    assert len(forge.asked) == len(batches) + len(refs)


def test_a_forge_that_wants_a_login_gets_git_s_own(machine: Machine, forge: Forge) -> None:
    url = forge.repository()
    forge.login = ("ada", "secret")
    machine.config("credential.helper", "store")
    (machine.home / ".git-credentials").write_text(f"http://ada:secret@127.0.0.1:{forge.port}\n")
    ada = person(machine, url, "ada", is_first=True)
    ada.write({"a.bin": noise(20_000, 1)}).add().commit("one")
    ada.git("push", "-q", "-u", "origin", "main")
    assert person(machine, url, "bob").read("a.bin") == noise(20_000, 1)

    (machine.home / ".git-credentials").write_text(f"http://ada:wrong@127.0.0.1:{forge.port}\n")
    ada.write({"a.bin": noise(20_000, 2)}).add().commit("two")
    refused = ada.mlvc("push", "hub", "--all", check=False)
    assert refused.refused_because("Authentication failed")
    assert "secret" not in refused.err


def test_stock_git_lfs_can_fetch_what_the_ref_names(machine: Machine, forge: Forge) -> None:
    programs.program("git-lfs")
    url = forge.repository()
    ada = person(machine, url, "ada", is_first=True)
    ada.write({"a.bin": noise(200_000, 1)}).add().commit("one")
    ada.git("push", "-q", "-u", "origin", "main")
    plain = machine.init("plain")
    plain.git("remote", "add", "origin", url)
    plain.git("fetch", "-q", "origin", f"{REF}:refs/remotes/origin/mlvc")
    named = plain.text("lfs", "ls-files", "--long", "refs/remotes/origin/mlvc").splitlines()
    assert any("packs/" in line for line in named)
    assert any("segments/" in line for line in named)
    plain.git("lfs", "fetch", "origin", "refs/remotes/origin/mlvc")
    for line in named:
        sha = line.split()[0]
        assert (plain.git_dir / "lfs" / "objects" / sha[:2] / sha[2:4] / sha).is_file()


def test_objects_that_the_host_has_lost_are_sent_again(machine: Machine, forge: Forge) -> None:
    url = forge.repository()
    ada = person(machine, url, "ada", is_first=True)
    ada.write({"a.bin": noise(200_000, 1)}).add().commit("one")
    ada.git("push", "-q", "-u", "origin", "main")
    for path in Path(forge.store.path).rglob("*"):
        if path.is_file():
            path.unlink()
    bob = machine.clone(url, "bob", check=False)
    assert bob.stubs() == ["a.bin"]
    ada.mlvc("push", "hub", "--all")
    bob.mlvc("pull")
    assert bob.read("a.bin") == noise(200_000, 1)


def test_a_directory_has_no_git_lfs_server(machine: Machine) -> None:
    origin = machine.bare()
    ada = person(machine, str(origin.path), "ada", is_first=True)
    ada.write({"a.bin": noise(20_000, 1)}).add().commit("one")
    refused = ada.fails("push", "-q", "origin", "main")
    assert refused.refused_because("has no git-lfs server")
    assert "beside" in refused.err


def test_what_a_clone_brings_names_no_other_server(machine: Machine, forge: Forge) -> None:
    """`.lfsconfig` is tracked content: it is not read (law 12)."""
    url = forge.repository()
    ada = person(machine, url, "ada", is_first=True)
    ada.write({".lfsconfig": b"[lfs]\n\turl = http://127.0.0.1:1/elsewhere\n"})
    ada.write({"a.bin": noise(20_000, 1)}).add().commit("one")
    ada.git("push", "-q", "-u", "origin", "main")
    assert person(machine, url, "bob").read("a.bin") == noise(20_000, 1)


def test_a_branch_where_the_host_refuses_other_refs(machine: Machine, forge: Forge) -> None:
    url = forge.repository()
    hook = forge.root / url.rpartition("/")[2] / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(
        '#!/bin/sh\ncase "$1" in refs/heads/*) ;; *) echo only branches >&2; exit 1;; esac\n'
    )
    hook.chmod(0o755)
    ada = person(machine, url, "ada", is_first=True)
    ada.write({"a.bin": noise(20_000, 1)}).add().commit("one")
    refused = ada.fails("push", "-q", "-u", "origin", "main")
    assert refused.refused_because("only branches")
    ada.set("mlvc.remote.hub.ref", "refs/heads/mlvc")
    ada.git("push", "-q", "-u", "origin", "main")
    bob = person(machine, url, "bob")
    bob.set("mlvc.remote.hub.ref", "refs/heads/mlvc")
    bob.mlvc("remote", "trust", "hub")
    bob.mlvc("pull")
    assert bob.read("a.bin") == noise(20_000, 1)


@pytest.mark.parametrize("tracked", [True, False])
def test_giftless_beside_a_repository_on_disk(
    machine: Machine, giftless_server: RemoteServer, tracked: bool
) -> None:
    place = giftless_server.place()
    assert place.git_url is not None
    for key, value in place.git_config.items():
        machine.config(key, value)
    ada = machine.init("ada").track("*.bin")
    ada.git("remote", "add", "origin", place.git_url)
    ada.mlvc("remote", "add", "hub", "lfs", "--default", *([] if tracked else ["--private"]))
    data = noise(3_000_000, 7)
    ada.write({"a.bin": data}).add().commit("one")
    ada.git("push", "-q", "-u", "origin", "main")
    assert not Path(place.git_url, "mlvc").exists()
    bob = machine.clone(place.git_url, "bob")
    if not tracked:
        bob.mlvc("remote", "add", "hub", "lfs", "--default", "--private")
        bob.mlvc("pull")
    assert bob.read("a.bin") == data
