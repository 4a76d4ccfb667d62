"""`git status` asks the filter nothing once a second has passed, whatever command came before.

Git cleans a file again when it was written in the same second as the index. One wait serves all commands:
each has a worktree, and so an index, of its own.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from support import scenes
from support.content import noise
from support.extent import cases
from support.repo import Repo
from support.twin import Twin

COMMANDS: dict[str, tuple[str, ...]] = {
    "worktree add": ("status",),
    "checkout": ("checkout -q --detach topic",),
    "checkout paths": ("checkout -q topic -- c",),
    "restore": ("rm -rq a.bin c", "restore --staged --worktree ."),
    "reset": ("reset -q --hard topic",),
    "merge": ("merge -q topic -m both",),
    "rebase": ("rebase -q topic",),
    "cherry-pick": ("cherry-pick topic",),
    "range": ("cherry-pick base..rival~1 -X theirs", "revert --no-edit HEAD"),
    "sparse": ("sparse-checkout set --no-cone /* !/c/", "sparse-checkout set --no-cone /*"),
}
# One of those that write files by the index, by hooks, one by one, and in steps.
SHORT = ("checkout", "checkout paths", "merge", "range", "sparse")
ALSO_INLINE = ("checkout", "merge", "rebase")
INLINE = "32MiB"


def test_a_status_one_second_later_cleans_nothing(tmp_path: Path) -> None:
    trees: dict[str, Repo] = {}
    for limit in cases(("1KiB", INLINE), ["1KiB"]):
        twin = Twin.start(tmp_path / limit, limit)
        repo = scenes.rivals(twin).real
        for label in cases(COMMANDS, SHORT):
            commands = COMMANDS[label]
            if limit == INLINE and label not in ALSO_INLINE:
                continue
            name = f"tree {label}"
            repo.git("worktree", "add", "-q", "--detach", f"../{name}", "main")
            tree = trees[f"{label} ({limit})"] = repo.worktree(name)
            for command in commands:
                tree.git(*command.split(" "))
        tree = trees[f"stash ({limit})"] = repo
        tree.write_now({"a.bin": noise(3000, 55)})
        tree.git("stash", "-q", "-u")
        tree.git("stash", "pop", "-q")
        tree.git("commit", "-qam", "changed")
        trees[f"clone ({limit})"] = repo.machine.clone("repo", "copy")
    for tree in trees.values():
        tree.status()
    time.sleep(1.01)  # the one second of the promise, once for everybody
    asked = {label: tree.cleans("status") for label, tree in trees.items()}
    assert {label: paths for label, paths in asked.items() if paths} == {}


def test_a_file_that_was_only_touched_is_cleaned_once(tmp_path: Path) -> None:
    repo = scenes.one_commit(Twin.start(tmp_path)).real
    now = time.time()
    for _, path in repo.files():  # none is as young as the index: git need not look inside
        os.utime(path, (now - 200, now - 200))
    repo.status()
    os.utime(repo.at("a.bin"), (now - 100, now - 100))
    assert repo.cleans("status") == ["a.bin"]
    assert repo.cleans("status") == []
