"""`git mlvc exp …` killed, with the git it started, at any step: nothing is lost or half visible, and the same again
completes it."""

from __future__ import annotations

import os
import random
import shutil

import pytest
from support.content import noise
from support.experiments import draft, experiment, project
from support.extent import FAULTS, IN_FULL, cases
from support.killed_command import killed_at, steps_of, was_killed
from support.repo import Machine, Repo, Result

RAW = noise(60_000, 1)
MINE = {"notes.md": b"mine, not committed\n", "mine.txt": b"git does not know it\n"}
COMMANDS = {
    "apply": ("exp", "apply", "brisk-otter"),
    "push": ("exp", "push"),
    "pull": ("exp", "pull"),
    "branch": ("exp", "branch", "brisk-otter", "higher"),
    "rename": ("exp", "rename", "brisk-otter", "best"),
    "rm": ("exp", "rm", "brisk-otter", "calm-owl"),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """Ada has two experiments and uncommitted work; her colleague's clone has neither; `origin` has a third one."""
    machine = Machine(tmp_path_factory.mktemp("killed") / "machine").install()
    repo = project(machine, RAW)
    if IN_FULL:
        machine.bare()
        repo.git("remote", "add", "origin", "../origin.git")
        repo.git("push", "-q", "-u", "origin", "main")
        draft(repo, "theirs", {"raw.bin": RAW + b"theirs", "params.toml": b"lr = 0.7\nseed = 1\n"})
        repo.mlvc("exp", "push")
        repo.git("update-ref", "-d", "refs/mlvc/exp/theirs")
        machine.clone("origin.git", "clone")
    new_raw = {"params.toml": b"lr = 0.3\nseed = 1\n", "raw.bin": noise(70_000, 2)}
    (experiment if IN_FULL else draft)(repo, "brisk-otter", {**new_raw, "new/code.py": b"pass\n"})
    draft(repo, "calm-owl", {"params.toml": b"lr = 0.01\nseed = 1\n"})
    repo.write(MINE)
    return machine


def copied(world: Machine, name: str) -> Machine:
    place = world.root.with_name(name)
    shutil.copytree(world.root, place, symlinks=True)
    return Machine(place, world.clock)


def standing(repo: Repo) -> dict[str, object]:
    """Return all that a user sees: files, index, refs."""
    files = {name: content for name, content in repo.snapshot().items() if name != "ran.log"}
    return {
        "files": files,
        "status": repo.status(),
        "refs": repo.text("for-each-ref", "--format=%(refname) %(objectname)"),
    }


def is_complete_for_others(machine: Machine) -> None:
    """Whoever pulls what `origin` names has all of it."""
    machine.path("repo").rename(machine.path("away"))
    pulled = machine.clone("origin.git", "colleague").mlvc("exp", "pull")
    assert pulled.ok and "not to be had" not in pulled.err, pulled
    machine.path("away").rename(machine.path("repo"))


@pytest.mark.parametrize("verb", cases(COMMANDS, ["rename"]))
def test_law_10_killed_at_any_step_nothing_is_lost_and_the_same_again_completes_it(
    world: Machine, verb: str
) -> None:
    """How many steps there are differs a little from time to time: threads and servers come into it."""
    words, where = COMMANDS[verb], "clone" if verb == "pull" else "repo"
    seed = int(os.environ.get("MLVC_SEED") or random.randrange(1 << 32))
    whole = copied(world, f"{verb}-whole")
    done = killed_at(whole.repo(where), 0, *words)
    assert done.ok, done
    after, total = standing(whole.repo(where)), steps_of(done)
    every = range(1, total + 1)
    for step in random.Random(seed).sample(every, min(FAULTS // 6 if IN_FULL else 1, total)):
        told = f"seed {seed}, step {step}"
        machine = copied(world, f"{verb}-{step}")
        repo = machine.repo(where)
        done = killed_at(repo, step, *words)
        assert was_killed(done) or (done.ok and step > total // 2), (told, done)
        for name, data in MINE.items() if where == "repo" else ():
            assert repo.read(name) == data, told
        if verb == "push" and IN_FULL:
            is_complete_for_others(machine)
        again = repo.mlvc(*words, check=False)
        assert again.ok or already_done(verb, again), (told, again)
        assert standing(repo) == after, told
        shutil.rmtree(machine.root)


def already_done(verb: str, said: Result) -> bool:
    """Killed after it was done, and before it could say so."""
    known = {"branch": "already exists", "rename": "no experiment", "rm": "no experiment"}
    return verb in known and known[verb] in said.err
