"""worktree add, move, remove: one store, several indexes."""

from __future__ import annotations

from support import scenes
from support.content import noise
from support.twin import Twin


def test_a_linked_worktree_has_real_content(twin: Twin) -> None:
    scenes.two_branches(twin)
    twin.git("worktree", "add", "-q", "../linked", "topic")
    linked = twin.beside("linked")
    linked.compare("worktree add")
    linked.write({"l.bin": noise(8000, 4)})
    linked.git("add", "l.bin")
    linked.git("commit", "-qm", "in the linked worktree")
    linked.git("reset", "-q", "--hard", "main")
    linked.git("reset", "-q", "--hard", "HEAD@{1}")
    twin.git("merge", "-q", "topic", "-m", "both")
    assert linked.real.store == twin.real.store
    twin.git("worktree", "add", "-q", "--detach", "../other dir", "base")
    twin.beside("other dir").git("checkout", "-q", "main~1")
    twin.git("worktree", "move", "../linked", "../moved")
    twin.beside("moved").git("switch", "-q", "-c", "more", "base")
    twin.git("worktree", "remove", "../moved")
    twin.git("worktree", "list")
