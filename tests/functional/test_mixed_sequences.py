"""Long mixed sequences: verbs that meet in one repository, as on a working day."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import scenes
from support.content import noise
from support.extent import cases
from support.twin import Twin

# Between commits in which `a.bin` is 0 a file, 1 a directory, 2 a link, 3 empty, 4 a program.
JUMPS = [(0, 4), (1, 2), (3, 1), (4, 2), (0, 1), (2, 0)]


@pytest.mark.parametrize("limit", cases(["1KiB", None], ["1KiB"]))
def test_files_directories_and_links_take_each_others_names(
    tmp_path: Path, limit: str | None
) -> None:
    twin = scenes.one_commit(Twin.start(tmp_path, limit))
    twin.quietly("tag", "f0")
    twin.remove("a.bin").write({"a.bin/x.bin": noise(4000, 1), "a.bin/y.bin": noise(10, 2)})
    twin.commit("a directory").quietly("tag", "f1")
    twin.remove("a.bin").symlink("a.bin", "c/deep.bin").commit("a link").quietly("tag", "f2")
    twin.remove("a.bin").write({"a.bin": b""}).commit("empty").quietly("tag", "f3")
    twin.write({"a.bin": noise(9000, 3)}).chmod("a.bin", 0o755).commit("program").quietly(
        "tag", "f4"
    )
    for there, back in cases(JUMPS, JUMPS[:3]):
        twin.git("checkout", "-q", f"f{there}")
        twin.git("reset", "-q", "--hard", f"f{back}")
    twin.git("checkout", "-q", "f4")
    twin.chmod("a.bin", 0o644)
    twin.git("stash", "-q")
    twin.git("stash", "pop", "-q")
    twin.compare_history()


def test_a_rebase_is_interrupted_by_everything(twin: Twin) -> None:
    scenes.rivals(twin)
    twin.quietly("switch", "-q", "rival")
    edit = {"GIT_SEQUENCE_EDITOR": "sed -i.bak 1s/pick/edit/"}
    twin.fails("rebase", "-q", "-i", "--onto", "main", "base", env=edit)
    twin.git("checkout", "--theirs", ".")
    twin.git("add", "-A")
    twin.git("commit", "-q", "-m", "by hand")
    twin.write({"x.bin": noise(2222, 8)})
    twin.git("stash", "-q", "-u")
    twin.git("stash", "pop", "-q")
    twin.git("checkout", "-q", "topic", "--", "t.bin")
    twin.git("add", "-A")
    twin.git("commit", "-q", "--amend", "--no-edit")
    twin.git("rebase", "--continue")
    twin.git(
        "rebase",
        "-q",
        "--force-rebase",
        "--exec",
        "git checkout -q base && git checkout -q -",
        "main",
    )
    twin.git("switch", "-q", "main")
    twin.fails("cherry-pick", "base..rival")
    twin.git("checkout", "-q", "-f", "topic")
    twin.git("cherry-pick", "--quit", check=False)


def test_orphans_and_commits_from_before_the_attributes(twin: Twin) -> None:
    twin.remove(".gitattributes").commit("before", {"code.py": b"x\n"}).quietly("tag", "before")
    twin.both(lambda repo: repo.track("*.bin"))
    scenes.one_commit(twin)
    twin.git("switch", "-q", "--detach", "before")
    twin.git("switch", "-q", "main")
    twin.git("switch", "-q", "--orphan", "nothing")
    twin.git("commit", "-q", "--allow-empty", "-m", "nothing")
    twin.git("checkout", "-q", "main", "--", ".")
    twin.git("reset", "-q", "--hard", "before")
    twin.git("checkout", "-q", "main", "--", ".")
    twin.git("reset", "-q", "--hard")
    twin.git("merge", "-q", "--allow-unrelated-histories", "-m", "both", "main")


SETTINGS = {
    "v4": {"index.version": "4", "feature.manyFiles": "true", "index.skipHash": "true"},
    "split": {"core.splitIndex": "true", "core.autocrlf": "true", "merge.conflictStyle": "diff3"},
    "minimal": {"core.trustctime": "false", "core.checkStat": "minimal", "rerere.enabled": "true"},
}


@pytest.mark.parametrize("settings", cases(SETTINGS, ["split"]))
def test_a_working_day_under_other_settings(twin: Twin, settings: str) -> None:
    for key, value in SETTINGS[settings].items():
        twin.both(lambda repo, key=key, value=value: repo.set(key, value))
    scenes.two_branches(twin)
    twin.git("checkout", "-q", "topic")
    twin.git("checkout", "-q", "main")
    twin.git("merge", "-q", "-m", "both", "topic")
    twin.git("reset", "-q", "--hard", "HEAD~1")
    twin.git("rebase", "-q", "topic")
    twin.git("revert", "--no-edit", "HEAD")
    twin.write({"a.bin": noise(4444, 1), "zz.bin": noise(5555, 2)})
    twin.git("stash", "-q", "-u")
    twin.git("checkout", "-q", "base")
    twin.git("stash", "pop", "-q")
    twin.git("reset", "-q", "--hard")
    twin.git("checkout", "-q", "main", "--", ".")
