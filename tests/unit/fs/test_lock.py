"""One holder at a time; whoever waits in vain is told for whom."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from git_mlvc.errors import StoreLocked
from git_mlvc.fs.atomic import Permissions
from git_mlvc.fs.lock import FileLock
from git_mlvc.fs.owner import Owner

HOLD = """
import sys
from pathlib import Path
from git_mlvc.fs.lock import FileLock
lock = FileLock(Path(sys.argv[1]), timeout_s=5, owner_note="git mlvc prune")
lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""


def holder(path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    return process


def end(process):
    process.stdin.close()
    process.stdout.close()
    process.wait()


def test_two_locks_on_one_path_exclude_each_other_inside_a_process(tmp_path):
    path = tmp_path / "lock"
    with FileLock(path, timeout_s=0), pytest.raises(StoreLocked):
        FileLock(path, timeout_s=0).acquire()
    with FileLock(path, timeout_s=0):
        pass


def test_the_refusal_names_the_process_and_what_it_does(tmp_path):
    path = tmp_path / "lock"
    process = holder(path)
    try:
        with pytest.raises(StoreLocked) as caught:
            FileLock(path, timeout_s=0.01).acquire()
        assert f"process {process.pid} on" in caught.value.why
        assert "git mlvc prune" in caught.value.why
        assert str(path) in caught.value.what
    finally:
        end(process)


def test_a_killed_holder_lets_go(tmp_path):
    path = tmp_path / "lock"
    process = holder(path)
    process.kill()
    end(process)
    with FileLock(path, timeout_s=0) as lock:
        assert path.read_bytes().startswith(Owner.current().encode())
        assert lock.path == path


def test_a_waiter_gets_the_lock_when_it_is_released(tmp_path):
    path = tmp_path / "lock"
    first = FileLock(path, timeout_s=0)
    first.acquire()
    done = threading.Event()

    def wait():
        with FileLock(path, timeout_s=30):
            done.set()

    thread = threading.Thread(target=wait)
    thread.start()
    assert not done.is_set()
    first.release()
    thread.join(30)
    assert done.is_set()


def test_a_shared_store_gets_a_lock_that_others_may_use(tmp_path):
    path = tmp_path / "lock"
    with FileLock(path, timeout_s=0, permissions=Permissions(file_mode=0o664)):
        assert path.stat().st_mode & 0o777 == 0o664


def test_a_lock_file_that_cannot_be_written_still_locks(tmp_path, monkeypatch):
    path = tmp_path / "lock"
    path.write_bytes(b"")
    real = os.open

    def read_only(name, flags, *rest):
        if flags & os.O_RDWR and not flags & os.O_CREAT:
            raise PermissionError("another user's file")
        return real(name, flags, *rest)

    monkeypatch.setattr(os, "open", read_only)
    with FileLock(path, timeout_s=0), pytest.raises(StoreLocked):
        FileLock(path, timeout_s=0).acquire()


def test_release_twice_is_harmless_and_acquire_twice_is_a_mistake(tmp_path):
    lock = FileLock(tmp_path / "lock", timeout_s=0)
    lock.acquire()
    with pytest.raises(ValueError):
        lock.acquire()
    lock.release()
    lock.release()


def test_a_started_program_does_not_inherit_the_lock(tmp_path):
    path = tmp_path / "lock"
    lock = FileLock(path, timeout_s=0)
    lock.acquire()
    process = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"],
        stdin=subprocess.PIPE,
        close_fds=False,
    )
    lock.release()
    with FileLock(path, timeout_s=0):
        pass
    assert process.stdin is not None
    process.stdin.close()
    process.wait()


def test_a_file_that_holds_no_owner_is_still_a_lock(tmp_path):
    path = tmp_path / "lock"
    with FileLock(path, timeout_s=0):
        path.write_bytes(os.urandom(100))
        with pytest.raises(StoreLocked, match="another process"):
            FileLock(path, timeout_s=0).acquire()
