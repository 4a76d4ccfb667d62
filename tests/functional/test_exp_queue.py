"""Sweeps and the queue of experiments, through the real command line; stages are shell one-liners.

A stage that finds a FIFO named after its rate in the directory of gates waits there until a test opens it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from support.one_process import answers
from support.repo import Machine, Repo

LIMIT_S = 60
STAGES = """\
[stage.train]
cmd = "sh train.sh"
deps = ["train.sh"]
params = ["train.lr", "seed"]
metrics = ["metrics.json"]
"""
TRAIN = """\
rate=$(sed -n 's/^lr = //p' params.toml)
echo "trains with $rate"
echo "{\\"acc\\": $rate}" > metrics.json
if test -e "$GATES/gc"; then rm "$GATES/gc"; git add -A; git gc -q --prune=now; fi
test ! -p "$GATES/$rate" || read -r line < "$GATES/$rate"
echo "trained with $rate"
test "$rate" != 9.0
"""
PARAMS = 'seed = 1\nkind = "plain"\n[train]\nlr = 0.5\n'


@pytest.fixture
def lab(machine: Machine) -> Iterator[Repo]:
    """A pipeline that is committed; whatever a test starts there is ended with it."""
    gates = machine.root / "gates"
    gates.mkdir()
    machine.extra_env["GATES"] = str(gates)
    repo = machine.init().write(
        {"mlvc.toml": STAGES.encode(), "train.sh": TRAIN.encode(), "params.toml": PARAMS.encode()}
    )
    repo.add().commit("pipeline")
    yield repo
    for worker in status(repo)["workers"] if started(repo) else ():
        with suppress(ProcessLookupError):
            os.kill(worker["process"], signal.SIGKILL)


@pytest.fixture
def start(lab: Repo) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    begun: list[subprocess.Popen[bytes]] = []

    def begin(*words: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            ["git-mlvc", *words],
            cwd=lab.path,
            env=lab.machine.env(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        begun.append(process)
        return process

    yield begin
    for process in begun:
        process.kill()
        process.communicate()


def until(condition: Callable[[], object], what: str = "") -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def shut(repo: Repo, *rates: str) -> None:
    for rate in rates:
        os.mkfifo(repo.machine.root / "gates" / rate)


class Waiting:
    """Stages that stand before their gates."""

    def __init__(self, repo: Repo, *rates: str) -> None:
        self.gates = [repo.machine.root / "gates" / rate for rate in rates]
        self.held = [_entered(gate) for gate in self.gates]

    def let_go(self) -> None:
        for gate, fd in zip(self.gates, self.held, strict=True):
            gate.unlink()
            os.close(fd)

    def is_gone(self) -> bool:
        """True if nobody reads from any of them any more."""
        for gate in self.gates:
            with suppress(OSError):
                os.close(os.open(gate, os.O_WRONLY | os.O_NONBLOCK))
                return False
        return True


def _entered(gate: Path) -> int:
    """Return a descriptor of the gate, once a stage waits there."""
    found: list[int] = []

    def enter() -> bool:
        with suppress(OSError):
            found.append(os.open(gate, os.O_WRONLY | os.O_NONBLOCK))
        return bool(found)

    until(enter, f"nobody came to {gate.name}")
    return found[0]


def experiments(repo: Repo) -> list[str]:
    return repo.text("for-each-ref", "--format=%(refname:lstrip=3)", "refs/mlvc/exp/").split()


def held(repo: Repo) -> list[str]:
    return repo.text("for-each-ref", "--format=%(refname:lstrip=3)", "refs/mlvc/queue/").split()


def swept(repo: Repo) -> list[str]:
    """Return what sweeps hold."""
    files = [path.name for path in (repo.store / "exp" / "sweeps").glob("*")]
    return files + repo.text("for-each-ref", "refs/mlvc/sweep/").splitlines()


def left_behind(repo: Repo) -> list[str]:
    """Return worktrees, claims and workers that are still there."""
    home = repo.store / "exp"
    found = [
        str(path) for part in ("work", "owners", "workers") for path in (home / part).glob("*")
    ]
    return found + repo.text("worktree", "list").splitlines()[1:]


def started(repo: Repo) -> list[Path]:
    """Return the files of workers that are at work or were killed."""
    return [path for path in (repo.store / "exp" / "workers").glob("*") if path.suffix != ".log"]


def status(repo: Repo) -> dict:
    return json.loads(repo.mlvc("exp", "status", "--json", tick=False).out)


def phases(repo: Repo) -> dict[str, str]:
    return {one["name"]: one["state"] for one in status(repo)["experiments"]}


def message(repo: Repo, name: str) -> str:
    return repo.text("log", "-1", "--format=%B", f"refs/mlvc/exp/{name}")


def test_a_grid_is_made_and_the_same_command_line_makes_nothing_twice(lab: Repo) -> None:
    lab.write({"notes.txt": b"mine\n"})
    before = lab.snapshot()
    grid = ["exp", "run", "-S", "lr=0.1,0.2", "-S", "seed=range(2)", "--name", "g"]
    done = lab.mlvc(*grid, "-S", "kind=odd", "-j", "2", "-m", "all of it")
    assert experiments(lab) == ["g-1", "g-2", "g-3", "g-4"]
    assert "sweep g: 4 experiments, all new" in done.out
    assert "g-2: runs (kind=odd lr=0.1 seed=1)" in done.err
    assert lab.snapshot() == before and left_behind(lab) == [] and phases(lab) == {}
    assert lab.blob("refs/mlvc/exp/g-3:metrics.json") == b'{"acc": 0.2}\n'
    assert lab.blob("refs/mlvc/exp/g-3:notes.txt") == b"mine\n"
    sweeps = {
        line
        for name in experiments(lab)
        for line in message(lab, name).splitlines()
        if "Sweep" in line
    }
    assert len(sweeps) == 1 and message(lab, "g-1").startswith("all of it\n")

    lab.git("update-ref", "-d", "refs/mlvc/exp/g-2")
    again = json.loads(lab.mlvc(*grid, "-S", "kind=odd", "-m", "all of it", "--json").out)
    assert [(one["name"], one["was_there"]) for one in again["experiments"]] == [
        ("g-1", True), ("g-3", True), ("g-4", True), ("g-2", False),
    ] or [one["name"] for one in again["experiments"]][:1] == ["g-1"]  # fmt: skip
    assert experiments(lab) == ["g-1", "g-2", "g-3", "g-4"]
    assert "Mlvc-Stages" not in message(lab, "g-2"), "it came from the run cache"
    taken = lab.fails("mlvc", "exp", "run", "-S", "lr=0.1,0.3", "--name", "g")
    assert "g-…" in taken.err


def test_a_point_that_fails_does_not_stop_the_others_and_its_log_stays(lab: Repo) -> None:
    # What they are made of stands nowhere else, and the first one has git collect what nothing names.
    lab.write({"notes.txt": b"mine\n"})
    (lab.machine.root / "gates" / "gc").touch()
    done = lab.mlvc("exp", "run", "-S", "lr=0.1,9,0.2", "--name", "f", check=False)
    assert done.returncode == 9
    assert "1 of 3 experiments failed" in done.err and "f-2" in done.err
    assert "'f-2' is failed" in lab.fails("mlvc", "exp", "apply", "f-2").err
    assert experiments(lab) == ["f-1", "f-3"] and left_behind(lab) == []
    assert lab.blob("refs/mlvc/exp/f-3:notes.txt") == b"mine\n" and swept(lab) == []
    assert phases(lab) == {"f-2": "failed"}
    assert "trained with 9.0" in lab.mlvc("exp", "logs", "f-2").out
    assert "exit code 1" in lab.mlvc("exp", "logs", "f-2", "--json").out
    unknown = lab.fails("mlvc", "exp", "logs", "f-5")
    assert "there is no experiment 'f-5'" in unknown.err and "did you mean" in unknown.err


def test_samples_are_drawn_without_repetition_and_bad_input_is_told(lab: Repo) -> None:
    lab.mlvc("exp", "run", "-S", "lr=uniform(0.1,0.4)", "--random", "1", "--name", "r")
    lab.mlvc("exp", "run", "-S", "lr=uniform(0.1,0.4)", "--random", "2")  # the same, and one more
    assert experiments(lab) == ["r-1", "r-2"]
    rates = {lab.blob(f"refs/mlvc/exp/r-{at}:metrics.json") for at in (1, 2)}
    assert len(rates) == 2
    wrong = (
        (["-S", "lr=uniform(0,1)"], "--random N"),
        (["-S", "lr=0.1", "--random", "3"], "more than one value"),
        (["-S", "lr=0.1,0.2", "--optuna", "3"], "--maximize METRIC"),
        (["-S", "lr=0.1,x"], "train.lr"),
        (["-S", "lr=0.1,0.2", "--in-place"], "several"),
        (["-S", "rl=0.1,0.2"], "there is no parameter 'rl'"),
        (["-S", "lr=0.1,0.2", "--queue", "-j", "2"], "exp start -j 2"),
    )
    refusals = answers(lab, *(["exp", "run", *words] for words, _ in wrong))
    for refused, (_, said) in zip(refusals, wrong, strict=True):
        assert refused.returncode == 2 and said in refused.err, refused
    assert len(experiments(lab)) == 2 and phases(lab) == {}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "killed"])
def test_an_interrupted_sweep_leaves_no_worktree_and_goes_on(
    lab: Repo, start: Callable[..., subprocess.Popen[bytes]], number: int
) -> None:
    sweep = ["exp", "run", "-S", "lr=0.1,0.2,0.3", "-j", "2"]
    shut(lab, "0.2", "0.3")
    process = start(*sweep)
    waiting = Waiting(lab, "0.2", "0.3")  # two at a time
    process.send_signal(number)
    _, said = process.communicate(timeout=LIMIT_S)
    if number == signal.SIGINT:
        assert process.returncode == 130, said
        assert b"the same command line goes on" in said
        assert swept(lab) == []
    else:
        assert len(swept(lab)) == 2 and "sweep" not in lab.text("branch", "-a")
    until(lambda: not left_behind(lab), "something was left")
    assert waiting.is_gone() and not lab.mlvc("exp", "list").err and swept(lab) == []
    names = experiments(lab)
    assert len(names) == 1
    assert sorted(phases(lab).values()) == ["interrupted", "interrupted"]
    waiting.let_go()
    done = lab.mlvc(*sweep)
    stem = names[0].rpartition("-")[0]
    assert f"sweep {stem}: 3 experiments, 2 of them new" in done.out
    assert experiments(lab) == [f"{stem}-{at}" for at in (1, 2, 3)]
    assert phases(lab) == {}


def test_what_is_queued_is_as_it_was_and_two_workers_make_it(
    lab: Repo, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    lab.write({"train.sh": (TRAIN + "# not committed\n").encode()})
    queued = lab.mlvc("exp", "run", "--queue", "-S", "lr=0.1,0.2", "--name", "q")
    assert "2 experiments are queued: q-1 to q-2" in queued.out
    lab.mlvc("exp", "run", "--queue", "-S", "lr=0.3", "--name", "single")
    same = lab.mlvc("exp", "run", "--queue", "-S", "lr=0.3")
    assert "single is equal to this and is queued already" in same.out
    assert "q-1" in lab.fails("mlvc", "exp", "run", "-S", "lr=0.4", "--name", "q-1").err
    assert "nothing new" in lab.mlvc("exp", "run", "--queue", "-S", "lr=0.1,0.2", "--name", "q").out
    listed = json.loads(lab.mlvc("exp", "queue", "--json").out)["experiments"]
    assert [one["name"] for one in listed] == ["q-1", "q-2", "single"] == held(lab)
    lab.write({"train.sh": b"exit 1\n", "params.toml": PARAMS.replace("plain", "odd").encode()})
    lab.git("gc", "-q", "--prune=now")

    shut(lab, "0.1", "0.2")
    assert "2 workers started" in lab.mlvc("exp", "start", "-j", "2").out
    waiting = Waiting(lab, "0.1", "0.2")  # both run
    assert "no further worker" in lab.mlvc("exp", "start", "-j", "2").out
    assert phases(lab) == {"q-1": "running", "q-2": "running", "single": "queued"}
    assert [one["experiment"] for one in status(lab)["workers"]] != [None, None]
    followed = [start("exp", "logs", name, "-f") for name in ("q-1", "single")]
    assert followed[0].stdout.readline().startswith(b"# git mlvc: train began")
    waiting.let_go()
    for process, rate in zip(followed, ("0.1", "0.3"), strict=True):
        said, told = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 0, told
        assert f"trained with {rate}\n# git mlvc: ended with exit code 0".encode() in said
    until(lambda: not left_behind(lab), "workers stayed")
    assert experiments(lab) == ["q-1", "q-2", "single"]
    assert held(lab) == [] and status(lab)["experiments"] == []
    assert lab.blob("refs/mlvc/exp/q-1:train.sh").endswith(b"# not committed\n")
    assert b"plain" in lab.blob("refs/mlvc/exp/q-2:params.toml")
    assert "Mlvc-Changed: train.sh" in message(lab, "q-2")
    assert "nothing is queued" in lab.mlvc("exp", "start").out


def test_what_a_killed_worker_ran_is_interrupted_and_can_be_started_again(lab: Repo) -> None:
    lab.mlvc("exp", "run", "--queue", "-S", "lr=0.1,9,0.2", "--name", "k")
    shut(lab, "0.1")
    lab.mlvc("exp", "start")
    waiting = Waiting(lab, "0.1")
    os.kill(status(lab)["workers"][0]["process"], signal.SIGKILL)
    until(lambda: phases(lab)["k-1"] == "interrupted")
    assert status(lab)["workers"] == [] and held(lab) == ["k-1", "k-2", "k-3"]
    until(waiting.is_gone, "the stage runs on")
    waiting.let_go()
    assert "queued again: k-1" in lab.mlvc("exp", "start").err
    until(lambda: experiments(lab) == ["k-1", "k-3"] and not started(lab), "not all were made")
    assert phases(lab) == {"k-2": "failed"} and status(lab)["workers"] == []
    assert held(lab) == []  # what failed leaves its log only
    assert {path.suffix for path in (lab.store / "exp" / "workers").iterdir()} == {".log"}

    again = lab.mlvc("exp", "run", "--queue", "-S", "lr=0.1,9,0.2", "--name", "k")
    assert "experiment k-2 is queued" in again.out and "k-1, k-3" in again.err
    lab.mlvc("exp", "stop", "k-2")
    assert phases(lab) == {} and held(lab) == []


def test_workers_stop_after_their_experiment_or_at_once_or_give_up_one(lab: Repo) -> None:
    lab.mlvc("exp", "run", "--queue", "-S", "lr=0.1,0.2,0.3,0.4", "--name", "s")
    shut(lab, "0.1", "0.2", "0.3")
    assert "no worker is at work" in lab.mlvc("exp", "stop").out

    lab.mlvc("exp", "start")
    first = Waiting(lab, "0.1")
    assert "1 worker will stop after s-1" in lab.mlvc("exp", "stop").out
    first.let_go()
    until(lambda: not left_behind(lab), "the worker stayed")
    assert experiments(lab) == ["s-1"] and set(phases(lab).values()) == {"queued"}

    lab.mlvc("exp", "start")
    second = Waiting(lab, "0.2")
    assert "s-2" in lab.mlvc("exp", "stop", "--now").out
    until(lambda: not left_behind(lab), "the worker stayed")
    assert second.is_gone()
    assert phases(lab) == {"s-2": "interrupted", "s-3": "queued", "s-4": "queued"}
    assert "trains with 0.2" in lab.mlvc("exp", "logs", "s-2").out

    second.let_go()
    assert "s-4 is out of the queue" in lab.mlvc("exp", "stop", "s-4").out
    lab.mlvc("exp", "start")  # s-3 was queued before s-2 was interrupted
    third = Waiting(lab, "0.3")
    assert "s-3 is interrupted" in lab.mlvc("exp", "stop", "s-3").out
    until(lambda: experiments(lab) == ["s-1", "s-2"], "the worker did not go on")
    until(lambda: not left_behind(lab), "the worker stayed")
    assert third.is_gone() and phases(lab) == {"s-3": "interrupted"} and held(lab) == []
    assert "does not run" in lab.fails("mlvc", "exp", "stop", "s-3").err
    assert "nothing is queued" in lab.mlvc("exp", "start").out
    assert "no experiment 's-9'" in lab.fails("mlvc", "exp", "stop", "s-9").err


def test_optuna_searches_and_goes_on_from_the_experiments_that_are_there(lab: Repo) -> None:
    pytest.importorskip("optuna", reason="the extra git-mlvc[optuna] is not installed")
    search = ["exp", "run", "-S", "lr=loguniform(0.001,1)", "-S", "kind=plain,odd"]
    lab.mlvc(*search, "--optuna", "1", "--maximize", "metrics.acc", "--name", "o")
    done = lab.mlvc(*search, "--optuna", "2", "--maximize", "metrics.acc")
    assert experiments(lab) == ["o-1", "o-2"]
    assert "o-2" in done.err and "o-1: runs" not in done.err
    wrong = lab.mlvc(*search, "--optuna", "1", "--minimize", "loss", check=False)
    assert wrong.returncode == 2 and "there is no metric 'loss'" in wrong.err
    assert left_behind(lab) == []
