"""What a sweep is called, and which of its points are there."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from git_mlvc.errors import UsageError
from git_mlvc.experiments import answers, record, refs, states, sweeping
from git_mlvc.experiments.answers import Answer
from git_mlvc.experiments.record import ExperimentRecord
from git_mlvc.experiments.states import State
from git_mlvc.git.repository import Repository

TEMPLATE = State("", sweep="5f3a", overrides={"p:seed": 1})


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    who = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@b", "HOME": str(tmp_path)}
    who |= {"GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@b"}
    return Repository.discover(tmp_path, {"PATH": os.environ["PATH"], **who})


def make(repo: Repository, name: str, sweep: str, **overrides: object) -> str:
    keys = {f"p:{key}": value for key, value in overrides.items()}
    message = record.encode(ExperimentRecord(overrides=keys, sweep=sweep, subject=name))
    tree = repo.git.text("mktree", input=b"")
    commit = repo.git.text("commit-tree", tree, "-F", "-", input=message.encode())
    refs.create(repo, name, commit)
    return commit


def test_a_sweep_finds_its_name_and_points_in_the_experiments(repo):
    commit = make(repo, "lr-2", "5f3a", seed=1, lr=0.1)
    whole = sweeping.of(repo, TEMPLATE, "")
    assert whole.name == "lr"
    assert whole.found(whole.state(2, {"p:lr": 0.1})).commit == commit
    assert whole.found(whole.state(1, {"p:lr": 0.2})) is None
    assert whole.state(1, {"p:lr": 0.2}).name == "lr-1"


def test_a_new_sweep_is_called_as_it_would_be_after_an_interruption(repo):
    first = sweeping.of(repo, TEMPLATE, "").name
    assert sweeping.of(repo, TEMPLATE, "").name == first
    make(repo, f"{first}-1", "other", seed=1)
    second = sweeping.of(repo, TEMPLATE, "").name
    assert second != first
    states.put(repo, State("mine-3", sweep="5f3a"))
    assert sweeping.of(repo, TEMPLATE, "").name == "mine"


def test_a_name_that_another_sweep_has_is_refused(repo):
    make(repo, "lr-7", "other", seed=1)
    with pytest.raises(UsageError, match="lr-"):
        sweeping.of(repo, TEMPLATE, "lr")
    assert sweeping.of(repo, TEMPLATE, "other").name == "other"


def test_points_that_are_known_come_one_after_the_other():
    listed = sweeping.Listed([{"p:lr": 1}, {"p:lr": 2}])
    assert [listed.ask(), listed.ask(), listed.ask()] == [(1, {"p:lr": 1}), (2, {"p:lr": 2}), None]


def test_an_answer_is_read_as_it_was_written():
    for answer in (Answer("a", "b", "c" * 40, False, 2, 1.5), Answer("a", error="x", why="y")):
        assert answers.decode(answers.encode(answer)) == answer
    assert not answers.decode(answers.encode(answers.ran("a"))).is_recorded
