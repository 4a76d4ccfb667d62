"""fetch, pull, push, fill, drop: data only, whole or in part, and what they say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.content import noise
from support.copied import copied
from support.repo import Machine, Repo

FILES = {
    "a.bin": noise(40_000, 1),
    "data/b.bin": noise(30_000, 2),
    "data/deep/c.bin": noise(9_000, 3),
}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """Two commits that are pushed with their data, and a clone of them, `copy`, that has stubs only."""
    machine = Machine(tmp_path_factory.mktemp("published") / "machine").install()
    repo = machine.init().track("*.bin").write(FILES).add().commit("one")
    repo.write({"a.bin": noise(50_000, 4)}).add().commit("two")
    repo.git("push", "-q", machine.bare().path, "main")
    machine.clone("origin.git", "copy", env={"MLVC_SKIP_SMUDGE": "1"})
    return machine


@pytest.fixture
def bare_clone(published: Machine, tmp_path: Path) -> Repo:
    return copied(published, tmp_path / "machine").repo("copy")


def test_pull_by_path_glob_and_directory(bare_clone: Repo) -> None:
    assert len(bare_clone.stubs()) == 3
    bare_clone.mlvc("pull", "a.bin")
    assert bare_clone.stubs() == ["data/b.bin", "data/deep/c.bin"]
    bare_clone.mlvc("pull", "origin", "*deep*")
    assert bare_clone.stubs() == ["data/b.bin"]
    said = bare_clone.machine.git("mlvc", "pull", ".", cwd=bare_clone.path / "data")
    assert "filled 1 file, 30 kB" in said.out
    assert bare_clone.stubs() == []
    assert bare_clone.is_clean()


def test_pull_answers_in_json(bare_clone: Repo) -> None:
    answer = json.loads(bare_clone.mlvc("pull", "--json").out)
    assert (answer["version"], answer["kind"]) == (1, "pull")
    assert answer["fetch"]["files"] == 3
    assert answer["fetch"]["received_bytes"] > 80_000
    assert sorted(answer["fill"]["filled"]) == ["a.bin", "data/b.bin", "data/deep/c.bin"]


def test_fetch_leaves_the_worktree_alone_and_fill_needs_no_remote(bare_clone: Repo) -> None:
    assert "3 files" in bare_clone.mlvc("fetch").out
    assert len(bare_clone.stubs()) == 3
    bare_clone.git("remote", "remove", "origin")
    bare_clone.mlvc("fill")
    assert bare_clone.stubs() == []


def test_fetch_all_brings_history(bare_clone: Repo) -> None:
    bare_clone.mlvc("fetch", "--all")
    bare_clone.git("remote", "remove", "origin")
    bare_clone.git("checkout", "-q", "HEAD~1")
    bare_clone.mlvc("fill")
    assert bare_clone.read("a.bin") == FILES["a.bin"]


def test_fetch_recent_leaves_old_branches(bare_clone: Repo) -> None:
    # Commits of these tests are years old, but for this one.
    import time

    now = f"{int(time.time())} +0000"
    date = {"GIT_COMMITTER_DATE": now, "GIT_AUTHOR_DATE": now}
    bare_clone.git("checkout", "-q", "-b", "fresh", "HEAD~1", env={"MLVC_SKIP_SMUDGE": "1"})
    bare_clone.git("commit", "-q", "--allow-empty", "-m", "now", env=date)
    bare_clone.git("checkout", "-q", "main", env={"MLVC_SKIP_SMUDGE": "1"})
    answer = json.loads(bare_clone.mlvc("fetch", "--recent", "3", "--json").out)
    assert answer["files"] == 4  # three of main, and the older a.bin of the fresh branch


def test_fetch_settings_leave_files_out_unless_they_are_named(bare_clone: Repo) -> None:
    bare_clone.write({"mlvc.toml": b'[fetch]\nexclude = ["data/**"]\n'})
    bare_clone.mlvc("pull")
    assert bare_clone.stubs() == ["data/b.bin", "data/deep/c.bin"]
    bare_clone.mlvc("pull", "data")
    assert bare_clone.stubs() == []


def test_push_says_what_it_sent(repo: Repo, remote: Repo) -> None:
    repo.write(FILES).add().commit("one")
    answer = json.loads(repo.mlvc("push", "--json").out)
    assert answer["kind"] == "push"
    assert answer["files"] == 3 and answer["sent_bytes"] > 79_000
    assert "was there" in repo.mlvc("push", "origin", "main").out
    assert repo.mlvc("push", "origin", "no-such-branch", check=False).returncode == 2


def test_push_without_any_remote_says_how_to_get_one(repo: Repo) -> None:
    repo.write(FILES).add().commit("one")
    said = repo.mlvc("push", check=False)
    assert said.returncode == 7
    assert "git mlvc remote add" in said.err


def test_drop_needs_a_copy_elsewhere(repo: Repo, remote: Repo) -> None:
    repo.write(FILES).add().commit("one")
    said = repo.mlvc("drop", "a.bin", check=False)
    assert said.returncode == 1 and "no remote is known to have it" in said.err
    assert repo.read("a.bin") == FILES["a.bin"]
    repo.git("push", "-q", "origin", "main")
    repo.mlvc("drop", "a.bin", "data")
    assert len(repo.stubs()) == 3
    assert repo.is_clean()
    repo.mlvc("fill")
    assert repo.stubs() == []


def test_drop_never_takes_a_modified_file(repo: Repo, remote: Repo) -> None:
    repo.write(FILES).add().commit("one")
    repo.git("push", "-q", "origin", "main")
    repo.write({"a.bin": noise(40_000, 9)})
    said = repo.mlvc("drop", "--force", check=False)
    assert said.returncode == 1 and "a.bin: it is modified" in said.err
    assert repo.read("a.bin") == noise(40_000, 9)


def test_what_was_appended_to_a_stub_is_kept(bare_clone: Repo) -> None:
    with open(bare_clone.path / "a.bin", "ab") as file:
        file.write(b"and more\n")
    assert "damaged stub" in bare_clone.mlvc("status").out
    bare_clone.mlvc("fill", "--keep-appended", "a.bin")
    assert bare_clone.read("a.bin") == noise(50_000, 4) + b"and more\n"
