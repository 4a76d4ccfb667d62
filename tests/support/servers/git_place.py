"""Git remotes with a git-lfs server, as places for data."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from support.repo import Machine
from support.servers.place import RemotePlace

from git_mlvc.git import config
from git_mlvc.git.remote import GitRemote
from git_mlvc.git.repository import Repository


def bare_repository(path: Path) -> Path:
    """Make an empty one that may be pushed to over HTTP."""
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", path], check=True)
    subprocess.run(["git", "-C", path, "config", "http.receivepack", "true"], check=True)
    return path


def lfs_place(
    directory: Path, git_config: Mapping[str, str], git_url: str | None = None
) -> RemotePlace:
    """Return the place of a git remote, by default a new bare repository in `directory`.

    Each driver that is opened there gets a clone of its own, with `git_config`, as another person would.
    """
    directory.mkdir(parents=True)
    url = git_url or str(bare_repository(directory / "origin.git"))

    def git_remote(asked: str) -> GitRemote:
        number = len(os.listdir(directory))
        machine = Machine(directory / f"person{number}")
        repo = machine.init("clone")
        for key, value in git_config.items():
            repo.set(key, value)
        repository = Repository.discover(repo.path, machine.env())
        known = config.read(repository.git)
        return GitRemote(repository, known, asked, repo.store / "remotes", idle_timeout_s=20)

    return RemotePlace(f"lfs:{url}", git_config=git_config, git_url=url, git_remote=git_remote)
