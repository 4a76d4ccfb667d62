"""difftool and mergetool: other people's programs are given real content."""

from __future__ import annotations

from support import scenes
from support.content import noise
from support.twin import Twin


def test_difftool_compares_real_content(twin: Twin) -> None:
    scenes.two_branches(twin)
    twin.write({"a.bin": noise(3000, 71)})
    look = 'cksum < "$LOCAL" >> ../seen; cksum < "$REMOTE" >> ../seen'
    settings = ("-c", f"difftool.look.cmd={look}")
    twin.git(*settings, "difftool", "-y", "-t", "look")
    twin.git(*settings, "difftool", "-y", "-t", "look", "base", "topic")
    real, plain = (repo.path.parent / "seen" for repo in twin.pair)
    assert real.read_text() == plain.read_text()


def test_mergetool_merges_real_content(twin: Twin) -> None:
    scenes.rivals(twin)
    twin.fails("merge", "rival", "-m", "both")
    look = 'cksum "$BASE" "$LOCAL" "$REMOTE" | cut -c-14 >> ../seen; cp "$REMOTE" "$MERGED"'
    settings = ("-c", f"mergetool.take.cmd={look}", "-c", "mergetool.take.trustExitCode=true")
    twin.git(*settings, "-c", "mergetool.keepBackup=false", "mergetool", "-y", "-t", "take")
    twin.git("commit", "-qm", "merged with a tool")
    real, plain = (repo.path.parent / "seen" for repo in twin.pair)
    assert real.read_text() == plain.read_text()
    assert real.read_text().count("\n") == 3
