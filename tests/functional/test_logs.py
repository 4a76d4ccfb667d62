"""`git mlvc logs`: what stages wrote, found by the name that the user knows."""

import json
import os

from git_mlvc.git.repository import Repository
from git_mlvc.pipeline.model import Stage
from git_mlvc.pipeline.running.executor import Executor, Place
from git_mlvc.repo_path import RepoPath


def test_the_log_of_a_stage_is_found_by_its_name(repo):
    assert "no stage has run" in repo.mlvc("logs").err
    place = Place.of(Repository.discover(repo.path, {"PATH": os.environ["PATH"]}))
    (repo.path / "sub").mkdir()
    sub = RepoPath.parse("sub")
    with Executor(place) as executor:
        executor.run(Stage("train@cnn", "train@cnn", (r"printf 'old\n'",)))
        outcome = executor.run(Stage("train@cnn", "train@cnn", (r"printf '\377 new'; exit 3",)))
        executor.run(Stage("sub:train", "train", ("pwd",), folder=sub, wdir=sub), attempt=2)
    listed = repo.mlvc("logs").out.splitlines()
    assert [line.split()[0] for line in listed] == ["stage", "sub:train", "train@cnn"]
    assert listed[2].endswith("ended with exit code 3 after 0.0 s")

    shown = repo.mlvc("logs", "train").stdout
    assert shown == outcome.log.read_bytes()
    assert b"\xff new\n# git mlvc: ended with exit code 3" in shown
    assert repo.mlvc("logs", "train@cnn", "-f").stdout == shown
    assert "\nold\n" in repo.mlvc("logs", "train", "--back", "1").out
    assert repo.mlvc("logs", "train", "--path").out == f"{outcome.log}\n"
    assert (
        f"\n{repo.path}/sub\n"
        in repo.machine.git("mlvc", "logs", "train", cwd=repo.path / "sub").out
    )

    told = json.loads(repo.mlvc("logs", "sub:train", "--json").out)
    assert (told["kind"], told["attempt"], told["is_running"]) == ("log", 2, False)
    assert "did you mean 'train@cnn'?" in repo.fails("mlvc", "logs", "tarin@cnn").err
    assert "last 2 runs only" in repo.fails("mlvc", "logs", "train", "--back", "2").err
