"""The forms git's index can have: we write into it ourselves when a stub has been filled."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import scenes
from support.content import noise
from support.extent import cases
from support.repo import git_version
from support.twin import Twin

FORMS = {
    "version 4": (("index.version", "4"),),
    "split": (("core.splitIndex", "true"), ("splitIndex.maxPercentChange", "90")),
    "many files": (("feature.manyFiles", "true"), ("index.threads", "2")),
    "no checksum": (("index.skipHash", "true"),),
    "no ctime": (("core.trustctime", "false"), ("core.checkStat", "minimal")),
    "no racy marks": (("core.preloadIndex", "false"), ("core.untrackedCache", "true")),
}
SHORT = ("split",)  # version 4 goes with sha256 below


def a_day(twin: Twin) -> None:
    scenes.two_branches(twin)
    twin.git("switch", "-q", "topic")
    twin.git("reset", "-q", "--hard", "main")
    twin.write({"c/table.bin": noise(3000, 61)})
    twin.git("stash", "-q")
    twin.git("merge", "-q", "topic@{1}", "-m", "both")
    twin.git("stash", "pop", "-q")
    twin.git("commit", "-qam", "more")
    twin.git("rebase", "-q", "--onto", "base", "HEAD~1")
    twin.git("checkout", "-q", "main", "--", ".")
    twin.both(lambda repo: repo.git("fsck", "--strict", tick=False))
    twin.both(lambda repo: repo.git("ls-files", "--stage", tick=False))


@pytest.mark.parametrize("form", cases(FORMS, SHORT))
def test_any_form_of_the_index(tmp_path: Path, form: str) -> None:
    twin = Twin.start(tmp_path, "1KiB")
    for key, value in FORMS[form]:
        twin.both(lambda repo, key=key, value=value: repo.set(key, value))
    a_day(twin)
    twin.compare_history()


@pytest.mark.skipif(git_version() < (2, 29), reason="git before 2.29 knows only SHA-1")
def test_an_index_of_sha256_and_version_4(tmp_path: Path) -> None:
    twin = Twin.start(tmp_path, "1KiB", init=("--object-format=sha256",))
    twin.both(lambda repo: repo.set("index.version", "4"))
    a_day(twin)
    twin.compare_history()
