"""Data on the git-lfs server of the git remote: `git mlvc remote add hub lfs --default`, and that is all."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.content import edited, noise
from support.extent import further
from support.repo import Machine, Repo
from support.servers import dulwich_lfs, programs
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


@further("test_of_many_at_once_nobody_is_lost")  # of the ref; here with a server
def test_both_push_at_once_and_nothing_is_lost(machine: Machine, forge: Forge) -> None:
    url = forge.repository()
    ada = person(machine, url, "ada", is_first=True)
    ada.write({"a.bin": noise(20_000, 1)}).add().commit("one")
    ada.git("push", "-q", "-u", "origin", "main")
    people = [person(machine, url, f"person{n}") for n in range(2)]
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
    for number in range(2):
        reader.git("checkout", "-q", f"branch{number}")
        assert reader.read("mine.bin") == noise(30_000, 10 + number)


@dataclass(frozen=True)
class Pushed:
    """A repository with one file of data, on a forge."""

    forge: Forge
    url: str
    ada: Repo


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pushed]:
    forge = dulwich_lfs.start(tmp_path_factory.mktemp("forge"))
    machine = Machine(tmp_path_factory.mktemp("machine")).install()
    url = forge.repository()
    ada = person(machine, url, "ada", is_first=True)
    ada.write({"a.bin": noise(200_000, 1)}).add().commit("one")
    ada.git("push", "-q", "-u", "origin", "main")
    yield Pushed(forge, url, ada)
    forge.stop()


def test_a_push_with_nothing_new_asks_little(pushed: Pushed) -> None:
    forge = pushed.forge
    forge.asked.clear()
    pushed.ada.mlvc("push", "hub", "--all")
    batches = [asked for asked in forge.asked if "/objects/batch" in asked.path]
    refs = [asked for asked in forge.asked if "git-upload-pack" in asked.path]
    assert len(batches) == 1
    assert len(refs) == 2  # one look at one ref
    assert len(forge.asked) == len(batches) + len(refs)


def test_a_push_of_one_file_moves_the_ref_once(pushed: Pushed) -> None:
    forge, ada = pushed.forge, pushed.ada
    ada.write({"more.bin": noise(100_000, 2)}).add().commit("more")
    forge.asked.clear()
    ada.mlvc("push", "hub", "--all")
    paths = [asked.path.rpartition("/")[2].partition("?")[0] for asked in forge.asked]
    assert paths.count("git-receive-pack") == 1
    assert len([asked for asked in forge.asked if asked.method == "PUT"]) == 2  # pack, segment
    assert len(forge.asked) <= 16


def test_stock_git_lfs_can_fetch_what_the_ref_names(pushed: Pushed) -> None:
    programs.program("git-lfs")
    plain = pushed.ada.machine.init("plain")
    plain.git("remote", "add", "origin", pushed.url)
    plain.git("fetch", "-q", "origin", f"{REF}:refs/remotes/origin/mlvc")
    named = plain.text("lfs", "ls-files", "--long", "refs/remotes/origin/mlvc").splitlines()
    assert any("packs/" in line for line in named)
    assert any("segments/" in line for line in named)
    plain.git("lfs", "fetch", "origin", "refs/remotes/origin/mlvc")
    for line in named:
        sha = line.split()[0]
        assert (plain.git_dir / "lfs" / "objects" / sha[:2] / sha[2:4] / sha).is_file()


def test_all_that_check_tries_works(pushed: Pushed) -> None:
    checked = pushed.ada.mlvc("remote", "check", "hub")
    assert "cannot" not in checked.out


def test_objects_that_the_host_has_lost_are_sent_again(pushed: Pushed) -> None:
    for path in Path(pushed.forge.store.path).rglob("*"):
        if path.is_file():
            path.unlink()
    bob = pushed.ada.machine.clone(pushed.url, "bob", check=False)
    assert bob.stubs() == ["a.bin"]
    pushed.ada.mlvc("push", "hub", "--all")
    bob.mlvc("pull")
    assert bob.read("a.bin") == noise(200_000, 1)


def test_a_forge_that_wants_a_login_gets_git_s_own(machine: Machine, forge: Forge) -> None:
    url = forge.repository()
    forge.login = ("ada", "secret")
    machine.config("credential.helper", "store")
    (machine.home / ".git-credentials").write_text(f"http://ada:secret@127.0.0.1:{forge.port}\n")
    ada = person(machine, url, "ada", is_first=True)
    ada.write({"a.bin": noise(20_000, 1)}).add().commit("one")
    ada.git("push", "-q", "-u", "origin", "main")
    (machine.home / ".git-credentials").write_text(f"http://ada:wrong@127.0.0.1:{forge.port}\n")
    ada.write({"a.bin": noise(20_000, 2)}).add().commit("two")
    refused = ada.mlvc("push", "hub", "--all", check=False)
    assert refused.refused_because("Authentication failed")
    assert "secret" not in refused.err


def test_over_ssh_the_host_says_where_its_server_is(machine: Machine, forge: Forge) -> None:
    """`ssh` here runs the command on this machine; what it is asked is what a host is asked."""
    name = forge.repository().rpartition("/")[2]
    bin_dir = machine.root / "bin"
    bin_dir.mkdir()
    programs_there = {
        "ssh": 'for command; do :; done; exec sh -c "$command"',
        "git-lfs-authenticate": (
            f'echo "$@" >> {machine.root}/asked\n'
            f'echo \'{{"href": "http://127.0.0.1:{forge.port}/{name}/info/lfs",'
            ' "header": {"Authorization": "RemoteAuth abc"}}\''
        ),
    }
    for program, text in programs_there.items():
        (bin_dir / program).write_text(f"#!/bin/sh\n{text}\n")
        (bin_dir / program).chmod(0o755)
    machine.extra_env["PATH"] = f"{bin_dir}:{machine.env()['PATH']}"
    machine.config("ssh.variant", "ssh")
    url = f"git@hub:{forge.root / name}"
    ada = person(machine, url, "ada", is_first=True)
    ada.write({"a.bin": noise(20_000, 1)}).add().commit("one")
    ada.git("push", "-q", "-u", "origin", "main")
    assert person(machine, url, "bob").read("a.bin") == noise(20_000, 1)
    asked = (machine.root / "asked").read_text().splitlines()
    assert f"{forge.root / name} upload" in asked
    assert f"{forge.root / name} download" in asked
    batches = [request for request in forge.asked if "/objects/batch" in request.path]
    assert {request.headers["authorization"] for request in batches} == {"RemoteAuth abc"}


def test_a_directory_has_no_git_lfs_server(machine: Machine) -> None:
    origin = machine.bare()
    ada = person(machine, str(origin.path), "ada", is_first=True)
    ada.write({"a.bin": noise(20_000, 1)}).add().commit("one")
    refused = ada.fails("push", "-q", "origin", "main")
    assert refused.refused_because("has no git-lfs server")
    assert "beside" in refused.err


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


@further("test_two_people_and_a_forge")
def test_giftless_beside_a_repository_on_disk(
    machine: Machine, giftless_server: RemoteServer
) -> None:
    place = giftless_server.place()
    assert place.git_url is not None
    for key, value in place.git_config.items():
        machine.config(key, value)
    ada = person(machine, place.git_url, "ada", is_first=True)
    data = noise(3_000_000, 7)
    ada.write({"a.bin": data}).add().commit("one")
    ada.git("push", "-q", "-u", "origin", "main")
    assert not Path(place.git_url, "mlvc").exists()
    assert person(machine, place.git_url, "bob").read("a.bin") == data
