"""reset --hard, --keep, --merge, --mixed, --soft."""

from __future__ import annotations

from support import scenes
from support.content import noise
from support.twin import Twin


@scenes.both_ways
def test_reset_hard_brings_each_commits_bytes(twin: Twin) -> None:
    scenes.two_branches(twin)
    twin.write({"a.bin": b"spoilt", "code.py": b"spoilt", "staged.bin": noise(4000, 5)})
    twin.git("add", "staged.bin")
    twin.git("reset", "-q", "--hard")
    twin.git("reset", "-q", "--hard", "base")
    twin.git("reset", "-q", "--hard", "topic")
    twin.git("reset", "-q", "--hard", "ORIG_HEAD")
    twin.remove("a.bin", "c")
    twin.git("reset", "-q", "--hard", "HEAD@{1}")


def test_reset_keep_keeps_what_it_can_and_refuses_the_rest(twin: Twin) -> None:
    scenes.two_branches(twin)
    twin.quietly("tag", "old")
    twin.write({"c/table.bin": b"kept"})
    twin.git("reset", "-q", "--keep", "base")
    twin.git("reset", "-q", "--keep", "topic")
    twin.write({"c/deep.bin": b"stands in the way"})
    twin.fails("reset", "-q", "--keep", "old")
    twin.fails("reset", "-q", "--merge", "old")


def test_reset_soft_and_mixed_leave_the_files_alone(twin: Twin) -> None:
    scenes.two_branches(twin)
    twin.git("reset", "-q", "--soft", "base")
    twin.git("commit", "-qm", "again")
    twin.git("reset", "-q", "topic")
    twin.git("reset", "-q", "main", "--", "m.bin")
    twin.git("add", "-A")
    twin.git("reset", "-q", "--hard", "main")
