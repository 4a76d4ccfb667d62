"""Slots of a resource are the machine's: processes in all worktrees of a clone share them."""

import json
import os
import signal
import subprocess
from select import select

import pytest
from support.repo import launcher

from git_mlvc.errors import StoreLocked
from git_mlvc.fs.lock import FileLock

LIMIT_S = 60
STAGES = """\
[stage.train]
cmd = "sh train.sh"
deps = ["train.sh"]
params = ["n"]
outs = ["slot"]
always = true
resources = {gpu = 1}
"""
TRAIN = """\
exec 2> /dev/null  # nobody reads it when repro is killed
trap 'echo stopping $MLVC_SLOT_GPU > $PIPES/began; read line < $PIPES/stop; exit 1' TERM
echo $MLVC_SLOT_GPU > slot
echo $PWD $MLVC_SLOT_GPU > $PIPES/began
read line < $PIPES/go & wait $!
"""


class Lab:
    """A stage that says where it runs and with which slot, and then waits for a line."""

    def __init__(self, machine):
        pipes = machine.root / "pipes"
        pipes.mkdir()
        machine.extra_env["PIPES"] = str(pipes)
        files = {"mlvc.toml": STAGES, "train.sh": TRAIN, "params.toml": "n = 0\n"}
        self.repo = machine.init().write({name: text.encode() for name, text in files.items()})
        self.repo.add().commit("pipeline")
        self.processes = []
        self.fds = []
        for name in ("began", "go", "stop"):
            os.mkfifo(pipes / name)
            self.fds.append(
                os.open(pipes / name, os.O_RDWR)
            )  # what is written waits for its reader

    def worktree(self, name):
        place = self.repo.machine.root / name
        self.repo.git("worktree", "add", "-q", place)
        return place

    def start(self, *words, place=None):
        process = subprocess.Popen(
            [launcher(), *words],
            cwd=place or self.repo.path,
            env=self.repo.machine.env(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.processes.append(process)
        return process

    def began(self):
        """Wait for a stage to begin; return the name of its worktree and its slot."""
        line = b""
        while not line.endswith(b"\n"):
            assert select([self.fds[0]], [], [], LIMIT_S)[0], "no stage began"
            line += os.read(self.fds[0], 1)
        place, slot = line.decode().split()
        return place.rpartition("/")[2], slot

    def let_go(self, count=1):
        os.write(self.fds[1], b"go\n" * count)

    def let_stop(self):
        os.write(self.fds[2], b"stop\n")


@pytest.fixture
def lab(machine):
    made = Lab(machine)
    made.repo.git("config", "mlvc.resources.gpu", "2")
    yield made
    for process in made.processes:
        process.kill()
        process.communicate()
    for fd in made.fds:
        os.close(fd)


def told(*processes):
    """Wait until one of them says what it waits for; return the line."""
    lines = dict.fromkeys([process.stderr.fileno() for process in processes], b"")
    while ready := select(list(lines), [], [], LIMIT_S)[0]:
        for fd in ready:
            lines[fd] += (byte := os.read(fd, 1))
            assert byte, "it ended without waiting"
            if lines[fd].endswith(b"\n"):
                if b"waits for" in lines[fd]:
                    return lines[fd].decode()
                lines[fd] = b""
    raise AssertionError("nobody waits")


def test_worktrees_share_them_and_whoever_is_killed_gives_them_back(lab):
    first, second = lab.start("repro"), lab.start("repro", place=lab.worktree("second"))
    running = dict([lab.began(), lab.began()])
    assert sorted(running) == ["repo", "second"] and sorted(running.values()) == ["0", "1"]

    third = lab.start("exp", "run", "--in-place", place=lab.worktree("third"))
    said = told(third)
    for process, place in ((first, "repo"), (second, "second")):
        assert f"process {process.pid} runs train in {lab.repo.machine.root / place}" in said
    fourth = lab.start("repro", place=lab.worktree("fourth"))
    assert "waits for gpu" in told(fourth)
    fourth.send_signal(signal.SIGINT)
    fourth.communicate()
    assert fourth.returncode == 130

    (lock,) = (lab.repo.store / "slots").glob(f"{second.pid}-*.lock")
    second.kill()
    assert lab.began() == ("stopping", running["second"])
    with pytest.raises(StoreLocked):  # its stage still uses it
        FileLock(lock, timeout_s=0).acquire()
    lab.let_stop()
    assert lab.began() == ("third", running["second"])
    lab.let_go(2)
    for process in (first, third):
        _, said = process.communicate()
        assert process.returncode == 0, said
    assert [path.name for path in (lab.repo.store / "slots").iterdir()] == ["lock"]


def test_experiments_of_a_sweep_run_at_once_as_far_as_there_are_slots(lab):
    sweep = lab.start("exp", "run", "-S", "n=1,2,3", "-j", "3", "--name", "s")
    running = dict([lab.began(), lab.began()])
    assert sorted(running.values()) == ["0", "1"]
    (third,) = {"s-1", "s-2", "s-3"} - running.keys()
    said = told(sweep)
    assert said.startswith(f"{third}: train waits for gpu: process")
    assert all(f" runs train in experiment {name}" in said for name in running)
    listed = json.loads(lab.repo.mlvc("exp", "status", "--json").out)["experiments"]
    assert {one["name"]: one["waits"] for one in listed}[third] == "train waits for gpu"
    refused = lab.repo.mlvc("exp", "logs", third, check=False)
    assert refused.refused_because("train waits for gpu")
    lab.let_go(3)
    assert lab.began()[0] == third
    _, said = sweep.communicate()
    assert sweep.returncode == 0 and b"waits for" not in said, said


def test_what_another_experiment_makes_while_one_waits_for_its_slot_is_not_made_twice(lab):
    """Two workers of the queue, one slot, and a stage that reads none of what they vary."""
    stages = STAGES.replace("always = true\n", "").replace('["n"]', "[]")
    lab.repo.write({"mlvc.toml": stages.encode()})
    lab.repo.git("config", "mlvc.resources.gpu", "1")
    lab.repo.mlvc("exp", "run", "--queue", "-S", "n=1,2", "--name", "q")
    workers = [lab.start("exp", "start", "--foreground") for _ in range(2)]
    first, slot = lab.began()
    (other,) = {"q-1", "q-2"} - {first}
    assert slot == "0" and told(*workers).startswith(f"{other}: train waits for gpu: process")
    lab.let_go()
    said = [worker.communicate() for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], said
    assert any(f"{other}: done" in err.decode() and b"earlier runs" in err for _, err in said)
