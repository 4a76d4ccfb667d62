"""Ann and Ben, each on a machine of her or his own, and one place for their data."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from support.repo import Machine, Repo, Result
from support.servers.git_place import bare_repository
from support.servers.place import RemotePlace

from git_mlvc.backend import registry

REMOTE = "lab"


def machine_for(place: RemotePlace, root: Path) -> Machine:
    """Return a machine that is let in at `place`, with `git mlvc install` done."""
    machine = Machine(root).install()
    machine.extra_env.update(place.environment)
    for key, value in place.git_config.items():
        machine.config(key, value)
    return machine


def is_private(place: RemotePlace) -> bool:
    """True for what a clone may not define: each person has to."""
    return registry.kind_of(place.url).is_private


def add_remote(repo: Repo, place: RemotePlace) -> None:
    """Define the place as a user does, and let pushes go there."""
    url = "lfs" if place.url == f"lfs:{place.git_url}" else place.url
    words = ["remote", "add", REMOTE, url, "--default"]
    for name, value in place.options.items():
        words += ["-o", f"{name}={value}"]
    if is_private(place):
        words.append("--private")
    repo.mlvc(*words)


@dataclass(frozen=True)
class Project:
    """Ann's repository, and how it is cloned. Nothing is pushed yet."""

    ann: Repo
    git_url: str
    place: RemotePlace

    def clone_for(self, machine: Machine, place: RemotePlace | None = None) -> Repo:
        """Clone, and do what a new colleague is told to: trust the remote, run init. `place`: as she sees it."""
        repo = machine.clone(self.git_url, "project")
        seen = place or self.place
        if seen.url != self.place.url:
            repo.git("config", f"mlvc.remote.{REMOTE}.url", seen.url)
        elif is_private(seen):
            add_remote(repo, seen)
        else:
            repo.mlvc("remote", "trust", REMOTE)
        repo.mlvc("init")
        return repo


def start(place: RemotePlace, tmp_path: Path) -> Project:
    """Make Ann's project, its data remote defined and committed, its git remote empty."""
    machine = machine_for(place, tmp_path / "ann")
    git_url = place.git_url or str(Machine(tmp_path / "host").bare("project.git").path)
    if git_url.startswith("ssh:") and not Path(urlsplit(git_url).path).exists():
        bare_repository(Path(urlsplit(git_url).path))
    ann = machine.init("project").track("*.bin")
    add_remote(ann, place)
    ann.git("remote", "add", "origin", git_url)
    ann.add().commit("set up")
    return Project(ann, git_url, place)


def at_once(*commands: Callable[[], Result]) -> list[Result]:
    """Run commands in processes that start together; raises what the first of them raised."""
    barrier = threading.Barrier(len(commands))
    came: dict[int, Result | BaseException] = {}

    def run(number: int, command: Callable[[], Result]) -> None:
        barrier.wait()
        try:
            came[number] = command()
        except BaseException as exc:
            came[number] = exc

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(commands)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for outcome in came.values():
        if isinstance(outcome, BaseException):
            raise outcome
    return [came[number] for number in range(len(commands))]  # type: ignore[misc]
