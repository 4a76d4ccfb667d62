"""Logs of the last runs of each stage: found again, bounded in number, readable while they are written."""

import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_mlvc.pipeline.running import run_logs
from git_mlvc.pipeline.running.outcome import Outcome
from git_mlvc.pipeline.running.run_logs import KEPT_LOGS, RunLogs, folder_name

FIRST_S = 1_700_000_000.25


@pytest.fixture
def logs(tmp_path):
    return RunLogs(tmp_path / "logs")


def write(logs, stage="train", at_s=FIRST_S, returncode=0, data=b"hello\n"):
    log = logs.begin(stage, ("cmd",), 1, at_s)
    log.write(data)
    log.end(Outcome(stage, "cmd", returncode, duration_ms=1500))
    return log.path


def test_a_name_says_when_and_which_attempt(logs):
    path = logs.begin("train", ("cmd",), 2, FIRST_S).path
    assert path.name == "20231114T221320.250Z-2.log"
    assert path.parent.name == "train"


def test_the_last_ten_of_each_stage_are_kept_the_oldest_go_first(logs):
    made = [write(logs, at_s=FIRST_S + n) for n in range(13)]
    other = write(logs, "other")
    assert logs.of("train") == made[-KEPT_LOGS:]
    assert logs.of("other") == [other]
    assert logs.of("nobody") == []
    assert logs.all() == {"other": other, "train": made[-1]}


def test_a_log_that_is_being_written_is_not_removed(logs):
    running = logs.begin("train", ("cmd",), 1, FIRST_S)
    made = [write(logs, at_s=FIRST_S + 1 + n) for n in range(12)]
    assert logs.of("train")[0] == running.path
    running.end(Outcome("train", "cmd", 0))
    write(logs, at_s=FIRST_S + 20)
    assert running.path not in logs.of("train")
    assert made[-1] in logs.of("train")


def test_two_of_one_moment_are_two_files_in_order(logs):
    assert [write(logs), write(logs)] == logs.of("train")


def test_how_a_run_ended_is_read_from_its_last_line(logs):
    assert run_logs.how_it_ended(write(logs)) == "ended with exit code 0 after 1.5 s"
    assert run_logs.how_it_ended(write(logs, returncode=-9, data=b"x")).startswith(
        "killed by signal 9"
    )
    killed = logs.begin("train", (), 1, FIRST_S)
    assert run_logs.how_it_ended(killed.path) == ""
    assert run_logs.is_written(killed.path)
    killed.give_up(OSError("gone"))
    assert not run_logs.is_written(killed.path)


def test_a_full_disk_ends_the_log_and_nothing_else(logs):
    log = logs.begin("train", ("cmd",), 1, FIRST_S)
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, log._fd)
    os.close(full)
    log.write(b"x" * 100)
    assert log.trouble == "No space left on device"
    log.write(b"more")
    log.end(Outcome("train", "cmd", 0))


def test_following_gives_all_that_comes_until_the_run_is_over(logs):
    log = logs.begin("train", ("cmd",), 1, FIRST_S)
    read = []
    first = threading.Event()

    def follow():
        for block in run_logs.follow(log.path, look_s=0.001):
            read.append(block)
            first.set()

    thread = threading.Thread(target=follow)
    thread.start()
    first.wait()
    log.write(b"later\n")
    log.end(Outcome("train", "cmd", 0))
    thread.join()
    assert b"".join(read) == log.path.read_bytes()


@pytest.mark.parametrize("stage", ["train", "train@cnn-0.1", "a+b=c", "0"])
def test_plain_addresses_are_their_own_folder(stage):
    assert folder_name(stage) == stage


addresses = st.text(min_size=1, max_size=300)


@given(addresses, addresses)
def test_every_address_has_a_folder_that_any_file_system_can_hold(one, other):
    name = folder_name(one)
    assert len(name.encode()) <= 100
    assert not set(name) & set('/\\:*?"<>|\0') and name not in (".", "..") and name[0] != "."
    if one != other:
        assert name.lower() != folder_name(other).lower()


@given(addresses)
def test_whose_log_it_is_can_be_read_from_it(tmp_path_factory, stage):
    logs = RunLogs(tmp_path_factory.mktemp("logs"))
    if "\n" not in stage and "\r" not in stage:
        found = run_logs.heading(write(logs, stage))
        assert (found.stage, found.began, found.attempt) == (stage, "2023-11-14 22:13:20", 1)
