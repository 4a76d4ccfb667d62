"""cherry-pick and revert: one commit, a range, a conflict."""

from __future__ import annotations

from support import scenes
from support.content import noise
from support.twin import Twin


@scenes.both_ways
def test_one_commit_is_picked_and_reverted(twin: Twin) -> None:
    scenes.two_branches(twin)
    twin.git("cherry-pick", "topic")
    twin.git("revert", "--no-edit", "HEAD")
    twin.git("revert", "--no-edit", "HEAD~2")
    twin.git("cherry-pick", "-n", "topic")
    twin.git("commit", "-qm", "picked by hand")
    twin.git("revert", "-n", "HEAD")
    twin.git("revert", "--abort", check=False)
    twin.git("reset", "-q", "--hard")


def test_a_range_is_picked_and_reverted(twin: Twin) -> None:
    scenes.line(twin, 5)
    twin.quietly("switch", "-q", "-c", "side", "c1")
    twin.commit("side", {"s.bin": noise(1800, 9)})
    twin.git("cherry-pick", "c1..c4")
    twin.git("revert", "--no-edit", "HEAD~3..HEAD")
    twin.git("cherry-pick", "c2", check=False)


def test_a_conflicting_pick_is_continued_skipped_or_aborted(twin: Twin) -> None:
    scenes.rivals(twin)
    twin.fails("cherry-pick", "base..rival")
    twin.git("checkout", "--theirs", "a.bin")
    twin.git("add", "a.bin")
    twin.git("cherry-pick", "--continue")
    twin.git("reset", "-q", "--hard", "main~2")
    twin.fails("cherry-pick", "base..rival")
    twin.git("cherry-pick", "--skip")
    twin.git("reset", "-q", "--hard", "HEAD~1")
    twin.fails("cherry-pick", "base..rival")
    twin.git("cherry-pick", "--abort")


def test_a_conflicting_revert_is_solved(twin: Twin) -> None:
    scenes.line(twin, 4)
    twin.fails("revert", "--no-edit", "c1")
    twin.git("checkout", "--ours", "a.bin")
    twin.git("add", "a.bin")
    twin.git("revert", "--continue")
