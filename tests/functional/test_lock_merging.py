"""Lock files in real merges, rebases and cherry-picks: with the merge driver, and in a clone that lacks it."""

from __future__ import annotations

import pytest
from support.pipeline_values import file, path, result
from support.repo import Machine, Repo

from git_mlvc.errors import FormatError
from git_mlvc.git.repository import Repository
from git_mlvc.pipeline.lock_files.locks import Locks
from git_mlvc.pipeline.model import Result, Stage

NAMES = ("evaluate", "prepare", "train")


def record(repo: Repo, **results: str) -> Repo:
    """Have the lock file say of stages that they made something, as `repro` does."""
    locks = Locks(Repository.discover(repo.path, repo.machine.env()))
    for name, made in results.items():
        locks.record(Stage(name, name, ("true",)), as_result(name, made))
    locks.finish()
    return repo


def as_result(name: str, made: str) -> Result:
    return result(name, deps={f"src/{name}.py": file(made)}, outs={f"out/{name}": file(made, 5)})


def read(repo: Repo) -> dict[str, Result | None]:
    locks = Locks(Repository.discover(repo.path, repo.machine.env()))
    return {name: locks.of(Stage(name, name, ("true",))) for name in (*NAMES, "plot", "tune")}


def saying(**results: str) -> dict[str, Result | None]:
    empty: dict[str, Result | None] = dict.fromkeys((*NAMES, "plot", "tune"))
    return empty | {name: as_result(name, made) for name, made in results.items()}


@pytest.fixture
def rivals(machine: Machine) -> Repo:
    """On main and topic, a stage changed on each side alone, one on both, one new on each, side by side."""
    repo = machine.init()
    record(repo, evaluate="1", prepare="1", train="1").add().commit("base")
    repo.git("switch", "-q", "-c", "topic")
    record(repo, evaluate="2", train="topic", plot="topic").add().commit("topic")
    repo.git("switch", "-q", "main")
    record(repo, prepare="2", train="main", tune="main").add().commit("main")
    return repo


BOTH = {"evaluate": "2", "prepare": "2", "plot": "topic", "tune": "main"}


def test_the_first_result_puts_the_merge_driver_into_gitattributes(machine: Machine):
    repo = machine.init().write({".gitattributes": b"*.bin binary"})
    record(repo, train="1")
    assert repo.read(".gitattributes") == b"*.bin binary\nmlvc.lock merge=mlvc\n"
    record(repo, train="2")
    assert repo.read(".gitattributes") == b"*.bin binary\nmlvc.lock merge=mlvc\n"
    repo.write({".gitattributes": b"mlvc.lock -merge\n"})
    record(repo, train="3")
    assert repo.read(".gitattributes") == b"mlvc.lock -merge\n"
    said = repo.text("check-attr", "merge", "sub/mlvc.lock")
    assert said == "sub/mlvc.lock: merge: unset"
    # A pattern for data that is tracked later does not win over it.
    repo.write({".gitattributes": b"mlvc.lock merge=mlvc\n"}).mlvc("track", "*", "*.bin")
    record(repo, train="4")
    lines = repo.read(".gitattributes").splitlines()
    assert lines[-1] == b"mlvc.lock merge=mlvc"
    assert len(lines) == 7  # with those for what git is told by
    record(repo, train="5")
    assert repo.read(".gitattributes").splitlines() == lines
    said = repo.text("check-attr", "merge", "sub/mlvc.lock")
    assert said == "sub/mlvc.lock: merge: mlvc"


def test_merge_rebase_and_cherry_pick_leave_no_conflict_and_lose_no_other_stage(rivals: Repo):
    start = rivals.head()
    said = rivals.git("merge", "topic", "-m", "both")
    assert read(rivals) == saying(**BOTH, train="main")
    assert "both sides have new results of train; ours stay" in said.err
    assert "git mlvc repro" in said.err
    merged = rivals.read("mlvc.lock")
    # The same from the other end, but for the rival stage.
    rivals.git("switch", "-q", "--detach", "topic")
    rivals.git("merge", "-q", start, "-m", "both")
    assert read(rivals) == saying(**BOTH, train="topic")

    rivals.git("switch", "-q", "-c", "rebased", "topic")
    rivals.git("rebase", "-q", start)
    assert rivals.read("mlvc.lock") == merged

    rivals.git("switch", "-q", "--detach", start)
    rivals.git("cherry-pick", "topic")
    assert rivals.read("mlvc.lock") == merged
    rivals.git("revert", "--no-edit", "HEAD")
    assert read(rivals) == saying(evaluate="1", prepare="2", train="main", tune="main")
    rivals.is_clean()


def test_a_clone_without_the_driver_merges_as_text_and_both_ways_out_of_a_conflict_work(
    rivals: Repo,
):
    machine = rivals.machine
    start = rivals.head()
    settings = (
        "filter.mlvc.process",
        "filter.mlvc.required",
        "merge.mlvc.driver",
        "merge.mlvc.name",
    )
    for key in settings:
        machine.git("config", "--global", "--unset", key)
    # Stages that both have, changed on one side each: no conflict.
    rivals.git("switch", "-q", "-c", "other", "main~1")
    record(rivals, prepare="2").add().commit("other")
    rivals.git("switch", "-q", "-c", "third", "main~1")
    record(rivals, train="3").add().commit("third")
    rivals.git("merge", "-q", "other", "-m", "both")
    assert read(rivals) == saying(evaluate="1", prepare="2", train="3")
    # The same stage on both sides: always a conflict, and never a block put together from two.
    rivals.git("switch", "-q", "main")
    rivals.fails("merge", "topic", "-m", "both")
    with pytest.raises(FormatError, match=r"mlvc\.lock, line \d+: a merge left a conflict") as told:
        read(rivals)
    first, _, second = told.value.hint.partition("  (or, keeping your side: ")
    for words in (second.rstrip(")").partition(" && ")[0].split()[1:],):
        rivals.git(*words)
    assert read(rivals) == saying(evaluate="1", prepare="2", train="main", tune="main")
    for command in first.split(" && "):
        rivals.git(*command.split()[1:])
    assert read(rivals) == saying(**BOTH, train="main")
    rivals.add().commit("both")
    assert rivals.head() != start


