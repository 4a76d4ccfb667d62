"""The oracle itself: it must pass twins that are alike and catch each way of being different."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.content import is_pointer, noise, pointer_to
from support.twin import Twin


@pytest.fixture
def alike(tmp_path: Path) -> Twin:
    """A pair in which neither has a filter."""
    twin = Twin.start(tmp_path, filtered=False)
    return twin.commit("one", {"a.bin": noise(3000), "code.py": b"x = 1\n"})


def test_two_repositories_without_a_filter_are_alike(alike: Twin) -> None:
    alike.git("switch", "-q", "-c", "topic")
    alike.commit("two", {"a.bin": noise(3000, 1), "b/c.bin": b"x"})
    alike.git("switch", "-q", "main")
    alike.write({"code.py": b"x = 2\n"}).git("stash", "-q")
    alike.git("stash", "pop", "-q")
    alike.git("commit", "-qam", "three")
    alike.git("merge", "-q", "topic", "-m", "both")
    alike.git("revert", "-m1", "HEAD", "--no-edit")
    alike.git("tag", "-a", "v1", "-m", "annotated")
    origin = alike.bare()
    alike.git("push", "-q", "../origin.git", "--all")
    origin.compare("push")
    alike.clone("origin.git", "copy").git("checkout", "-q", "HEAD~1")


def test_a_filter_that_never_ran_is_noticed(alike: Twin) -> None:
    with pytest.raises(AssertionError, match="not its pointer"):
        alike.compare_history()


def test_other_bytes_are_noticed(alike: Twin) -> None:
    alike.real.write({"a.bin": noise(3000, 9)})
    with pytest.raises(AssertionError, match=r"a\.bin"):
        alike.compare("nothing")


def test_another_mode_is_noticed(alike: Twin) -> None:
    alike.real.at("a.bin").chmod(0o600)
    with pytest.raises(AssertionError, match=r"a\.bin"):
        alike.compare("nothing")


def test_another_status_is_noticed(alike: Twin) -> None:
    alike.real.git("rm", "-q", "--cached", "a.bin", tick=False)
    with pytest.raises(AssertionError, match="git status says"):
        alike.compare("nothing")


def test_another_history_is_noticed(alike: Twin) -> None:
    alike.real.git("commit", "-q", "--amend", "-m", "other", tick=False)
    with pytest.raises(AssertionError, match="graphs differ"):
        alike.compare("nothing")


def test_another_exit_code_is_noticed(alike: Twin) -> None:
    alike.real.set("alias.odd", "rev-parse --verify nothing-like-this")
    alike.plain.set("alias.odd", "rev-parse HEAD")
    with pytest.raises(AssertionError, match="without:"):
        alike.git("odd", check=False)


def test_pointers_made_by_hand_are_pointers() -> None:
    assert is_pointer(pointer_to(b"content"))
    assert pointer_to(b"") == b""
