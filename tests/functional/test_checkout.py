"""checkout, switch, checkout -- path, restore, detached HEAD."""

from __future__ import annotations

from support import scenes
from support.content import noise
from support.twin import Twin


@scenes.both_ways
def test_switching_branches_brings_the_right_bytes(twin: Twin) -> None:
    scenes.two_branches(twin)
    twin.git("checkout", "-q", "topic")
    assert "t.bin" in twin.real.snapshot()
    twin.git("switch", "-q", "main")
    twin.git("switch", "-q", "-c", "new")
    twin.git("checkout", "-q", "-b", "other", "topic")
    twin.git("checkout", "-q", "-B", "other", "main")
    twin.git("switch", "-q", "--orphan", "empty")
    twin.git("checkout", "-q", "-f", "topic")
    twin.git("switch", "-q", "main")


def test_a_detached_head_brings_the_right_bytes(twin: Twin) -> None:
    scenes.two_branches(twin)
    twin.git("checkout", "-q", "HEAD~1")
    twin.git("switch", "-q", "--detach", "topic")
    twin.write({"d.bin": noise(2222, 5)})
    twin.git("add", "d.bin")
    twin.git("commit", "-qm", "on no branch")
    twin.git("checkout", "-q", "main")
    twin.git("checkout", "-q", "@{-1}")


@scenes.both_ways
def test_paths_are_restored_from_index_and_commits(twin: Twin) -> None:
    scenes.two_branches(twin)
    twin.write({"a.bin": b"spoilt", "c/deep.bin": b""}).remove("m.bin")
    twin.git("checkout", "--", "a.bin")
    twin.git("restore", ".")
    twin.git("checkout", "-q", "topic", "--", "t.bin", "c")
    twin.git("restore", "--staged", "t.bin")
    twin.git("restore", "--source=base", "--staged", "--worktree", "a.bin", "b.bin")
    twin.git("checkout", "-q", "HEAD", "--", ".")
    twin.git("restore", "--source=topic", "--worktree", "c/deep.bin")
    twin.git("checkout", "-q", "-f", "main")
    twin.git("clean", "-fdq")
    assert twin.real.is_clean()


def test_a_checkout_carries_local_changes_or_refuses(twin: Twin) -> None:
    scenes.two_branches(twin)
    twin.write({"c/table.bin": b"local change", "new.bin": noise(3333, 6)})
    twin.git("checkout", "-q", "topic")
    twin.write({"t.bin": b"local change that stands in the way"})
    assert "t.bin" in twin.fails("checkout", "-q", "main").err
    twin.git("checkout", "-q", "-m", "main", check=False)
    twin.git("checkout", "-q", "-f", "main")


def test_files_become_directories_links_and_scripts(twin: Twin) -> None:
    twin.commit("file", {"x.bin": noise(4000, 1), "y.bin": noise(4000, 2)})
    twin.symlink("link.bin", "x.bin")
    twin.commit("link")
    twin.quietly("switch", "-q", "-c", "changed")
    twin.remove("x.bin", "y.bin", "link.bin")
    twin.symlink("y.bin", "elsewhere/not there")
    twin.commit("changed", {"x.bin/inside.bin": noise(5000, 3), "link.bin": noise(6000, 4)})
    twin.chmod("link.bin", 0o755)
    twin.git("commit", "-qam", "a script of data")
    twin.git("switch", "-q", "main")
    twin.git("switch", "-q", "changed")
    assert twin.real.at("link.bin").stat().st_mode & 0o100
    twin.git("checkout", "-q", "HEAD~1")
    twin.git("checkout", "-q", "main", "--", "link.bin", check=False)
    twin.git("checkout", "-qf", "main")
    twin.chmod("x.bin", 0o755)
    twin.git("checkout", "-q", "changed", check=False)
    twin.git("checkout", "-q", "--", "x.bin", check=False)


def test_same_content_under_many_names(twin: Twin) -> None:
    data = noise(30_000, 7)
    twin.commit("many", {f"copy{n}.bin": data for n in range(6)})
    twin.quietly("switch", "-q", "-c", "none")
    twin.remove(*(f"copy{n}.bin" for n in range(1, 6)))
    twin.commit("none")
    twin.git("switch", "-q", "main")
    twin.git("mv", "copy0.bin", "moved.bin")
    twin.git("reset", "-q", "--hard", "none")
