"""`git mlvc repro`: runs exactly what changed, puts back what was made before, and says so beforehand."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
from support.copied import copied
from support.repo import Machine, Repo, Result, launcher

STAGES = """\
[stage.prepare]
cmd  = "sh src/prepare.sh"
deps = ["src/prepare.sh", "raw.txt"]
outs = ["data/"]

[stage.train]
matrix = {lr = ["0.1", "0.01"]}
cmd     = "sh src/train.sh ${item.lr}"
deps    = ["src/train.sh", "data"]
params  = ["train.seed"]
outs    = ["models/${item.lr}.bin"]

[stage.evaluate]
cmd     = "cat models/*.bin | wc -c | tr -d ' ' > metrics.json; echo evaluate >> ran.log"
deps    = ["models"]
metrics = ["metrics.json"]
"""
SCRIPTS = {
    "mlvc.toml": STAGES.encode(),
    ".gitignore": b"ran.log\n",
    "params.toml": b"[train]\nseed = 1\n",
    "raw.txt": b"one\ntwo\n",
    "src/prepare.sh": b"mkdir -p data; sort raw.txt > data/clean.txt; cp raw.txt data/copy.txt\n"
    b"echo prepare >> ran.log\n",
    "src/train.sh": b"mkdir -p models; (cat params.toml data/*; echo $1 $MLVC_STAGE) > models/$1.bin\n"
    b"echo train-$1 >> ran.log\n",
}


@pytest.fixture
def project(machine: Machine) -> Repo:
    return machine.init().write(SCRIPTS).add().commit("code")


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    machine = Machine(tmp_path_factory.mktemp("made")).install()
    fates(machine.init().write(SCRIPTS).add().commit("code"))
    return machine


@pytest.fixture
def made(made_once: Machine, tmp_path: Path) -> Repo:
    """The project when all of its stages have run once."""
    return copied(made_once, tmp_path / "machine").repo("repo")


def ran(repo: Repo) -> list[str]:
    """Return which stages have run since this was asked last."""
    log = repo.at("ran.log")
    lines = log.read_text().split() if log.exists() else []
    log.unlink(missing_ok=True)
    return lines


def planned(repo: Repo, *words: str) -> dict[str, str]:
    said = repo.mlvc("repro", "--plan", "--json", *words, check=False)
    answer = json.loads(said.out)
    assert answer["kind"] == "repro-plan"
    assert said.returncode == int(answer["has_work"]), said
    return {step["stage"]: step["action"] for step in answer["steps"]}


def fates(repo: Repo, *words: str, code: int = 0) -> dict[str, str]:
    said = repo.mlvc("repro", "--json", *words, check=False)
    assert said.returncode == code, said
    return {end["stage"]: end["fate"] for end in json.loads(said.out)["stages"]}


def edit(repo: Repo, name: str, old: str, new: str) -> None:
    text = repo.read(name).decode()
    assert old in text
    repo.write({name: text.replace(old, new).encode()})


TRAINS = ("train@0.1", "train@0.01")


def test_the_whole_story(project: Repo, machine: Machine) -> None:
    repo = project
    first = planned(repo)
    assert first == {
        "prepare": "run",
        "train@0.1": "depends",
        "train@0.01": "depends",
        "evaluate": "depends",
    }
    said = repo.mlvc("repro", "-j", "2")
    assert ran(repo)[0] == "prepare" and said.out == "stages: 4 ran\n"
    assert "prepare: ran in" in said.err and "(never ran)" in said.err
    made = repo.snapshot()

    # Nothing changed: nothing runs, and nothing looks modified.
    repo.add().commit("made")
    said = repo.mlvc("repro", "--plan")
    assert said.out.endswith("nothing to do\n")
    assert repo.mlvc("repro").out == "nothing to do: 4 stages unchanged\n"
    assert ran(repo) == [] and repo.is_clean()

    # A parameter changes: what depends on it runs, and the plan names it.
    edit(repo, "params.toml", "seed = 1", "seed = 2")
    said = repo.mlvc("repro", "--plan", check=False)
    assert said.returncode == 1
    assert "run      train@0.1   params.toml: train.seed 1 → 2" in said.out
    assert "depends  evaluate" in said.out and "skip     prepare" in said.out
    assert set(fates(repo).values()) == {"unchanged", "ran"}
    assert sorted(set(ran(repo))) == ["evaluate", "train-0.01", "train-0.1"]

    # It changes back: restored. A commit on another branch, and back: restored.
    repo.git("switch", "-qc", "other")
    repo.add().commit("seed 2")
    other = repo.snapshot()
    edit(repo, "params.toml", "seed = 2", "seed = 1")
    assert (
        planned(repo)
        == {
            "prepare": "skip",
            "train@0.1": "restore",
            "train@0.01": "restore",
            "evaluate": "skip",  # as many bytes as before: its out is the same
        }
        or planned(repo)["evaluate"] == "restore"
    )
    assert "ran" not in fates(repo).values()
    assert {n: made[n] for n in made if n != "ran.log"} == repo.snapshot()
    repo.git("checkout", "-q", "--", ".")
    repo.git("switch", "-q", "main")
    assert "nothing to do" in repo.mlvc("repro").out
    repo.git("checkout", "-q", "other", "--", "params.toml")
    assert "ran" not in fates(repo).values()
    assert repo.read("models/0.1.bin") == other["models/0.1.bin"][1]
    assert ran(repo) == []


def test_a_clone_elsewhere_runs_nothing(project: Repo, machine: Machine) -> None:
    repo = project
    repo.set("mlvc.inlineLimit", "1KiB")
    repo.track("models/*.bin", "data/**")
    machine.bare()
    repo.git("remote", "add", "origin", "../origin.git")
    fates(repo)
    first = repo.snapshot()
    repo.add().commit("made")
    edit(repo, "params.toml", "seed = 1", "seed = 2")
    fates(repo)
    repo.add().commit("seed 2")
    repo.git("push", "-q", "origin", "main")

    clone = machine.clone("origin.git", "far")
    assert "work" not in planned(clone).values() and set(planned(clone).values()) == {"skip"}
    said = clone.mlvc("repro", "--pull")
    assert said.out == "nothing to do: 4 stages unchanged\n"
    edit(clone, "params.toml", "seed = 2", "seed = 1")
    assert planned(clone, "--pull")["train@0.1"] == "restore"
    assert planned(clone)["train@0.1"] == "run"
    assert "ran" not in fates(clone, "--pull").values()
    assert ran(clone) == []
    assert clone.read("models/0.1.bin") == first["models/0.1.bin"][1]


def test_a_command_gets_content_where_stubs_stand(machine: Machine) -> None:
    """In a clone that has not fetched: said with the way out, or fetched with --pull."""
    repo = machine.init().set("mlvc.inlineLimit", "1KiB").track("*.bin")
    toml = b'[stage.a]\ncmd = "wc -c < d/in.bin > out"\ndeps = ["d"]\nouts = ["out"]\n'
    repo.write({"mlvc.toml": toml, "d/in.bin": b"x" * 5000}).add().commit("data")
    machine.bare()
    repo.git("remote", "add", "origin", "../origin.git")
    repo.git("push", "-q", "origin", "main")
    machine.config("mlvc.inlineLimit", "1KiB").config("mlvc.skipSmudge", "true")
    clone = machine.clone("origin.git", "far")
    assert clone.stubs() == ["d/in.bin"]
    said = clone.mlvc("repro", check=False)
    assert said.returncode == 9
    assert "stage 'a' needs d/in.bin, whose content is not here" in said.err
    assert "hint: git mlvc repro --pull" in said.err and not clone.has("out")
    tried = clone.mlvc("exp", "run", check=False)
    assert "hint: git mlvc pull, then again" in tried.err
    clone.mlvc("repro", "--pull")
    assert clone.read("out").split() == [b"5000"] and clone.stubs() == []
    assert planned(clone) == {"a": "skip"}


def test_law_11_a_failing_stage_leaves_what_was_there_and_says_all(made: Repo) -> None:
    repo = made
    ran(repo)
    before = repo.read("models/0.1.bin")
    repo.write({"src/train.sh": b"echo almost; echo half > models/$1.bin; exit 7\n"})
    said = repo.mlvc("repro", check=False)
    assert said.returncode == 9
    assert "error: stage 'train@0.1' failed" in said.err
    assert "exit code 7" in said.err and "almost" in said.err
    assert "not run because of it: train@0.01, evaluate" in said.err
    assert str(repo.git_dir / "mlvc" / "logs") in said.err
    assert repo.read("models/0.1.bin") == before

    edit(repo, "raw.txt", "two", "three")
    repo.write({"src/prepare.sh": SCRIPTS["src/prepare.sh"] + b"#\n"})
    said = repo.mlvc("repro", "--keep-going", check=False)
    assert said.err.count("exit code 7") >= 2
    assert "error: 2 stages failed: train@0.1, train@0.01\n" in said.err
    assert "not run because of them: evaluate" in said.err
    ends = fates(repo, "--keep-going", code=9)
    assert ends == {
        "prepare": "unchanged",
        "train@0.1": "failed",
        "train@0.01": "failed",
        "evaluate": "not run",
    }
    repo.write({"src/train.sh": SCRIPTS["src/train.sh"]})
    assert fates(repo)["prepare"] == "unchanged"  # what was done is done


def test_only_what_is_asked_for(project: Repo) -> None:
    repo = project
    assert fates(repo, "train@0.1") == {"prepare": "ran", "train@0.1": "ran"}
    assert fates(repo, "metrics.json")["evaluate"] == "ran"  # by what it makes
    ran(repo)
    assert fates(repo, "--single", "-f", "train") == dict.fromkeys(TRAINS, "ran")
    assert fates(repo, "--downstream", "evaluate") == {"evaluate": "unchanged"}
    edit(repo, "raw.txt", "one", "zero")
    assert fates(repo, "--single", "evaluate") == {"evaluate": "unchanged"}
    assert planned(repo, "--downstream", "train") == {
        **dict.fromkeys(TRAINS, "skip"),
        "evaluate": "skip",
    }
    ran(repo)
    repo.mlvc("freeze", "prepare")
    assert planned(repo, "-f") == {"prepare": "skip", **dict.fromkeys((*TRAINS, "evaluate"), "run")}
    assert planned(repo, "-n", "-s", "-f", "prepare") == {"prepare": "run"}
    repo.mlvc("unfreeze", "prepare")

    # What is there is what it makes, if the user says so.
    repo.write({"models/0.1.bin": b"by hand"})
    assert fates(repo, "--accept", "train@0.1") == {"train@0.1": "accepted"}
    assert planned(repo, "--single", "train@0.1") == {"train@0.1": "skip"}
    assert ran(repo) == []

    held = repo.read("models/0.1.bin")
    repo.remove("models/0.1.bin")
    said = repo.mlvc("repro", "--accept", "train@0.1", check=False)
    assert said.returncode == 10 and "there is no models/0.1.bin" in said.err
    repo.write({"models/0.1.bin": held})
    said = repo.mlvc("repro", "--accept", check=False)
    assert said.returncode == 2 and "needs the names of stages" in said.err
    assert repo.mlvc("repro", "trian", check=False).refused_because("did you mean 'train'?")
    assert repo.mlvc("repro", "--single", check=False).refused_because("needs a stage")


def test_without_the_run_cache_nothing_is_looked_up_or_remembered(project: Repo) -> None:
    repo = project
    fates(repo, "--no-run-cache", "prepare")
    edit(repo, "raw.txt", "one", "zero")
    fates(repo, "prepare")
    edit(repo, "raw.txt", "zero", "one")
    assert fates(repo, "prepare") == {"prepare": "ran"}  # the first was not remembered
    edit(repo, "raw.txt", "one", "zero")
    assert fates(repo, "--no-run-cache", "prepare") == {"prepare": "ran"}
    assert ran(repo) == ["prepare"] * 4


TUNED = """\
[stage.tune]
cmd  = "mkdir -p tuned; sed 's/.*/{\\"lr\\": &}/' in > tuned/p.json; cp in tuned/in"
deps = ["in"]
outs = ["tuned/"]
[stage.train]
cmd    = "cat tuned/p.json > model"
params = ["tuned/p.json:lr"]
outs   = ["model"]
[stage.look]
cmd  = "cat tuned/in > seen"
deps = ["tuned/in"]
outs = ["seen"]
"""


def test_a_plan_reads_params_and_files_of_what_will_be_restored(machine: Machine) -> None:
    repo = machine.init().write({"mlvc.toml": TUNED.encode(), "in": b"1\n"})
    fates(repo)
    first = repo.snapshot()
    repo.write({"in": b"2\n"})
    assert planned(repo) == {"tune": "run", "train": "depends", "look": "depends"}
    fates(repo, "-j", "2")
    assert repo.read("model") == b'{"lr": 2}\n'
    repo.write({"in": b"1\n"})
    said = repo.mlvc("repro", "--plan", check=False)
    assert said.out.splitlines() == [
        "restore  tune   in changed",
        "restore  train  tuned/p.json: lr 2 → 1",
        "restore  look   tuned/in changed",
    ]
    assert set(fates(repo).values()) == {"restored"}
    assert repo.snapshot() == first


PAIR = """\
[stage.one]
cmd  = "echo from one > a; cat b; echo 1 > one"
outs = ["one"]
[stage.two]
cmd  = "cat a; echo from two > b; echo 2 > two"
outs = ["two"]
"""


def test_independent_stages_run_at_once_and_their_lines_are_told_apart(machine: Machine) -> None:
    """Each waits for the other: one at a time they would never end."""
    repo = machine.init().write({"mlvc.toml": PAIR.encode()})
    os.mkfifo(repo.at("a"))
    os.mkfifo(repo.at("b"))
    said = repo.mlvc("repro", "-j", "2")
    assert "[two] from one\n" in said.err and "[one] from two\n" in said.err


def test_law_11_what_somebody_wrote_over_an_out_is_kept_and_named(project: Repo) -> None:
    repo = project
    fates(repo, "prepare")
    made = repo.read("data/clean.txt")
    repo.write({"data/clean.txt": b"two days of work\n"})
    assert repo.mlvc("repro", "--plan", check=False).out.startswith(
        "restore  prepare     data is not what the stage made\n"
    )
    said = repo.mlvc("repro", "prepare")
    assert "prepare: restored" in said.err and said.out == "stages: 1 restored\n"
    assert repo.read("data/clean.txt") == made
    (kept,) = [line for line in said.err.splitlines() if line.startswith("kept ")]
    place = Path(kept.rpartition(": ")[2])
    if place.is_dir():
        place = place / "clean.txt"
    assert place.read_bytes() == b"two days of work\n"

    # How much of that there is is told, and it goes when the user says so, and is that old.
    assert "1 file that stages replaced, 17 B, kept in " in repo.mlvc("status").out
    repo.mlvc("prune", "--replaced-older", "1")
    assert "would delete" in repo.mlvc("prune", "--replaced-older", "0", "--dry-run").out
    assert place.exists()
    gone = json.loads(repo.mlvc("prune", "--replaced-older", "0", "--json").out)["replaced"]
    assert [(one["files"], one["size_bytes"], one["action"]) for one in gone] == [(1, 17, "delete")]
    assert not place.exists()


def test_more_stages_start_no_more_git(made: Repo, tmp_path: Path) -> None:
    def gits(*words: str) -> int:
        trace = tmp_path / "trace"
        made.mlvc("repro", *words, env={"GIT_TRACE": str(trace)})
        lines = trace.read_text().splitlines()
        trace.unlink()
        return sum("built-in: git" in line for line in lines)

    assert gits("-f", "--single", "prepare", "evaluate") == gits("-f")
    assert gits() <= 3


def test_a_sub_directory_has_stages_of_its_own(machine: Machine) -> None:
    repo = machine.init()
    repo.write(
        {
            "mlvc.toml": b'[stage.top]\ncmd = "cp a b"\ndeps = ["a"]\nouts = ["b"]\n',
            "sub/mlvc.toml": b'[stage.train]\ncmd = "cat ../b x > y"\ndeps = ["../b", "x"]\nouts = ["y"]\n',
            "sub/deep/note": b"",
            "a": b"a",
            "sub/x": b"x",
        }
    )
    inside = Repo(repo.path / "sub" / "deep", machine)
    assert fates(inside, "train") == {"top": "ran", "sub:train": "ran"}
    assert repo.has("sub/mlvc.lock") and repo.has("mlvc.lock")
    assert fates(repo, "sub:train") == {"top": "unchanged", "sub:train": "unchanged"}
    assert repo.mlvc("repro", "train", check=False).refused_because("sub:train")


def test_a_repository_without_stages_says_how_to_begin(machine: Machine) -> None:
    said = machine.init().mlvc("repro", check=False)
    assert said.returncode == 2 and "git mlvc stage add" in said.err


# -- bad input


BAD = {
    "waits for each other": (
        '[stage.a]\ncmd="x"\ndeps=["q"]\nouts=["p"]\n[stage.b]\ncmd="x"\ndeps=["p"]\nouts=["q"]\n',
        2,
        "a needs q of b; b needs p of a",
    ),
    "one path": (
        '[stage.a]\ncmd="x"\nouts=["p"]\n[stage.b]\ncmd="x"\nouts=["p"]\n',
        2,
        "stages 'a' and 'b' both make p",
    ),
    "an out in an out": (
        '[stage.a]\ncmd="x"\nouts=["p/"]\n[stage.b]\ncmd="x"\nouts=["p/q"]\n',
        2,
        "stage 'b' makes p/q, which is in p of 'a'",
    ),
    "no dep": ('[stage.a]\ncmd="x"\ndeps=["none"]\nouts=["p"]\n', 10, "needs none, which does not"),
    "no out": ('[stage.a]\ncmd="true"\nouts=["p"]\n', 9, "stage 'a'"),
    "a link": ('[stage.a]\ncmd="ln -s /etc/passwd p"\nouts=["p"]\n', 9, "symbolic link"),
    "outside": ('[stage.a]\ncmd="true"\nouts=["../p"]\n', 2, "../p"),
    "no param": ('[stage.a]\ncmd="x"\nparams=["lr"]\nouts=["p"]\n', 2, "params"),
    "no toml": ("[stage.a\n", 2, "mlvc.toml"),
}


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    return Machine(tmp_path_factory.mktemp("scratch")).install().init()


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_with_names(scratch: Repo, name: str) -> None:
    text, code, words = BAD[name]
    scratch.write({"mlvc.toml": text.encode()})
    said = scratch.mlvc("repro", check=False)
    assert (said.returncode, words in said.err) == (code, True), said
    assert not scratch.has("mlvc.lock")


# -- interrupted


WAITING = """\
[stage.first]
cmd  = "echo one > one"
outs = ["one"]

