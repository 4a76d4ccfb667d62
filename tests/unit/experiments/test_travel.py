"""Which remote is meant, which experiments are, and what a remote had when it was last asked."""

from __future__ import annotations

import pytest
from support.repo import Machine

from git_mlvc.errors import UsageError
from git_mlvc.experiments import choice, travel
from git_mlvc.experiments.last_seen import LastSeen
from git_mlvc.git import config
from git_mlvc.git.repository import Repository


def test_the_usual_remote_is_the_one_that_git_would_choose(bare_machine: Machine) -> None:
    repo = bare_machine.init().commit("one")
    opened = Repository.discover(repo.path, bare_machine.env())

    def usual(*, for_push: bool = False) -> str:
        return travel.usual_remote(config.read(opened.git), opened.git, for_push=for_push)

    with pytest.raises(UsageError) as none:
        usual()
    assert "git remote add origin" in none.value.hint
    repo.git("remote", "add", "lab", "../lab.git")
    assert usual() == "lab"
    repo.git("remote", "add", "home", "../home.git")
    with pytest.raises(UsageError) as several:
        usual()
    assert several.value.what == "which git remote is meant: home, lab?"
    repo.git("remote", "add", "origin", "../origin.git")
    assert usual() == "origin" == usual(for_push=True)
    repo.set("branch.main.remote", "lab")
    repo.set("remote.pushDefault", "home")
    assert (usual(), usual(for_push=True)) == ("lab", "home")
    repo.git("switch", "-q", "--detach")
    assert (usual(), usual(for_push=True)) == ("origin", "home")


def test_names_and_globs_choose_and_what_means_nothing_is_refused() -> None:
    known = ["brisk-otter", "lr-0.1", "lr-0.2"]
    assert choice.chosen(known, []) == known
    assert choice.chosen(known, ["lr-*", "lr-0.2", "refs/mlvc/exp/brisk-otter"]) == [
        "lr-0.1",
        "lr-0.2",
        "brisk-otter",
    ]
    for word, hint in {"brisk-oter": "brisk-otter", "orgin": "origin", "zzz": "exp list"}.items():
        with pytest.raises(UsageError) as unknown:
            choice.chosen(known, [word], remotes=["origin"])
        assert hint in unknown.value.hint
    with pytest.raises(UsageError, match="is called like 'x\\*'"):
        choice.chosen(known, ["x*"])
    with pytest.raises(UsageError) as none:
        choice.chosen([], ["x"], " on origin")
    assert none.value.hint == "there are none on origin"


def test_what_a_remote_deleted_is_told_as_long_as_it_is_here_unchanged(
    bare_machine: Machine,
) -> None:
    opened = Repository.discover(bare_machine.init().path, bare_machine.env())
    seen = LastSeen(opened, "../origin.git")
    here = {"a": "1", "b": "2", "mine": "3"}
    assert seen.deleted(here, {}) == []
    seen.note(here, {"a": "1", "b": "2", "theirs": "4"})
    assert seen.deleted(here, {"b": "2"}) == ["a"]
    seen.note(here, {"b": "2"})
    assert seen.deleted(here, {"b": "2"}) == ["a"]  # still
    assert seen.deleted({**here, "a": "9"}, {"b": "2"}) == []
    assert LastSeen(opened, "../other.git").deleted(here, {}) == []
    seen.note({}, {"b": "2"})
    assert seen.deleted(here, {"b": "2"}) == []
    for damage in (b"[1]", b"{", b"\xff"):
        (path,) = (opened.common_dir / "mlvc" / "exp" / "seen").iterdir()
        path.write_bytes(damage)
        assert seen.deleted(here, {}) == []
