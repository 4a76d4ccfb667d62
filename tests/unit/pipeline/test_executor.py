"""Stages run in a shell, with what they are told, and nothing of theirs runs on afterwards. Real processes."""

import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from git_mlvc.pipeline.model import Stage
from git_mlvc.pipeline.running.executor import Executor, Place, last_lines
from git_mlvc.pipeline.running.run_logs import RunLogs
from git_mlvc.repo_path import RepoPath

PYTHON = sys.executable


class Seen:
    """A watcher that remembers."""

    tick_s = None

    def __init__(self):
        self.told = []
        self.data = {}
        self.remarks = []

    def started(self, stage, attempt, log):
        self.told.append(("started", stage))

    def output(self, stage, data):
        self.data.setdefault(stage, bytearray()).extend(data)

    def remark(self, stage, text):
        self.remarks.append(text)

    def ended(self, stage, outcome):
        self.told.append(("ended", stage))

    def tick(self):
        pass


@pytest.fixture
def seen():
    return Seen()


@pytest.fixture
def place(tmp_path):
    top = tmp_path / "top"
    top.mkdir()
    return Place(top, {"PATH": os.environ["PATH"]}, RunLogs(tmp_path / "logs"))


@pytest.fixture
def executor(place, seen):
    with Executor(place, seen) as made:
        yield made


def stage(*commands, name="s", **fields):
    return Stage(name, name, commands, **fields)


def body(log):
    """What the stage itself wrote."""
    lines = log.read_bytes().splitlines(keepends=True)
    return b"".join(line for line in lines if not line.startswith((b"# git mlvc: ", b"# $ ")))


# -- how it ends


@pytest.mark.parametrize(
    ("command", "returncode", "number"),
    [
        ("true", 0, None),
        ("exit 3", 3, None),
        ("kill -KILL $$", -9, 9),
        ("sh -c 'kill -KILL $$'; exit $?", 137, 9),
        ("no-such-program-anywhere", 127, None),
        ("./not-executable", 126, None),
    ],
)
def test_the_outcome_says_how_the_command_ended(executor, place, command, returncode, number):
    (place.top / "not-executable").write_text("#!/bin/sh\n")
    outcome = executor.run(stage(command))
    assert (outcome.returncode, outcome.signal) == (returncode, number)
    assert outcome.is_ok == (returncode == 0)
    assert outcome.command == command


def test_commands_run_in_order_and_stop_at_the_first_that_fails(executor, seen):
    outcome = executor.run(stage("echo one", "echo two; exit 4", "echo three"))
    assert (outcome.returncode, outcome.command) == (4, "echo two; exit 4")
    assert seen.data["s"] == b"one\ntwo\n"
    assert seen.told == [("started", "s"), ("ended", "s")]


def test_each_command_has_a_shell_of_its_own(executor, seen):
    assert executor.run(stage("X=1; cd /", "echo ${X-unset}; pwd | grep -c top")).is_ok
    assert seen.data["s"] == b"unset\n1\n"


def test_a_command_is_read_as_the_shell_reads_it(executor, seen):
    """Comments, several lines, here-documents; and its errors have the command's own line numbers."""
    text = "# a comment\ncat <<END\n$0 $# $-\nEND\n"
    assert executor.run(stage(text, "")).is_ok
    assert seen.data["s"] == subprocess.check_output(["/bin/sh", "-c", text])
    broken = executor.run(stage("echo )", name="b")), executor.run(stage("\n\nnone", name="c"))
    assert [outcome.returncode for outcome in broken] == [2, 127]
    expected = [
        subprocess.run(["/bin/sh", "-c", command], stderr=subprocess.PIPE).stderr
        for command in ("echo )", "\n\nnone")
    ]
    assert [seen.data["b"], seen.data["c"]] == expected


def test_a_place_that_is_not_there_is_told(executor):
    outcome = executor.run(stage("true", wdir=RepoPath.parse("gone")))
    assert not outcome.is_ok
    assert outcome.not_started.endswith("gone: No such file or directory")
    assert not executor.run(stage("true\0")).is_ok


# -- what it finds


