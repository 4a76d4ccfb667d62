"""Data that cannot be had now: checkout succeeds with stubs and one message; `git mlvc pull` mends it."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.content import noise
from support.copied import copied
from support.extent import cases
from support.repo import Machine, Repo

FILES = {f"{n}.bin": noise(3000 + n, n) for n in range(6)}


LIMITS = {"stubs": "0", "inline": None}


@pytest.fixture(scope="module", params=cases(LIMITS, ["stubs"]))
def cloned(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Machine:
    """A machine with a repository, its remote, and a clone `copy` with all data."""
    machine = Machine(tmp_path_factory.mktemp("cloned")).install()
    if LIMITS[request.param] is not None:
        machine.config("mlvc.inlineLimit", LIMITS[request.param])
    repo = machine.init().track("*.bin")
    machine.bare()
    repo.git("remote", "add", "origin", "../origin.git")
    repo.write({"code.py": b"x\n"}).add().commit("code")
    repo.write(FILES).add().commit("data")
    repo.git("push", "-q", "origin", "main")
    machine.clone("origin.git", "copy")
    return machine


@pytest.fixture
def copy(cloned: Machine, tmp_path: Path) -> Repo:
    """A clone, with all its data, of a remote whose data then moves out of reach."""
    return copied(cloned, tmp_path / "machine").repo("copy")


@pytest.fixture
def remote(copy: Repo) -> Repo:
    return copy.machine.repo("origin.git")


def hide(remote: Repo) -> None:
    remote.store.rename(remote.store.with_name("hidden"))


def show(remote: Repo) -> None:
    remote.store.with_name("hidden").rename(remote.store)


def test_a_checkout_without_data_leaves_stubs_and_one_message(copy: Repo, remote: Repo) -> None:
    copy.git("checkout", "-q", "HEAD~1")
    copy.lose_data()
    hide(remote)
    said = copy.git("checkout", "-q", "main")
    assert copy.stubs() == sorted(FILES)
    assert copy.is_clean()
    assert "git mlvc pull" in said.err
    assert said.err.count("git mlvc pull") == 1, said
    assert len(said.err.splitlines()) <= 5, said

    still = copy.mlvc("pull", check=False)
    assert still.returncode != 0
    assert copy.stubs() == sorted(FILES)
    assert f"{len(FILES)} lack their data" in copy.mlvc("doctor", check=False).out

    show(remote)
    copy.mlvc("pull")
    assert "lack their data" not in copy.mlvc("doctor", check=False).out
    assert {name: copy.read(name) for name in FILES} == FILES
    assert copy.is_clean()


def test_a_clone_without_data_succeeds(copy: Repo, remote: Repo) -> None:
    hide(remote)
    late = copy.machine.clone("origin.git", "late")
    assert late.stubs() == sorted(FILES)
    assert late.is_clean()
    show(remote)
    late.git("pull", "-q")
    late.mlvc("pull", "3.bin")
    assert late.stubs() == sorted(FILES.keys() - {"3.bin"})
    late.mlvc("pull")
    assert late.stubs() == []
    assert late.is_clean()


def test_work_goes_on_around_stubs(copy: Repo, remote: Repo) -> None:
    copy.git("checkout", "-q", "HEAD~1")
    copy.lose_data()
    hide(remote)
    copy.git("checkout", "-q", "main")
    copy.write({"0.bin": noise(500, 99), "code.py": b"y\n"}).add().commit("around")
    copy.git("stash", "-q", check=False)
    copy.git("mv", "1.bin", "moved.bin")
    copy.commit("moved a stub")
    copy.git("rebase", "-q", "--force-rebase", "HEAD~2")
    copy.git("reset", "-q", "--hard", "HEAD~1")
    copy.git("reset", "-q", "--hard", "HEAD@{1}")
    assert copy.is_clean()
    show(remote)
    copy.mlvc("pull")
    assert copy.read("moved.bin") == FILES["1.bin"]
    assert copy.read("0.bin") == noise(500, 99)
    copy.git("push", "-q", "origin", "main")


def test_stubs_on_purpose(copy: Repo) -> None:
    skip = {"MLVC_SKIP_SMUDGE": "1"}
    late = copy.machine.clone("origin.git", "late", env=skip)
    assert late.stubs() == sorted(FILES)
    assert late.is_clean()
    late.git("checkout", "-q", "HEAD~1", env=skip)
    said = late.git("checkout", "-q", "main", env=skip)
    assert late.stubs() == sorted(FILES)
    assert said.stderr == b""
    late.write({"new.bin": noise(900)})
    late.git("add", "-A", env=skip)
    late.git("commit", "-qm", "new", env=skip)
    late.git("push", "-q", "origin", "main", env=skip)
    late.mlvc("fill", "0.bin", "1.bin", check=False)
    late.mlvc("pull")
    assert late.stubs() == []
    assert late.is_clean()


def test_the_next_checkout_finds_what_has_come_back(copy: Repo, remote: Repo) -> None:
    copy.git("checkout", "-q", "HEAD~1")
    copy.lose_data()
    hide(remote)
    copy.git("checkout", "-q", "main")
    show(remote)
    copy.git("checkout", "-q", "HEAD~1")
    copy.git("checkout", "-q", "main")
    assert copy.stubs() == []
    assert copy.is_clean()


def test_picks_and_rebases_fetch_what_they_need(copy: Repo) -> None:
    copy.git("switch", "-q", "-c", "side", "HEAD~1")
    copy.write({"s1.bin": noise(4001, 1)}).add().commit("s1")
    copy.write({"s2.bin": noise(4002, 2)}).add().commit("s2")
    copy.git("push", "-q", "origin", "side")
    late = copy.machine.clone("origin.git", "late")
    late.lose_data()
    late.git("cherry-pick", "origin/side~1", "origin/side")
    assert (late.read("s1.bin"), late.read("s2.bin")) == (noise(4001, 1), noise(4002, 2))
    late.lose_data()
    late.git("rebase", "-q", "HEAD~2", "origin/side")
    late.git("revert", "--no-edit", "HEAD")
    assert late.read("s1.bin") == noise(4001, 1)
    assert late.stubs() == []
    assert late.is_clean()


def test_two_repositories_share_one_store(machine: Machine, repo: Repo) -> None:
    machine.config("mlvc.store", str(machine.path("shared store")))
    repo.write(FILES).add().commit("data")
    other = machine.init("other")
    other.git("remote", "add", "elsewhere", "https://example.invalid/x.git")
    other.git("fetch", "-q", "../repo", "main:copied")
    other.git("checkout", "-q", "copied")
    assert {name: other.read(name) for name in FILES} == FILES
    other.write({"o.bin": noise(2500)}).add().commit("other")
    repo.git("fetch", "-q", "../other", "copied")
    repo.git("merge", "-q", "--ff-only", "FETCH_HEAD")
    assert repo.read("o.bin") == noise(2500)
    assert not (repo.store / "packs").exists()
    assert repo.mlvc("fsck").ok
