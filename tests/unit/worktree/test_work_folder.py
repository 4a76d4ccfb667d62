"""A directory for work in hand goes with the work, or with the next that finds its owner dead."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.repo import Machine

from git_mlvc.fs.owner import Owner
from git_mlvc.git.repository import Repository
from git_mlvc.worktree.work_folder import work_folder


@pytest.fixture
def repo(bare_machine: Machine) -> Repository:
    return Repository.discover(bare_machine.init().path, bare_machine.env())


def dead_pid() -> int:
    done = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True
    )
    return int(done.stdout)


def left(repo: Repository, pid: int, owner: bytes | None) -> Path:
    folder = repo.state_dir / f"add-{pid}-x"
    folder.mkdir(parents=True)
    (folder / "index").write_bytes(b"x")
    if owner is not None:
        (folder / "owner").write_bytes(owner)
    return folder


def test_it_goes_in_the_end_whatever_happens(repo: Repository) -> None:
    with pytest.raises(KeyError), work_folder(repo, "add") as folder:
        (folder / "index").write_bytes(b"x")
        raise KeyError
    assert list(repo.state_dir.iterdir()) == []


def test_what_the_dead_left_goes_and_what_others_use_stays(repo: Repository) -> None:
    here, pid = Owner.current(), dead_pid()
    gone = left(repo, pid, Owner(here.host, here.boot_id, pid, "1").encode())
    with work_folder(repo, "add") as mine:
        assert not gone.exists()
        unsigned = left(repo, pid, None)
        elsewhere = left(repo, 1, Owner("another host", "x", pid, "1").encode())
        starting = left(repo, os.getpid(), None)
        with work_folder(repo, "add"):
            assert mine.exists()
            assert elsewhere.exists()
            assert starting.exists()
            assert not unsigned.exists()
