"""Which logs of experiments and workers are kept."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from git_mlvc.experiments import claims, old_logs, states, workers
from git_mlvc.experiments.states import Phase, State
from git_mlvc.git.repository import Repository

NEWEST = 3


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    return Repository.discover(tmp_path, {"PATH": os.environ["PATH"], "HOME": str(tmp_path)})


def logged(repo: Repository, *names: str) -> Path:
    """Give experiments a log each, each newer than the one before; return where they are."""
    home = claims.home(repo) / "logs"
    for at, name in enumerate(names):
        folder = home / name / "train"
        folder.mkdir(parents=True)
        (folder / "1.log").write_bytes(b"said")
        for path in (folder / "1.log", folder, folder.parent):
            os.utime(path, (at, at))
    return home


def test_experiments_that_are_there_keep_theirs_and_of_the_others_the_newest_do(repo):
    home = logged(repo, "failed", "made", "running", *(f"gone-{at}" for at in range(6)))
    states.put(repo, State("failed", Phase.FAILED))
    claims.claim(repo, "running")
    empty = repo.git.text("mktree", input=b"")
    who = {
        f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    done = repo.git.run("commit-tree", empty, "-m", "x", env_extra=who)
    repo.git.run("update-ref", "refs/mlvc/exp/made", done.stdout.decode().strip())
    (home / "gone-0" / "train" / "2.log").write_bytes(b"said just now")

    old_logs.remove(repo, newest=len(os.listdir(home)))
    assert len(os.listdir(home)) == 9
    old_logs.remove(repo, newest=NEWEST)
    kept = {"failed", "made", "running", "gone-0", "gone-4", "gone-5"}
    assert set(os.listdir(home)) == kept
    assert (home / "gone-5" / "train" / "1.log").read_bytes() == b"said"


def test_a_worker_that_lives_keeps_its_log(repo):
    log = workers.new_log(repo, 0)
    with workers.registered(repo, str(log)):
        for at, path in enumerate([log, *(log.with_name(f"{at}.log") for at in range(5))]):
            path.write_bytes(b"")
            os.utime(path, (at, at))
        old_logs.remove(repo, newest=NEWEST)
        assert {path.name for path in log.parent.glob("*.log")} == {
            log.name, "2.log", "3.log", "4.log"
        }  # fmt: skip


def test_without_any_there_is_nothing_to_do(repo):
    old_logs.remove(repo, newest=0)
    assert not claims.home(repo).exists()
