"""The refs of experiments, with a real git."""

from __future__ import annotations

import pytest
from support.repo import Machine, Repo

from git_mlvc.errors import UsageError
from git_mlvc.experiments import record, refs
from git_mlvc.experiments.record import ExperimentRecord
from git_mlvc.git.repository import Repository


def made(repo: Repo, what: ExperimentRecord, baseline: str) -> str:
    """Commit HEAD's tree as an experiment; return its sha."""
    message = record.encode(what).encode()
    done = repo.git("commit-tree", "HEAD^{tree}", "-p", baseline, "-F", "-", input=message)
    return done.out.strip()


def test_experiments_are_found_by_name_and_stay_when_their_branch_is_rewritten(
    bare_machine: Machine,
) -> None:
    repo = bare_machine.init().write({"a.txt": b"a"}).add().commit("one")
    opened = Repository.discover(repo.path, bare_machine.env())
    assert refs.list(opened) == []
    with pytest.raises(UsageError) as none_yet:
        refs.find(opened, "brisk-otter")
    assert "exp run" in none_yet.value.hint

    repo.git("switch", "-qc", "try")
    repo.commit("two")
    baseline = repo.head()
    what = ExperimentRecord({"p.toml:lr": 0.1}, subject="higher\trate", duration_s=1.5)
    refs.create(opened, "brisk-otter", made(repo, what, baseline))
    refs.create(opened, "calm-owl", made(repo, ExperimentRecord(subject="x"), baseline))
    repo.git("update-ref", "refs/mlvc/exp/by-hand", "HEAD^{commit}")
    repo.git("update-ref", "refs/mlvc/exp/no-commit", "HEAD^{tree}")

    # Squashed, its branch deleted, all that nothing holds collected.
    repo.git("switch", "-q", "main")
    repo.git("merge", "-q", "--squash", "try")
    repo.commit("squashed").git("branch", "-qD", "try")
    repo.git("reflog", "expire", "--expire=now", "--all")
    repo.git("gc", "-q", "--prune=now")

    found = {one.name: one for one in refs.list(opened)}
    assert [*found] == ["brisk-otter", "by-hand", "calm-owl"]
    otter = found["brisk-otter"]
    assert otter.baseline == baseline and otter.made_at_s > 1_700_000_000
    assert otter.tree == repo.text("rev-parse", f"{baseline}^{{tree}}")
    assert otter.record == ExperimentRecord(
        {"p.toml:lr": 0.1}, subject="higher rate", duration_s=1.5
    )
    assert found["by-hand"].record == ExperimentRecord(subject="two")
    assert "brisk" not in repo.text("branch", "-a")

    with pytest.raises(UsageError) as typo:
        refs.find(opened, "brisk-oter")
    assert "brisk-otter" in typo.value.hint
    with pytest.raises(UsageError) as again:
        refs.create(opened, "brisk-otter", otter.commit)
    assert "already" in again.value.what
    with pytest.raises(UsageError):
        refs.rename(opened, "brisk-otter", "calm-owl")
    refs.create(opened, "best", otter.commit)  # as a rename that was killed may leave it
    refs.rename(opened, "brisk-otter", "best")
    both = refs.find_all(opened, ["calm-owl", "by-hand"])
    refs.delete(opened, both[1:])  # by somebody else, at the same time
    refs.delete(opened, both)
    assert [one.name for one in refs.list(opened)] == ["best"]


def test_a_plain_push_and_a_plain_clone_leave_experiments_where_they_are(
    bare_machine: Machine,
) -> None:
    repo = bare_machine.init().write({"a.txt": b"a"}).add().commit("one")
    repo.git("update-ref", "refs/mlvc/exp/mine", "HEAD")
    there = bare_machine.bare()
    repo.git("remote", "add", "origin", "../origin.git")
    repo.git("push", "-q", "-u", "origin", "main")
    repo.commit("two").git("push", "-q")
    repo.git("push", "-q", "--all")
    assert there.text("for-each-ref", "--format=%(refname)") == "refs/heads/main"
    assert "mlvc" not in bare_machine.clone(repo.path, "other").text("for-each-ref")
