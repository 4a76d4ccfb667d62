"""Whatever ends us, nothing that we started runs on, and no lock is free before that."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from git_mlvc.errors import StoreLocked
from git_mlvc.fs.lock import FileLock

RUNNER = """
import os, sys
from pathlib import Path
from git_mlvc.fs.lock import FileLock
from git_mlvc.pipeline.running.executor import Executor, Place
from git_mlvc.pipeline.model import Stage
from git_mlvc.pipeline.running.run_logs import RunLogs

class Says:
    tick_s = None
    def started(self, stage, attempt, log): pass
    def output(self, stage, data): os.write(1, data)
    def remark(self, stage, text): os.write(1, f"remark {text}\\n".encode())
    def ended(self, stage, outcome): pass

top = Path(sys.argv[1])
place = Place(top, {"PATH": os.environ["PATH"]}, RunLogs(top / "logs"))
with FileLock(top / "lock", timeout_s=5) as lock:
    with Executor(place, Says(), held_fds=lambda: (lock.fileno(),)) as executor:
        with executor.stopping_on_signals():
            outcome = executor.run(Stage("s", "s", (sys.argv[2],)))
            print("outcome", outcome.was_interrupted, outcome.returncode, flush=True)
"""


class Runner:
    """A process that runs one stage in a group of its own, as a shell starts it."""

    def __init__(self, top: Path, command: str):
        self.top = top
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUNNER, top, command],
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            process_group=0,
        )

    def line(self) -> str:
        return self.process.stdout.readline().rstrip("\n")

    def signal(self, number: int) -> None:
        """As the terminal does: to the whole group that is in its foreground."""
        os.killpg(self.process.pid, number)

    def is_running_after(self, seconds: float) -> bool:
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return True
        return False

    def rest(self) -> list[str]:
        said, _ = self.process.communicate()
        return said.splitlines()


def state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


def runs(pid: int) -> bool:
    return state(pid) not in "ZX"


# The shell waits for its child, so that two processes have to go.
TWO = "sleep 1000 & echo $!; echo $$; wait"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_us_stops_the_stage_first(tmp_path, number):
    runner = Runner(tmp_path, TWO)
    pids = [int(runner.line()), int(runner.line())]
    runner.signal(number)
    assert runner.rest() == [
        "remark is being stopped; interrupt again to kill it",
        "outcome True -15",
    ]
    assert not any(map(runs, pids))
    with FileLock(tmp_path / "lock", timeout_s=0):
        pass


def test_a_second_ctrl_c_does_not_wait_for_a_stage_that_ignores_the_first(tmp_path):
    """But the echo of the first, which git sends us when it is between the terminal and us, is none."""
    loop = "while :; do sleep 0.01; done 2>/dev/null"
    runner = Runner(tmp_path, f"trap 'echo heard' TERM; echo $$; {loop}")
    pid = int(runner.line())
    runner.signal(signal.SIGINT)
    runner.signal(signal.SIGINT)
    while runner.line() != "heard":
        pass
    assert runs(pid)
    while runner.is_running_after(0.1):
        runner.signal(signal.SIGINT)
    assert runner.rest()[-1] == "outcome True -9"
    assert not runs(pid)


def test_law_10_killed_in_the_very_moment_of_its_start_a_command_does_not_run_on(tmp_path):
    """The command itself kills us, as the first thing that it does."""
    runner = Runner(tmp_path, "echo $$ > pid; kill -KILL $PPID; exec sleep 1000")
    assert runner.rest() == []
    with FileLock(tmp_path / "lock", timeout_s=60):
        assert not runs(int((tmp_path / "pid").read_text()))


def test_law_10_killed_ourselves_what_we_started_is_stopped_before_the_lock_is_free(tmp_path):
    os.mkfifo(tmp_path / "go")
    runner = Runner(tmp_path, f"trap 'read x < {tmp_path}/go; exit' TERM; echo $$; {TWO}")
    pids = [int(runner.line()) for _ in range(3)]
    runner.process.kill()
    runner.process.wait()
    with pytest.raises(StoreLocked):  # the stage still writes something before it ends
        FileLock(tmp_path / "lock", timeout_s=0).acquire()
    assert runs(pids[0])
    (tmp_path / "go").write_text("on\n")
    with FileLock(tmp_path / "lock", timeout_s=60):
        assert not any(map(runs, pids))
    runner.process.stdout.close()


def test_a_stopped_job_stops_its_stages_and_goes_on_with_them(tmp_path):
    os.mkfifo(tmp_path / "go")
    runner = Runner(tmp_path, "echo $$; read x < go; echo $x")
    pid = int(runner.line())
    runner.signal(signal.SIGTSTP)
    os.waitid(os.P_PID, runner.process.pid, os.WSTOPPED)
    while state(pid) != "T":  # it has been told; the kernel takes a moment
        os.sched_yield()
    runner.signal(signal.SIGCONT)
    (tmp_path / "go").write_text("on\n")
    assert runner.rest() == ["on", "outcome False 0"]
