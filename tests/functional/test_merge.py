"""merge: fast-forward, real, squash, conflicts solved each way, aborted."""

from __future__ import annotations

from support import scenes
from support.content import noise
from support.twin import Twin


@scenes.both_ways
def test_fast_forward_real_and_squashed_merges(twin: Twin) -> None:
    scenes.two_branches(twin)
    twin.git("merge", "-q", "topic", "-m", "both")
    twin.git("switch", "-q", "topic")
    twin.git("merge", "-q", "--ff-only", "main")
    twin.git("reset", "-q", "--hard", "HEAD^2")
    twin.git("merge", "-q", "--no-commit", "HEAD@{1}^1")
    twin.git("merge", "--abort")
    twin.git("merge", "-q", "--squash", "main")
    twin.git("commit", "-qm", "squashed")
    twin.git("switch", "-q", "-c", "three", "base")
    twin.write({"x.bin": noise(1500, 4)})
    twin.git("add", "x.bin")
    twin.git("commit", "-qm", "x")
    twin.git("merge", "-q", "main~0^1", "-m", "octopus", "--no-ff")


@scenes.both_ways
def test_a_conflict_keeps_ours_until_it_is_solved(twin: Twin) -> None:
    scenes.rivals(twin)
    before = twin.read("a.bin")
    said = twin.fails("merge", "rival", "-m", "both")
    assert "a.bin" in said.out
    assert twin.read("a.bin") == before
    twin.git("checkout", "--theirs", "a.bin")
    assert twin.read("a.bin") != before
    twin.git("checkout", "--ours", "a.bin")
    twin.git("checkout", "--theirs", "--", ".")
    twin.git("add", "a.bin")
    twin.git("commit", "-qm", "theirs")
    twin.git("status")


def test_a_conflict_can_be_solved_by_hand_or_aborted(twin: Twin) -> None:
    scenes.rivals(twin)
    twin.fails("merge", "rival", "-m", "both")
    twin.git("checkout", "--merge", "a.bin", check=False)
    twin.git("diff", "--check", check=False)
    twin.git("merge", "--abort")
    twin.fails("merge", "rival", "-m", "both")
    twin.write({"a.bin": noise(3003, 77)})
    twin.git("commit", "-qam", "by hand")
    twin.git("reset", "-q", "--hard", "HEAD~1")
    twin.git("merge", "-q", "-X", "ours", "rival", "-m", "ours", check=False)
    twin.git("reset", "-q", "--hard")
    twin.git("merge", "-q", "-s", "ours", "rival", "-m", "ours whatever")


def test_one_side_deletes_what_the_other_edits(twin: Twin) -> None:
    scenes.one_commit(twin)
    twin.quietly("switch", "-q", "-c", "deletes")
    twin.remove("a.bin", "c/deep.bin")
    twin.commit("deletes")
    twin.quietly("switch", "-q", "main")
    twin.commit("edits", {"a.bin": noise(3001, 3)})
    twin.fails("merge", "deletes", "-m", "both")
    twin.git("rm", "-q", "a.bin")
    twin.git("commit", "-qm", "deleted")
    twin.git("reset", "-q", "--hard", "HEAD~1")
    twin.git("switch", "-q", "deletes")
    twin.fails("merge", "main", "-m", "both")
    twin.git("add", "a.bin")
    twin.git("commit", "-qm", "edited")


def test_both_add_and_one_renames(twin: Twin) -> None:
    scenes.one_commit(twin)
    twin.quietly("switch", "-q", "-c", "side")
    twin.quietly("mv", "c/deep.bin", "moved.bin")
    twin.commit("side", {"same.bin": noise(3000, 8), "differs.bin": noise(3000, 9)})
    twin.quietly("switch", "-q", "main")
    twin.commit("main", {"same.bin": noise(3000, 8), "differs.bin": noise(3000, 10)})
    twin.fails("merge", "side", "-m", "both")
    twin.git("checkout", "--theirs", "differs.bin")
    twin.git("add", "-A")
    twin.git("commit", "-qm", "both")


def test_renormalize_does_not_mint_wrong_pointers(twin: Twin) -> None:
    scenes.rivals(twin)
    twin.git("merge", "-q", "-X", "renormalize", "topic", "-m", "both")
    twin.fails("-c", "merge.renormalize=true", "merge", "rival", "-m", "all")
    twin.git("checkout", "--theirs", "a.bin", "c/deep.bin")
    twin.git("add", "-A")
    twin.git("add", "--renormalize", ".")
    twin.git("commit", "-qm", "all")
