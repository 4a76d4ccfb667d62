"""The local store is gone; the worktree still has the content. Nobody's data is lost by that."""

import shutil

from support.repo import Repo


def test_law_11_repair_takes_the_only_copy_in_from_the_worktree(repo: Repo, remote: Repo) -> None:
    content = {"a.bin": b"only here " * 5000, "b.bin": b"and this " * 30000}
    repo.write(content).add().commit("one")
    shutil.rmtree(repo.path / ".git" / "mlvc")

    assert repo.fails("push", "-q", "origin", "HEAD").refused_because("a.bin")
    found = repo.mlvc("fsck", "--repair").out
    assert "repaired: a.bin" in found
    assert "repaired: b.bin" in found
    repo.git("push", "-q", "origin", "HEAD")
    clone = repo.machine.clone("origin.git", "other")
    assert {name: clone.read(name) for name in content} == content


def test_repair_takes_in_nothing_that_a_remote_holds(repo: Repo, remote: Repo) -> None:
    repo.write({"a.bin": b"elsewhere too " * 5000}).add().commit("one")
    repo.git("push", "-q", "origin", "HEAD")
    shutil.rmtree(repo.path / ".git" / "mlvc")

    found = repo.mlvc("fsck", "--repair").out
    assert "repaired" not in found
    assert "1 file not fetched" in found
