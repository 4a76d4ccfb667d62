"""Disks that refuse: full ones and read-only ones, made with what the machine allows."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache

from support.repo import Repo, Result


@cache
def can_mount() -> bool:
    """True if a private mount is possible: as root, on Linux, outside the stricter containers."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    probe = 'd=$(mktemp -d) && mount -t tmpfs -o size=64k tmpfs "$d" && mount -o remount,ro "$d"'
    done = subprocess.run(["unshare", "-m", "sh", "-c", probe], capture_output=True, check=False)
    return done.returncode == 0


def with_small_files(repo: Repo, limit_kib: int, *args: str) -> Result:
    """Run git where no file can grow beyond a limit: to a program this looks like a full disk."""
    # dash counts in blocks of 512 bytes, bash in 1024; POSIX mode makes them agree.
    script = f'ulimit -f {limit_kib * 2}; exec git "$@"'
    return repo.machine.run("sh", "-c", script, "sh", *args, cwd=repo.path, check=False)


def with_private_mount(repo: Repo, script: str) -> Result:
    """Run a shell script (errexit) in the repository, where mounts are seen by nobody else."""
    return repo.machine.run("unshare", "-m", "sh", "-ec", script, cwd=repo.path, check=False)
