"""Somebody else holds git's index while we fill: the bytes are right at once, git is told later."""

from __future__ import annotations

import threading
from pathlib import Path

from support.content import noise
from support.repo import Machine, Repo


def _repo(tmp_path: Path) -> Repo:
    machine = Machine(tmp_path).install().config("mlvc.inlineLimit", "1000")
    repo = machine.init().track("*.bin")
    repo.write({f"{n}.bin": noise(5000, n) for n in range(40)}).add().commit("one")
    repo.write({f"{n}.bin": noise(6000, n) for n in range(40)}).add().commit("two")
    return repo


def test_what_git_could_not_be_told_the_next_hook_tells(tmp_path: Path) -> None:
    repo = _repo(tmp_path)
    lock = repo.git_dir / "index.lock"
    hook = repo.git_dir / "hooks" / "post-index-change"
    if hook.exists():  # somebody takes the lock in the moment between git and us
        hook.write_text(hook.read_text().replace("#!/bin/sh\n", f"#!/bin/sh\n: >'{lock}'\n", 1))
    repo.git("checkout", "-q", "HEAD~1")
    assert repo.read("3.bin") == noise(5000, 3)
    if hook.exists():
        hook.write_text(hook.read_text().replace(f": >'{lock}'\n", "", 1))
    lock.unlink(missing_ok=True)
    repo.git("mlvc", "fill")
    assert repo.is_clean()


def test_a_gui_that_asks_for_status_all_the_time_disturbs_nothing(tmp_path: Path) -> None:
    repo = _repo(tmp_path)
    stop = threading.Event()

    def poll() -> None:
        while not stop.is_set():
            repo.git("status", "--porcelain", tick=False)

    gui = threading.Thread(target=poll)
    gui.start()
    try:
        for rev in ("HEAD~1", "main", "HEAD~1"):
            done = repo.git("checkout", "-q", rev, check=False)
            while not done.ok and "index.lock" in done.err:  # git itself does not wait for the lock
                done = repo.git("checkout", "-q", rev, check=False)
            assert done.ok, done
    finally:
        stop.set()
        gui.join()
    assert repo.read("7.bin") == noise(5000, 7)
    assert repo.is_clean()
    assert not (repo.git_dir / "index.lock").exists()
