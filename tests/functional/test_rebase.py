"""rebase: plain, with conflicts, interactive, with --exec, --autostash, --abort."""

from __future__ import annotations

from support import scenes
from support.content import noise
from support.twin import Twin


@scenes.both_ways
def test_a_plain_rebase(twin: Twin) -> None:
    scenes.rivals(twin)
    twin.git("rebase", "-q", "main", "topic")
    twin.git("switch", "-q", "main")
    twin.git("rebase", "-q", "topic")
    twin.git("rebase", "-q", "--onto", "base", "topic", "rival")
    twin.git("rebase", "-q", "--apply", "base", "topic")
    twin.git("rebase", "-q", "--force-rebase", "HEAD~1")


@scenes.both_ways
def test_a_conflict_is_solved_and_continued(twin: Twin) -> None:
    scenes.rivals(twin)
    twin.git("switch", "-q", "rival")
    twin.fails("rebase", "main")
    twin.git("checkout", "--theirs", "a.bin")
    twin.git("add", "a.bin")
    twin.git("rebase", "--continue")
    assert twin.real.text("log", "--format=%s", "-3") == "rival two\nrival one\nmain"


def test_a_conflict_is_skipped_or_aborted(twin: Twin) -> None:
    scenes.rivals(twin)
    twin.git("switch", "-q", "rival")
    twin.fails("rebase", "main")
    twin.git("rebase", "--abort")
    twin.fails("rebase", "--apply", "main")
    twin.git("checkout", "--ours", "a.bin")
    twin.git("rebase", "--skip")


@scenes.both_ways
def test_autostash_brings_local_changes_back(twin: Twin) -> None:
    scenes.two_branches(twin)
    twin.write({"c/table.bin": noise(7000, 5), "code.py": scenes.CODE + b"more = 1\n"})
    twin.git("rebase", "-q", "--autostash", "topic")
    twin.git("add", "c/table.bin")
    twin.git("rebase", "-q", "--autostash", "--onto", "base", "HEAD~1")


def test_every_step_of_a_rebase_sees_real_content(twin: Twin) -> None:
    scenes.rivals(twin)
    twin.quietly("switch", "-q", "-c", "six", "rival")
    twin.commit("rival three", {"r2.bin": noise(9002, 15), "big.bin": noise(90_000, 16)})
    look = "cat *.bin c/*.bin | cksum >> ../seen"
    twin.git("rebase", "-q", "--exec", look, "--onto", "main", "rival~1")
    real, plain = (repo.path.parent / "seen" for repo in twin.pair)
    assert real.read_text() == plain.read_text()
    assert real.read_text().count("\n") == 2


def test_an_interactive_rebase_stops_edits_and_squashes(twin: Twin) -> None:
    scenes.line(twin, 5)
    twin.git("rebase", "-q", "-i", "c1", env={"GIT_SEQUENCE_EDITOR": "sed -i.bak 1s/^pick/edit/"})
    twin.write({"f2.bin": noise(2002, 50), "extra.bin": noise(2003, 51)})
    twin.git("add", "-A")
    twin.git("commit", "-q", "--amend", "--no-edit")
    twin.git("rebase", "--continue")
    twin.git("rebase", "-q", "-i", "c0", env={"GIT_SEQUENCE_EDITOR": "sed -i.bak 2s/^pick/fixup/"})
    twin.git("rebase", "-q", "--root")


def test_a_rebase_with_merges_rebuilds_them(twin: Twin) -> None:
    scenes.two_branches(twin)
    twin.quietly("merge", "-q", "topic", "-m", "both")
    twin.quietly("switch", "-q", "-c", "under", "base")
    twin.commit("under", {"u.bin": noise(2500, 60)})
    twin.git("rebase", "-q", "--rebase-merges", "under", "main")
