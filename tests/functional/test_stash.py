"""stash, stash -u, pop, apply --index, branch, conflicts."""

from __future__ import annotations

from support import scenes
from support.content import noise
from support.twin import Twin


@scenes.both_ways
def test_changes_go_into_a_stash_and_come_back(twin: Twin) -> None:
    scenes.two_branches(twin)
    twin.write({"a.bin": noise(3100, 5), "code.py": b"changed\n"})
    twin.remove("c/table.bin")
    twin.git("stash", "-q")
    twin.git("switch", "-q", "topic")
    twin.git("stash", "pop", "-q", check=False)
    twin.git("reset", "-q", "--hard")
    twin.git("switch", "-q", "main")
    twin.git("stash", "list")


def test_the_index_part_is_kept_apart(twin: Twin) -> None:
    scenes.one_commit(twin)
    twin.write({"a.bin": noise(3100, 5), "new.bin": noise(2100, 6)})
    twin.git("add", "-A")
    twin.write({"a.bin": noise(3100, 7), "b.bin": noise(100_000, 8)})
    twin.git("stash", "-q")
    twin.git("stash", "apply", "-q", "--index")
    twin.git("reset", "-q", "--hard")
    twin.git("stash", "pop", "-q")
    twin.git("stash", "-q", "--keep-index")
    twin.git("stash", "drop", "-q")
    twin.git("reset", "-q", "--hard")


@scenes.both_ways
def test_untracked_files_are_stashed_whatever_their_size(twin: Twin) -> None:
    scenes.one_commit(twin)
    twin.write({"u/small.bin": b"u", "u/big.bin": noise(600_000, 4), "notes.txt": b"n\n"})
    twin.write({"a.bin": noise(3100, 5)})
    twin.git("stash", "-q", "-u")
    assert not twin.real.has("u/big.bin")
    twin.git("stash", "pop", "-q")
    twin.git("stash", "push", "-q", "-u", "--", "u", "a.bin")
    twin.git("stash", "branch", "from-stash")


def test_a_stash_that_conflicts_loses_nothing(twin: Twin) -> None:
    scenes.one_commit(twin)
    twin.write({"a.bin": noise(3100, 5)})
    twin.git("stash", "-q")
    twin.write({"a.bin": noise(3100, 6)})
    twin.git("commit", "-qam", "other")
    twin.fails("stash", "pop")
    twin.git("checkout", "--theirs", "a.bin")
    assert twin.read("a.bin") == noise(3100, 5)
    twin.git("reset", "-q", "--hard")
    twin.git("stash", "show", "--stat")
    twin.git("stash", "drop", "-q")


def test_only_some_paths_are_stashed(twin: Twin) -> None:
    scenes.one_commit(twin)
    twin.write({"a.bin": noise(3100, 5), "c/deep.bin": noise(3100, 6)})
    twin.git("stash", "push", "-q", "c")
    twin.write({"b.bin": noise(3100, 7)})
    twin.git("stash", "-q")
    twin.git("stash", "pop", "-q", "stash@{1}")
    twin.git("stash", "pop", "-q")
