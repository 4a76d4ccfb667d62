"""clone: with a global install, and without one and then `git mlvc init`."""

from __future__ import annotations

from pathlib import Path

from support import scenes
from support.content import noise
from support.repo import Machine, Repo
from support.twin import Twin


def published(twin: Twin) -> Twin:
    scenes.two_branches(twin)
    origin = twin.bare()
    twin.quietly("remote", "add", "origin", "../origin.git")
    twin.git("push", "-q", "-u", "origin", "--all")
    return origin


@scenes.both_ways
def test_a_clone_has_real_content_at_every_commit(twin: Twin) -> None:
    published(twin)
    copy = twin.clone("origin.git", "copy")
    copy.git("switch", "-q", "topic")
    copy.git("checkout", "-q", "HEAD~1")
    copy.git("checkout", "-q", "main~1")
    url = twin.clone("file://{root}/origin.git", "by-url", "--branch", "topic")
    url.git("merge", "-q", "origin/main", "-m", "both")
    twin.clone("repo", "from-a-worktree")
    twin.clone("origin.git", "own-git-dir", "--separate-git-dir=elsewhere.git")
    twin.clone("origin.git", "no-checkout", "--no-checkout").git("checkout", "-q", "main")


def test_a_mirror_carries_the_data_of_all_refs(machine: Machine, repo: Repo, remote: Repo) -> None:
    repo.write({"a.bin": noise(40_000)}).add().commit("one")
    repo.git("push", "-q", "origin", "HEAD:refs/odd/place")
    repo.git("push", "-q", "origin", "main")
    mirror = machine.clone("origin.git", "mirror.git", "--mirror")
    copy = machine.clone("origin.git", "copy")
    assert copy.read("a.bin") == noise(40_000)
    assert not (mirror.path / "a.bin").exists()


def test_without_an_install_a_clone_holds_stubs_until_init(
    machine: Machine, repo: Repo, remote: Repo, tmp_path: Path
) -> None:
    files = {f"d/{n}.bin": noise(1000 * n + 1, n) for n in range(5)}
    repo.write({**files, "code.py": b"x\n"}).add().commit("one")
    repo.git("push", "-q", "origin", "main")
    stranger = Machine(tmp_path / "stranger")
    copy = stranger.clone(remote.path, "copy")
    assert copy.stubs() == sorted(files)
    assert copy.is_clean()
    copy.mlvc("init")
    assert {name: copy.read(name) for name in files} == files
    assert [line for line in copy.status().splitlines() if "mlvc.toml" not in line] == []
    copy.write({"d/0.bin": noise(7777)}).add().commit("edited by the stranger")
    copy.git("push", "-q", "origin", "HEAD:main")
    repo.git("pull", "-q", "origin", "main")
    assert repo.read("d/0.bin") == noise(7777)


def test_a_clone_heals_when_the_tool_is_installed_afterwards(
    machine: Machine, repo: Repo, remote: Repo, tmp_path: Path
) -> None:
    repo.write({"a.bin": noise(5000)}).add().commit("one")
    repo.git("push", "-q", "origin", "main")
    stranger = Machine(tmp_path / "stranger")
    copy = stranger.clone(remote.path, "copy")
    assert copy.stubs() == ["a.bin"]
    stranger.install()
    copy.mlvc("pull")
    assert copy.read("a.bin") == noise(5000)
    assert copy.is_clean()


def test_a_clone_into_a_path_with_odd_characters(repo: Repo, remote: Repo) -> None:
    repo.write({"a.bin": noise(50_000)}).add().commit("one")
    repo.git("push", "-q", "origin", "main")
    repo.machine.config("mlvc.inlineLimit", "0")
    copy = repo.machine.clone("origin.git", 'it\'s a "new" $HOME; é')
    assert copy.read("a.bin") == noise(50_000)
    assert copy.is_clean()


def test_a_clone_made_by_a_hook_of_the_commit_has_the_data(machine: Machine, repo: Repo) -> None:
    """The filter of `git commit -a` lives as long as the commit: its pack is open, no segment names it."""
    repo.write({"a.bin": noise(3000, 1)}).add().commit("one")
    hook = repo.git_dir / "hooks" / "post-commit"
    with hook.open("a") as script:
        script.truncate(0)
        script.write("#!/bin/sh\nunset GIT_INDEX_FILE GIT_DIR\ngit clone -q . ../deployed\n")
    hook.chmod(0o755)
    data = noise(70_000, 2)
    repo.write({"a.bin": data})
    repo.git("commit", "-q", "-a", "-m", "two")
    assert machine.repo("deployed").read("a.bin") == data
    assert machine.repo("deployed").is_clean()


def test_a_clone_of_a_mirror_finds_the_data_where_the_mirror_came_from(
    machine: Machine, repo: Repo
) -> None:
    repo.write({"a.bin": noise(3000, 1)}).add().commit("one")
    repo.git("push", "-q", machine.bare("origin.git").path, "main")
    machine.git("clone", "-q", "--mirror", "origin.git", "mirror.git")
    machine.git("clone", "-q", "--bare", "mirror.git", "bare.git")
    assert machine.clone("bare.git", "copy").read("a.bin") == noise(3000, 1)
    machine.git("clone", "-q", "--bare", "repo", "second.git")  # whose remote is `repo` itself
    repo.git("remote", "add", "origin", "../second.git")
    assert "a.bin" in repo.mlvc("drop", "a.bin", check=False).err
    assert repo.read("a.bin") == noise(3000, 1)
    repo.lose_data()
    repo.remove("a.bin")
    assert "a.bin stays a stub" in repo.git("checkout", "--", "a.bin").err
