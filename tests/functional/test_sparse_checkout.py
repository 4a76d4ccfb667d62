"""sparse-checkout set, add, disable; with patterns, cones and a sparse index."""

from __future__ import annotations

import pytest
from support import scenes
from support.content import noise
from support.repo import git_version
from support.twin import Twin


def test_directories_leave_and_come_back(twin: Twin) -> None:
    scenes.two_branches(twin)
    twin.git("sparse-checkout", "init", "--cone")
    assert not twin.real.has("c/deep.bin")
    twin.git("sparse-checkout", "set", "c")
    twin.git("switch", "-q", "topic")
    twin.git("sparse-checkout", "set", "--no-cone", "/*", "!/c/", "!a.bin")
    twin.git("switch", "-q", "main")
    twin.git("sparse-checkout", "disable")


@pytest.mark.skipif(git_version() < (2, 34), reason="git before 2.34 has no usable sparse index")
def test_a_sparse_index_stays_sound(twin: Twin) -> None:
    scenes.two_branches(twin)
    twin.commit("more", {"d/e/f.bin": noise(5000, 3), "d/g.bin": noise(5000, 4)})
    twin.git("sparse-checkout", "set", "--cone", "--sparse-index", "d")
    twin.git("switch", "-q", "topic")
    twin.git("switch", "-q", "main")
    twin.write({"d/g.bin": noise(6000, 5)})
    twin.git("commit", "-qam", "in the cone")
    twin.git("merge", "-q", "topic", "-m", "both")
    twin.git("sparse-checkout", "disable")
    twin.both(lambda repo: repo.git("fsck", "--strict", tick=False))
