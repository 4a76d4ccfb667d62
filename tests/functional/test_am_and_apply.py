"""am, apply --index, format-patch between repositories that share the data."""

from __future__ import annotations

from support import scenes
from support.content import noise
from support.twin import Twin


def test_a_series_of_mails_is_applied(twin: Twin) -> None:
    scenes.line(twin, 4)
    twin.git("format-patch", "-q", "--binary", "-o", "../mails", "c1..c3")
    twin.git("switch", "-q", "-c", "by-mail", "c1")
    twin.write({"side.bin": noise(1700, 4)})
    twin.git("add", "side.bin")
    twin.git("commit", "-qm", "side")
    twin.git("am", "-q", "{root}/mails/0001-c2.patch", "{root}/mails/0002-c3.patch")
    twin.git("diff", "--quiet", "c3", "--", "a.bin", "f2.bin")


def test_a_mail_that_does_not_apply_is_aborted(twin: Twin) -> None:
    scenes.line(twin, 4)
    twin.git("format-patch", "-q", "--binary", "-o", "../mails", "c1..c3")
    twin.git("switch", "-q", "-c", "by-mail", "c0")
    twin.write({"a.bin": noise(50, 4)})
    twin.git("commit", "-qam", "other")
    twin.fails("am", "-q", "{root}/mails/0001-c2.patch", "{root}/mails/0002-c3.patch")
    twin.git("am", "--abort")


def test_a_patch_is_applied_to_index_and_worktree(twin: Twin) -> None:
    scenes.two_branches(twin)
    for name, ends in (("to-topic", ("main", "topic")), ("to-main", ("topic", "main"))):
        for repo in twin.pair:
            patch = repo.git("diff", "--binary", "--full-index", *ends, tick=False).stdout
            repo.machine.path(name).write_bytes(patch)
    twin.git("apply", "--index", "../to-topic")
    twin.git("apply", "--index", "-R", "../to-topic")
    assert twin.real.is_clean()
    twin.git("apply", "--cached", "../to-topic")
    twin.git("reset", "-q", "--hard")
    twin.git("switch", "-q", "topic")
    twin.git("apply", "--index", "--3way", "../to-main")
    twin.git("commit", "-qm", "as main")
