"""`git mlvc add` beside others and against time: locks, edits meanwhile, kills, damaged stubs, memory."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.add_pair import AddPair, age
from support.content import is_pointer, noise
from support.extent import IN_FULL, cases
from support.repo import Machine, Repo

DATA = b"0123456789abcdef" * 300


def written(repo: Repo, count: int) -> Repo:
    repo.write({f"{n:04}.bin": b"%d" % n + DATA for n in range(count)})
    for n in range(count):
        age(repo.at(f"{n:04}.bin"))
    return repo


# -- git's index


def test_a_lock_of_somebody_else_is_told_in_gits_words(pair: AddPair) -> None:
    pair.write({"a.bin": DATA})
    pair.both(lambda repo: (repo.git_dir / "index.lock").touch())
    assert pair.add(".").returncode == 128
    pair.both(lambda repo: (repo.git_dir / "index.lock").unlink())
    pair.add(".")


def test_what_git_refuses_leaves_the_index_untouched(repo: Repo) -> None:
    written(repo, 3).mlvc("add", "0000.bin")
    before = (repo.git_dir / "index").read_bytes()
    assert repo.fails("mlvc", "add", "0001.bin", "nowhere").returncode == 128
    assert (repo.git_dir / "index").read_bytes() == before


def test_hooks_see_one_index_change_and_the_real_index(repo: Repo) -> None:
    written(repo, 3)
    hook = repo.git_dir / "hooks" / "post-index-change"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text('#!/bin/sh\n[ -n "$GIT_INDEX_FILE" ] || echo "$@" >>"$(dirname "$0")/seen"\n')
    hook.chmod(0o755)
    repo.mlvc("add", ".")
    assert (hook.parent / "seen").read_text() == "0 0\n"


def test_a_repository_without_hooks_gets_them(repo: Repo) -> None:
    written(repo, 1).mlvc("add", ".")
    assert (repo.git_dir / "mlvc" / "installed").exists()


def test_several_at_once_lose_nothing(repo: Repo) -> None:
    written(repo, 40)
    program = ["git", "mlvc", "add"]
    running = [
        subprocess.Popen(
            [*program, *(f"{n:04}.bin" for n in range(start, 40, 4))],
            cwd=repo.path,
            env=repo.machine.env(),
        )
        for start in range(4)
    ]
    codes = [process.wait() for process in running]
    again = [start for start, code in enumerate(codes) if code == 128]  # git's own lock was held
    for start in again:
        repo.mlvc("add", *(f"{n:04}.bin" for n in range(start, 40, 4)))
    assert len(repo.text("ls-files").splitlines()) == 40
    repo.mlvc("fsck")


# -- time


def test_an_edit_in_the_same_second_is_seen(repo: Repo) -> None:
    for turn in range(8 if IN_FULL else 3):
        repo.write_now({"a.bin": b"%04d" % turn + DATA}).mlvc("add", "a.bin")
        before = repo.text("rev-parse", ":a.bin")
        repo.write_now({"a.bin": b"%04d" % (turn + 1) + DATA})
        assert "a.bin" in repo.git("diff", "--name-only", tick=False).out
        repo.mlvc("add", "a.bin")
        assert repo.text("rev-parse", ":a.bin") != before


def test_a_file_that_changes_while_it_is_added_is_looked_at_again(repo: Repo) -> None:
    """The file is written to after it was read and before the index is: by the program itself."""
    written(repo, 3)
    script = f"""
import os, sys
from git_mlvc.cli import main
from git_mlvc.git.blob_pack import BlobPack
store = BlobPack.store
def changing(self, git):
    info = os.stat({str(repo.at("0001.bin"))!r})
    with open({str(repo.at("0001.bin"))!r}, "r+b") as file:
        file.write(b"X")
    store(self, git)
