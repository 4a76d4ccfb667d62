"""What is said of a stage that failed: how, with which last words, where the rest is."""

from pathlib import Path

import pytest

from git_mlvc.errors import ExitCode
from git_mlvc.pipeline.model import Stage
from git_mlvc.pipeline.running.failures import reason, stage_failed
from git_mlvc.pipeline.running.outcome import Outcome
from git_mlvc.repo_path import RepoPath

TRAIN = Stage("sub:train", "train", ("a", "b"), folder=RepoPath.parse("sub"), line=12, timeout_s=90)


def outcome(returncode, *tail, **fields):
    return Outcome("sub:train", "b", returncode, tail=tail, **fields)


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        (outcome(3), "exit code 3"),
        (outcome(-9), "killed by SIGKILL: out of memory?"),
        (outcome(137), "exit code 137: killed by SIGKILL: out of memory?"),
        (outcome(-11), "killed by SIGSEGV: a mistake in a program or library"),
        (outcome(128 + 34), "exit code 162: killed by signal 34"),
        (outcome(255), "exit code 255"),
        (outcome(127, "sh: 1: pyhton: not found"), "command not found: pyhton"),
        (outcome(127, "sh: line 1: pyhton: command not found"), "command not found: pyhton"),
        (outcome(127, "/bin/sh: pyhton: not found"), "command not found: pyhton"),
        (outcome(127), "exit code 127: a command was not found"),
        (outcome(126), "exit code 126: a command is there, but it cannot be executed"),
        (outcome(-15, timed_out=True), "it ran longer than its `timeout` of 90 s and was stopped"),
        (outcome(-2, was_interrupted=True), "it was interrupted"),
        (outcome(None, not_started="x: gone"), "it could not be started: x: gone"),
    ],
)
def test_how_it_ended_is_said_in_words(ended, said):
    assert reason(TRAIN, ended) == said


def test_a_lost_exit_code_is_no_success():
    assert not outcome(None).is_ok
    assert "was lost" in reason(TRAIN, outcome(None))


def test_the_error_names_stage_command_last_lines_log_and_what_did_not_run():
    ended = outcome(
        1, *map(str, range(30)), log=Path("/r/.git/mlvc/logs/sub train/1.log"), attempt=3
    )
    error = stage_failed(TRAIN, ended, ["evaluate", "report"])
    assert error.exit_code is ExitCode.STAGE
    assert error.what == "stage 'sub:train' failed (3 attempts)"
    lines = error.why.splitlines()
    assert lines[:3] == ["exit code 1", "its command b", "the last that it wrote:"]
    assert lines[3:23] == [f"  {number}" for number in range(10, 30)]
    assert lines[23] == "not run because of it: evaluate, report"
    assert error.hint == "all that it wrote: '/r/.git/mlvc/logs/sub train/1.log'"


@pytest.mark.parametrize(
    ("ended", "hint"),
    [
        (outcome(127), "correct `cmd` in sub/mlvc.toml, line 12"),
        (outcome(126), "chmod +x"),
        (outcome(-15, timed_out=True), "raise `timeout` in sub/mlvc.toml, line 12"),
        (outcome(None, not_started="x"), "`wdir`"),
        (outcome(1), "git mlvc repro sub:train"),
    ],
)
def test_the_hint_is_something_to_do(ended, hint):
    assert hint in stage_failed(TRAIN, ended).hint