def test_a_stage_is_told_its_name_its_root_its_item_and_its_slots(place):
    (place.top / "sub").mkdir()
    told = f"{PYTHON} -c 'import json, os; print(json.dumps([dict(os.environ), os.getcwd()]))'"
    train = stage(
        told,
        name="sub:train@cnn-0.1",
        wdir=RepoPath.parse("sub"),
        env={"SEED": "ü7", "MLVC_STAGE": "forged"},
        item={"model": "cnn", "learning rate": "0.1", "": "plain"},
    )
    seen = Seen()
    with Executor(place, seen) as executor:
        assert executor.run(train, {"gpu": (0, 2), "big-disk": (1,)}).is_ok
    env, cwd = json.loads(seen.data[train.address])
    assert cwd == str(place.top / "sub")
    assert env["MLVC_STAGE"] == "sub:train@cnn-0.1"
    assert env["MLVC_ROOT"] == str(place.top)
    assert env["SEED"] == "ü7"
    assert (env["MLVC_ITEM_MODEL"], env["MLVC_ITEM_LEARNING_RATE"]) == ("cnn", "0.1")
    assert env["MLVC_ITEM"] == "plain"
    assert (env["MLVC_SLOT_GPU"], env["MLVC_SLOT_BIG_DISK"]) == ("0,2", "1")


def test_standard_input_is_empty(executor, seen):
    assert executor.run(stage("cat; echo end")).is_ok
    assert seen.data["s"] == b"end\n"


# -- what it writes


def test_all_bytes_reach_the_watcher_and_the_log_in_the_order_they_came(executor, seen, place):
    code = "import os\nfor n in range(256):\n    os.write(1 + n % 2, bytes([n]) * 41_000)\n"
    (place.top / "write.py").write_text(code)
    outcome = executor.run(stage(f"{PYTHON} write.py"))
    expected = b"".join(bytes([n]) * 41_000 for n in range(256))
    assert seen.data["s"] == expected
    assert expected in outcome.log.read_bytes()


def test_the_log_begins_with_the_command_and_ends_with_how_it_ended(executor):
    outcome = executor.run(stage("printf 'no newline'", "exit 5"))
    lines = outcome.log.read_text().splitlines()
    assert lines[0].startswith("# git mlvc: s began at 2")
    assert lines[1:3] == ["# $ printf 'no newline'", "# $ exit 5"]
    assert lines[3] == "no newline"
    assert lines[4].startswith("# git mlvc: ended with exit code 5 after 0.")


def test_the_tail_is_what_a_terminal_would_show(executor):
    outcome = executor.run(stage(r"seq 100; printf ' 10%%\r 50%%\r100%%\nÜ\n\n'"))
    assert outcome.tail[-3:] == ("100", "100%", "Ü")
    assert len(outcome.tail) == 20


def test_last_lines_survive_bytes_that_are_no_text():
    assert last_lines(b"\xff\xfe\r\nlast\r") == ("��", "last")
    assert last_lines(b"") == ()


def test_a_log_that_cannot_be_written_does_not_stop_the_stage(place, seen):
    place.logs._folder.write_text("a file where the folder should be")
    with Executor(place, seen) as executor:
        outcome = executor.run(stage("echo fine"))
    assert outcome.is_ok
    assert outcome.log is None
    assert seen.data["s"] == b"fine\n"
    assert seen.remarks == ["has no log: Not a directory"]


# -- several at once


def test_stages_that_run_at_once_wait_for_each_other_and_keep_their_output_apart(place, seen):
    """Each says something, then waits until all three have; one after the other they would wait for ever."""
    for name in "abc":
        os.mkfifo(place.top / name)
    with Executor(place, seen) as executor, ThreadPoolExecutor(3) as threads:
        ring = {"a": "b", "b": "c", "c": "a"}
        stages = [
            stage(f"printf {me}; (echo x > {me}) & cat {other} | tr x {me}; wait", name=me)
            for me, other in ring.items()
        ]
        outcomes = list(threads.map(executor.run, stages))
    assert [outcome.is_ok for outcome in outcomes] == [True] * 3
    assert seen.data == {name: f"{name}{name}\n".encode() for name in "abc"}
    assert all(body(o.log) == seen.data[o.stage] for o in outcomes)


# -- how it is stopped


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_stage_that_takes_too_long_is_stopped_with_all_it_started(executor, seen):
    outcome = executor.run(stage("sleep 1000 & echo $!; sleep 1000", timeout_s=0.1))
    assert outcome.timed_out
    assert not outcome.is_ok
    assert gone(int(seen.data["s"]))
    assert seen.remarks == ["is being stopped: it runs longer than 0.1 s"]


def test_the_time_limit_is_for_all_commands_together(executor):
    outcome = executor.run(stage("true", "sleep 1000", "true", timeout_s=0.2))
    assert (outcome.timed_out, outcome.command) == (True, "sleep 1000")