[stage.long]
cmd  = ["true", "echo half > out; echo $$ > ready; sleep 1000"]
deps = ["one", "in"]
outs = ["out"]
"""


@pytest.fixture
def waiting(machine: Machine) -> Repo:
    """A project whose second stage has an out and is stale, and never ends."""
    repo = machine.init().write({"mlvc.toml": WAITING.encode(), "in": b"1", "out": b"precious"})
    repo.mlvc("repro", "first")
    repo.mlvc("repro", "--accept", "long")
    repo.write({"in": b"2"})
    os.mkfifo(repo.at("ready"))
    return repo


def begin(repo: Repo, *words: str) -> tuple[subprocess.Popen[bytes], int]:
    """Start a repro and wait until its second stage runs; return its process and the stage's."""
    process = subprocess.Popen(
        [launcher(), "repro", *words],
        cwd=repo.path,
        env=repo.machine.env(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    with open(repo.at("ready")) as ready:
        return process, int(ready.read())


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def is_as_before(repo: Repo) -> bool:
    return repo.read("out") == b"precious" and planned(repo) == {"first": "skip", "long": "run"}


def test_law_10_ctrl_c_stops_the_stage_first_and_brings_its_outs_back(waiting: Repo) -> None:
    process, pid = begin(waiting)
    said = waiting.mlvc("repro", check=False)
    assert said.returncode == 6
    assert f"process {process.pid} on " in said.err and "runs long" in said.err
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130, err
    kept = re.search(rb"kept what stood at out, which nobody else has: (.+)\n", err)
    assert kept and Path(os.fsdecode(kept[1])).read_bytes() == b"half\n"  # what it had made by then
    assert not is_alive(pid)
    assert is_as_before(waiting)
    assert waiting.read("one") == b"one\n"


def test_law_10_killed_it_is_put_right_by_the_next_and_goes_on(waiting: Repo) -> None:
    process, pid = begin(waiting)
    process.kill()
    process.communicate()
    waiting.write({"in": b"1"})
    assert planned(waiting) == {"first": "skip", "long": "skip"}  # what is set aside counts
    waiting.write({"in": b"2"})
    edit(waiting, "mlvc.toml", "; echo $$ > ready; sleep 1000", "; cat in >> out")
    said = waiting.mlvc("repro", "--wait", "--json")
    assert not is_alive(pid)  # its keeper lets go of the lock once it has gone
    ends = {end["stage"]: end["fate"] for end in json.loads(said.out)["stages"]}
    assert ends == {"first": "unchanged", "long": "ran"}
    assert waiting.read("out") == b"half\n2"
    kept = [name for name, _ in waiting.files() if "aside" in name]
    assert kept == [] and not list((waiting.git_dir / "mlvc" / "aside").glob("*-*"))


def test_two_worktrees_do_not_disturb_each_other(waiting: Repo) -> None:
    waiting.write({".gitignore": b"ready\n"}).add().commit("all")
    waiting.git("worktree", "add", "-q", "../beside")
    process, _ = begin(waiting)
    beside = waiting.worktree("beside")
    edit(beside, "mlvc.toml", "; echo $$ > ready; sleep 1000", "; cat in >> out")
    assert fates(beside) == {"first": "unchanged", "long": "ran"}
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert waiting.read("out") == b"precious"


def test_an_edit_while_it_runs_is_not_recorded(machine: Machine) -> None:
    repo = machine.init().write(
        {
            "mlvc.toml": b'[stage.a]\ncmd = "cat in > out; echo more >> in"\ndeps = ["in"]\nouts = ["out"]\n',
            "in": b"1\n",
        }
    )
    said: Result = repo.mlvc("repro", check=False)
    assert said.returncode == 9
    assert "stage 'a' is not recorded: what it reads changed while it ran" in said.err
    assert "in changed" in said.err
    assert repo.read("out") == b"1\n" and not repo.has("mlvc.lock")
    assert planned(repo) == {"a": "run"}


def test_missing_data_is_allowed_where_it_is_known(made: Repo) -> None:
    repo = made
    repo.add().commit("made")
    repo.remove("data", "raw.txt", "models")
    assert repo.mlvc("repro", check=False).refused_because("needs raw.txt, which does not exist")
    assert set(fates(repo, "--allow-missing").values()) == {"unchanged"}
    edit(repo, "params.toml", "seed = 1", "seed = 2")
    said = repo.mlvc("repro", "--allow-missing", "--single", "train@0.1", check=False)
    assert said.refused_because("needs data, which does not exist")
    assert "hint: git mlvc repro prepare" in said.err
    assert not repo.has("models")


def test_what_nobody_has_any_more_is_made_again(made: Repo) -> None:
    repo = made
    repo.lose_data().remove("metrics.json")
    ran(repo)
    assert planned(repo, "--pull") == {
        "prepare": "skip",
        **dict.fromkeys(TRAINS, "skip"),
        "evaluate": "run",
    }
    assert fates(repo, "--pull")["evaluate"] == "ran"
    assert ran(repo) == ["evaluate"]
    # A remote that may not be asked is another matter: it may have them.
    toml = repo.read("mlvc.toml") + b'[remote.lab]\nurl = "https://example.org/lab"\n'
    repo.write({"mlvc.toml": toml})
    repo.lose_data().remove("metrics.json")
    said = repo.mlvc("repro", "--pull", check=False)
    assert said.returncode != 0 and "git mlvc remote trust lab" in said.err
    assert ran(repo) == []