def test_lock_files_never_become_pointers_in_any_directory(machine: Machine):
    repo = machine.init().track("*")
    locks = Locks(Repository.discover(repo.path, machine.env()))
    repo.at("a/b").mkdir(parents=True)
    repo.write({"a/b/mlvc.toml": b"# " + b"x" * 300, "a/data": b"y" * 300})
    for folder in (None, path("a/b")):
        address = "t" if folder is None else "a/b:t"
        locks.record(Stage(address, "t", ("true",), folder), as_result("t", "1"))
    locks.finish()
    repo.add().commit("all")
    for name in ("mlvc.lock", "a/b/mlvc.lock", "a/b/mlvc.toml"):
        assert repo.blob(f"HEAD:{name}") == repo.read(name)
    assert repo.blob("HEAD:a/data").startswith(b"git-mlvc pointer")
    assert repo.text("check-attr", "merge", "a/b/mlvc.lock") == "a/b/mlvc.lock: merge: mlvc"


def test_doctor_says_when_lock_files_are_not_merged_by_stages(machine: Machine):
    repo = machine.init()
    assert "merging" not in repo.mlvc("doctor", check=False).out
    record(repo, train="1").add().commit("one")
    assert "merging" not in repo.mlvc("doctor", check=False).out
    repo.write({".gitattributes": b""})
    machine.git("config", "--global", "--unset", "merge.mlvc.driver")
    said = repo.mlvc("doctor", check=False).out
    assert "bad  merging: git does not know the driver that merges 1 lock file" in said
    assert "mend: git mlvc install\n" in said
    assert "note  merging: git merges mlvc.lock as text" in said
    assert "mend: add this line to .gitattributes: mlvc.lock merge=mlvc" in said


PIPELINE = b"""\
[stage.prepare]
cmd = "tr a-z A-Z < raw.txt > clean.txt"
deps = ["raw.txt"]
outs = ["clean.txt"]
[stage.train]
cmd = "cat clean.txt params.toml > model.bin; echo ran >> ../runs"
deps = ["clean.txt"]
params = ["lr"]
outs = ["model.bin"]
"""


def test_whatever_side_stays_repro_brings_the_result_of_the_merged_inputs(machine: Machine):
    """The claim that no conflict is needed: neither side's block is ever believed of what it is not about."""
    repo = machine.init().track("*.bin", "clean.txt")
    repo.write({"mlvc.toml": PIPELINE, "raw.txt": b"one\n"})

    def work(name: str, **files: bytes) -> None:
        repo.write({f"{key}.{'toml' if key == 'params' else 'txt'}": v for key, v in files.items()})
        repo.mlvc("repro")
        repo.add().commit(name)

    def runs() -> int:
        return len(machine.path("runs").read_text().splitlines())

    work("base", params=b"lr = 1\n")
    repo.git("switch", "-q", "-c", "topic")
    work("topic", params=b"lr = 2\n")
    repo.git("switch", "-q", "-c", "data", "main")
    work("data", raw=b"two\n")
    repo.git("switch", "-q", "main")
    work("rival", params=b"lr = 3\n")
    assert runs() == 4
    # Both changed the same: whichever value is chosen, its result is restored and not made again.
    for side, lr in (("--ours", b"3"), ("--theirs", b"2")):
        repo.fails("merge", "topic", "-m", "both")
        repo.git("checkout", side, "params.toml")
        repo.mlvc("repro")
        assert repo.read("model.bin") == b"ONE\nlr = " + lr + b"\n"
        assert "nothing to do" in repo.mlvc("repro").out
        repo.git("reset", "-q", "--hard")
    assert runs() == 4
    # Each changed something else: nobody ever ran that, so it runs, after a rebase and a cherry-pick as well.
    repo.fails("rebase", "main", "data")
    repo.git("checkout", "--theirs", "model.bin")
    repo.add("model.bin").git("rebase", "--continue")
    repo.mlvc("repro")
    assert repo.read("model.bin") == b"TWO\nlr = 3\n"
    assert runs() == 5
    repo.git("reset", "-q", "--hard")
    repo.git("switch", "-q", "main")
    repo.git("cherry-pick", "data")
    assert "restored" in repo.mlvc("repro").err
    assert repo.read("model.bin") == b"TWO\nlr = 3\n"
    assert runs() == 5
    # A conflict that was left in the lock file is told with what to do.
    repo.write({"mlvc.lock": b"<<<<<<< HEAD\n" + repo.read("mlvc.lock")})
    said = repo.mlvc("repro", check=False)
    assert said.returncode == 4
    assert "mlvc.lock, line 1: a merge left a conflict here" in said.err
    assert "git checkout --ours mlvc.lock && git mlvc repro" in said.err
