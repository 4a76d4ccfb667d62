"""umask and core.sharedRepository, in the store and in the worktree."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from support.content import noise
from support.repo import Machine, Repo


def under(umask: str, repo: Repo, *args: str) -> None:
    words = " ".join(f"'{arg}'" for arg in args)
    repo.machine.run("sh", "-c", f"umask {umask}; git {words}", cwd=repo.path)


def modes(top: Path, *, files: bool) -> set[int]:
    found = [path for path in top.rglob("*") if path.is_file() == files]
    assert found, f"nothing in {top}"
    return {stat.S_IMODE(path.stat().st_mode) for path in found}


def test_umask_decides_who_may_read(machine: Machine) -> None:
    machine.config("mlvc.inlineLimit", "0")
    repo = machine.init()
    repo.track("*.bin").write({"x.bin": noise(300_000), "code.py": b"x\n"})
    under("077", repo, "add", "-A")
    under("077", repo, "commit", "-qm", "one")
    assert all(mode & 0o077 == 0 for mode in modes(repo.store / "packs", files=True))
    assert all(mode & 0o077 == 0 for mode in modes(repo.store, files=False))
    repo.remove("x.bin", "code.py")
    under("027", repo, "checkout", "--", ".")
    assert stat.S_IMODE(repo.at("x.bin").stat().st_mode) == 0o640
    assert stat.S_IMODE(repo.at("code.py").stat().st_mode) == 0o640


@pytest.mark.parametrize(("shared", "bits"), [("group", 0o040), ("all", 0o044), ("0660", 0o060)])
def test_a_shared_repository_shares_its_data(machine: Machine, shared: str, bits: int) -> None:
    repo = machine.init("repo", f"--shared={shared}").track("*.bin").write({"x.bin": noise(90_000)})
    under("077", repo, "add", "-A")
    for mode in modes(repo.store / "packs", files=True) | modes(
        repo.store / "segments", files=True
    ):
        assert mode & bits == bits, oct(mode)
        assert mode & 0o007 == bits & 0o007, oct(mode)
    for mode in modes(repo.store, files=False):
        assert mode & 0o070 == 0o070, oct(mode)
    bare = machine.init("shared.git", "--bare", f"--shared={shared}")
    under("077", repo, "commit", "-qm", "one")
    under("077", repo, "push", "-q", "../shared.git", "main")
    for mode in modes(bare.store / "packs", files=True):
        assert mode & bits == bits, oct(mode)


def test_the_executable_bit_is_kept_on_filled_files(machine: Machine) -> None:
    machine.config("mlvc.inlineLimit", "0")
    repo = machine.init().track("*.bin").write({"run.bin": b"#!/bin/sh\nexit 0\n" * 900})
    repo.at("run.bin").chmod(0o755)
    repo.add().commit("one")
    repo.remove("run.bin")
    repo.git("checkout", "--", "run.bin")
    assert stat.S_IMODE(repo.at("run.bin").stat().st_mode) & 0o111
    assert repo.is_clean()
