"""Bare repositories: as remotes, as sources, and as something to work from with worktrees."""

from __future__ import annotations

from support import scenes
from support.twin import Twin


def test_a_bare_repository_is_cloned_pushed_and_given_worktrees(twin: Twin) -> None:
    scenes.two_branches(twin)
    bare = twin.bare()
    twin.git("push", "-q", "../origin.git", "--all")
    bare.quietly("branch", "side", "topic")
    bare.quietly("worktree", "add", "-q", "../from-bare", "main")
    work = twin.beside("from-bare")
    work.compare("worktree add from a bare repository")
    work.git("switch", "-q", "side")
    work.git("reset", "-q", "--hard", "main~1")
    again = twin.bare("again.git")
    bare.quietly("push", "-q", "../again.git", "--all")
    again.compare_history()
    copy = twin.clone("again.git", "copy")
    copy.git("checkout", "-q", "origin/topic")
    bare.quietly("gc", "-q", "--prune=now")
    bare.quietly("fsck")