BlobPack.store = changing
sys.exit(main.main(["add", "."]))
"""
    repo.machine.run(sys.executable, "-c", script, cwd=repo.path)
    repo.commit("x")
    assert repo.is_clean()
    repo.remove("0001.bin").git("checkout", "-q", "--", "0001.bin")
    assert repo.read("0001.bin")[:1] == b"X"


def test_files_are_read_once_and_not_by_git(repo: Repo) -> None:
    written(repo, 30).mlvc("add", ".gitattributes")
    asked = repo.requests("mlvc", "add", ".")
    assert asked == []
    assert repo.cleans("status") == []
    assert repo.cleans("diff", "--stat") == []
    for n in range(30):
        age(repo.at(f"{n:04}.bin"), 77)
    assert repo.requests("mlvc", "add", ".") == []
    assert repo.cleans("status") == []


# -- what must not become data


@pytest.mark.parametrize(
    "words", cases([["."], ["-u"], ["a.bin", "new.bin"]], [["."]]), ids=" ".join
)
def test_a_damaged_stub_is_refused_and_nothing_added(repo: Repo, words: list[str]) -> None:
    repo.write({"a.bin": DATA, "b.bin": DATA * 2}).add().commit("x")
    repo.write({"a.bin": repo.blob(":a.bin") + b"more", "new.bin": DATA * 3})
    before = repo.text("ls-files", "-s")
    said = repo.fails("mlvc", "add", *words).err
    assert "a.bin" in said
    assert "git mlvc fill --keep-appended a.bin" in said
    assert repo.text("ls-files", "-s") == before
    repo.mlvc("add", "b.bin")
    repo.mlvc("fill", "--keep-appended", "a.bin")
    repo.mlvc("add", ".")
    assert repo.read("a.bin") == DATA + b"more"


# -- kills

KILLED = """
import os, signal, sys
from git_mlvc.cli import main
COUNTED = {"open", "os.rename", "os.utime", "os.remove", "os.mkdir", "subprocess.Popen", "os.truncate"}
left = int(sys.argv[1])
counted = 0
def seen(event, args):
    global counted
    if event in COUNTED and (event != "open" or args[1] is None or not isinstance(args[0], (bytes, str)) or b".bin" not in os.fsencode(args[0])):
        counted += 1
        if counted == left:
            os.kill(os.getpid(), signal.SIGKILL)
import git_mlvc.worktree.add, git_mlvc.filter.rooms, git_mlvc.store.store, git_mlvc.hooks.install, git_mlvc.filter.clean
import subprocess, tempfile, git_mlvc.store.session, git_mlvc.git.index_lock, git_mlvc.cli.commands.add
sys.addaudithook(seen)
code = main.main(["add", "."])
print(counted)
sys.exit(code)
"""


def test_law_10_killed_at_any_step_the_index_is_the_old_one_or_the_new_one(repo: Repo) -> None:
    written(repo, 3).mlvc("add", ".")
    repo.commit("x").write({f"{n:04}.bin": b"new %d" % n for n in range(120)})
    for n in range(120):
        age(repo.at(f"{n:04}.bin"))
    index = repo.git_dir / "index"
    old = index.read_bytes()

    def run(step: int) -> tuple[int, str]:
        done = repo.machine.run(
            sys.executable, "-c", KILLED, str(step), cwd=repo.path, check=False, tick=False
        )
        return done.returncode, done.out

    code, said = run(0)
    assert code == 0
    new = repo.text("ls-files", "-s")
    steps = int(said.split()[-1])
    assert steps > 20
    killed = 0
    kills = 24 if IN_FULL else 12
    for step in range(1, steps, max(1, steps // kills)):
        index.write_bytes(old)
        before = repo.text("ls-files", "-s")
        code, _ = run(step)
        assert code in (-9, 0), step  # 0: there is less to do by now
        (repo.git_dir / "index.lock").unlink(missing_ok=True)  # as after any git that is killed
        killed += code == -9
        after = repo.text("ls-files", "-s")
        assert after in (before, new), step
        repo.git("rev-list", "--objects", "--indexed-objects", "--all", tick=False)
        assert repo.git("fsck", "--connectivity-only", tick=False).returncode == 0
    assert killed > kills // 2
    repo.mlvc("fsck")
    index.write_bytes(old)
    repo.mlvc("add", ".")
    assert repo.text("ls-files", "-s") == new
    assert list((repo.git_dir / "mlvc").glob("add-*")) == []
    assert not (repo.git_dir / "index.lock").exists()


# -- memory

PEAK = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // (1024 if sys.platform == "darwin" else 1))
sys.exit(code)
"""


def test_memory_grows_neither_with_the_file_nor_much_with_their_number(
    machine: Machine, repo: Repo
) -> None:
    count = 20_000 if IN_FULL else 5_000
    many = {f"many/{n % 100:02}/{n:05}.bin": b"%d" % n for n in range(count)}
    repo.write({"big.bin": noise(200 << 20), **many})
    done = machine.run(sys.executable, "-c", PEAK, "git", "mlvc", "add", ".", cwd=repo.path)
    assert int(done.out.split()[-1]) < 150 << 10
    assert is_pointer(repo.blob(":big.bin"))
    assert len(repo.text("ls-files").splitlines()) == count + 2