def test_what_does_not_heed_sigterm_is_killed(place, monkeypatch):
    monkeypatch.setattr("git_mlvc.pipeline.running.running_job.GRACE_S", 0.1)
    seen = Seen()
    with Executor(place, seen) as executor:
        outcome = executor.run(stage("trap '' TERM; while :; do sleep 1; done", timeout_s=0.1))
    assert outcome.timed_out
    assert outcome.signal == signal.SIGKILL
    assert seen.remarks[-1] == "does not stop by itself: killed"


def test_a_background_process_does_not_keep_a_stage_open(executor, seen):
    outcome = executor.run(stage("sleep 1000 & echo $!"))
    assert outcome.is_ok
    assert gone(int(seen.data["s"]))
    assert seen.remarks == ["left processes running in the background: they are stopped"]
    assert outcome.duration_ms < 1000  # the waiting is not the command's


def test_what_ends_by_itself_soon_after_is_waited_for(executor, seen):
    """As `tee` at the end of a substituted pipe does."""
    assert executor.run(stage("(read x; echo late) < /dev/null & exit 0")).is_ok
    assert seen.data["s"] == b"late\n"
    assert seen.remarks == []


def test_a_daemon_that_left_its_group_is_named_and_not_waited_for(executor, seen):
    outcome = executor.run(stage("setsid sh -c 'echo $$; exec sleep 1000' & sleep 0.1"))
    os.kill(int(seen.data["s"]), signal.SIGKILL)
    assert outcome.is_ok
    assert seen.remarks == ["left a process behind that holds its output: not waited for"]


class StopsAtOutput(Seen):
    """Stops everything as soon as a stage has said so."""

    def __init__(self):
        super().__init__()
        self.stop = None

    def output(self, stage, data):
        super().output(stage, data)
        if b"stop" in data:
            self.stop()


def test_stopping_ends_all_that_runs_and_starts_nothing_more(place):
    seen = StopsAtOutput()
    with Executor(place, seen) as executor, ThreadPoolExecutor(2) as threads:
        seen.stop = executor.stop
        both = [stage("exec sleep 1000", name="a"), stage("echo stop; sleep 1000", name="b")]
        outcomes = list(threads.map(executor.run, both))
        after = executor.run(stage("echo never", name="c"))
    assert [outcome.was_interrupted for outcome in (*outcomes, after)] == [True] * 3
    assert "c" not in seen.data
    assert after.log is None


def test_in_haste_it_does_not_wait(place):
    seen = StopsAtOutput()
    with Executor(place, seen) as executor:
        seen.stop = lambda: (executor.stop(), executor.stop(at_once=True))
        outcome = executor.run(stage("trap '' TERM; echo stop; while :; do sleep 1; done"))
    assert (outcome.was_interrupted, outcome.signal) == (True, signal.SIGKILL)


def test_leaving_ends_what_still_runs(place):
    seen = Seen()
    started = threading.Event()
    seen.output = lambda stage, data: started.set()
    with ThreadPoolExecutor(1) as threads:
        with Executor(place, seen) as executor:
            future = threads.submit(executor.run, stage("trap '' TERM; echo; sleep 1000"))
            started.wait()
        assert future.result().was_interrupted


# -- where the machine, or our own code, does not play along


def test_without_pidfds_ends_are_seen_all_the_same(place, monkeypatch):
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    with Executor(place) as executor:
        assert executor.run(stage("true", "exit 6")).returncode == 6


def test_an_end_that_nobody_can_learn_is_no_success(place):
    """As under a parent that lets the kernel collect all children."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        with Executor(place) as executor:
            lost = executor.run(stage("true"))
            with executor.stopping_on_signals():
                seen = executor.run(stage("true"))
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert (lost.is_ok, lost.returncode) == (False, None)
    assert seen.is_ok


class BreaksAtOnce(Seen):
    def started(self, stage, attempt, log):
        raise RuntimeError("at once")


def test_a_mistake_while_a_stage_is_started_is_told_too(place):
    with Executor(place, BreaksAtOnce()) as executor:
        with pytest.raises(RuntimeError, match="at once"):
            executor.run(stage("true"))
        assert executor.run(stage("true")).was_interrupted


class Breaks(Seen):
    def output(self, stage, data):
        raise RuntimeError(data.decode())


def test_a_mistake_in_who_watches_is_told_and_leaves_nothing_running(place):
    with Executor(place, Breaks()) as executor:
        with pytest.raises(RuntimeError) as caught:
            executor.run(stage("echo $$; exec sleep 1000"))
        assert gone(int(str(caught.value)))
        assert executor.run(stage("true")).was_interrupted
