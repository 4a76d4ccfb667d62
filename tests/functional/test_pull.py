"""pull: fast-forward, merging, rebasing, with conflicts and local changes."""

from __future__ import annotations

from support import scenes
from support.content import noise
from support.twin import Twin


def two_clones(twin: Twin) -> tuple[Twin, Twin]:
    """Return two clones of one origin; the first is ahead of the second by a pushed commit."""
    cloned(twin)
    return twin.beside("ada"), twin.beside("bob")


@scenes.played_once
def cloned(twin: Twin) -> Twin:
    scenes.one_commit(twin)
    twin.bare()
    twin.quietly("push", "-q", "../origin.git", "main")
    ada = twin.clone("origin.git", "ada")
    twin.clone("origin.git", "bob")
    ada.commit("ada", {"a.bin": noise(3200, 31), "ada.bin": noise(90_000, 32)})
    ada.git("push", "-q")
    return twin


@scenes.both_ways
def test_pull_fast_forwards_and_merges(twin: Twin) -> None:
    ada, bob = two_clones(twin)
    bob.git("pull", "-q", "--ff-only")
    bob.commit("bob", {"bob.bin": noise(4000, 33)})
    bob.git("push", "-q")
    ada.commit("ada again", {"c/deep.bin": noise(4000, 34)})
    ada.git("pull", "-q", "--no-rebase", "--no-edit")
    ada.git("push", "-q")
    bob.git("fetch", "-q")
    bob.git("merge", "-q", "origin/main")


def test_pull_rebases(twin: Twin) -> None:
    ada, bob = two_clones(twin)
    bob.commit("bob", {"bob.bin": noise(4000, 33)})
    bob.write({"c/table.bin": noise(500, 35)})
    bob.fails("pull", "-q", "--rebase")
    bob.git("pull", "-q", "--rebase", "--autostash")
    bob.git("push", "-q")
    ada.commit("conflicts", {"bob.bin": noise(4000, 36)})
    ada.fails("pull", "--rebase")
    ada.git("checkout", "--theirs", "bob.bin")
    ada.git("add", "bob.bin")
    ada.git("rebase", "--continue")
    ada.git("push", "-q")
    bob.git("stash", "-q")
    bob.git("pull", "-q", "--rebase")
    bob.git("stash", "pop", "-q")


def test_a_pull_that_conflicts_is_solved(twin: Twin) -> None:
    _, bob = two_clones(twin)
    bob.commit("bob", {"a.bin": noise(3200, 37)})
    bob.fails("pull", "--no-rebase", "--no-edit")
    bob.git("checkout", "--theirs", "a.bin")
    bob.git("commit", "-qam", "theirs")
    bob.git("push", "-q")
