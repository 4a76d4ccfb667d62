"""Two repositories with the filter that are alike: one gets `git mlvc add`, the other `git add`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from support.content import is_pointer
from support.repo import Clock, Machine, Name, Repo, Result
from support.twin import blobs

from git_mlvc.formats import pointer
from git_mlvc.store.store import Store

LONG_AGO_S = 1000


@dataclass(frozen=True)
class AddPair:
    """`ours` and `gits` live on machines of their own, at equal paths below each machine's root."""

    ours: Repo
    gits: Repo

    @classmethod
    def start(cls, root: Path, *init: str) -> AddPair:
        clock = Clock()
        machines = [Machine(root / name, clock).install() for name in ("ours", "gits")]
        pair = cls(*(machine.init("repo", *init) for machine in machines))
        return pair.both(lambda repo: repo.track("*.bin"))

    def both(self, action: Callable[[Repo], object]) -> AddPair:
        for repo in (self.ours, self.gits):
            action(repo)
        return self

    def write(self, files: Mapping[str, bytes] | Mapping[bytes, bytes]) -> AddPair:
        """Write files as if it had been long ago, so that git trusts their time stamps."""

        def write(repo: Repo) -> None:
            repo.write(files)
            for name in files:
                age(repo.at(name))

        return self.both(write)

    def git(self, *args: Name | Path, **options: object) -> AddPair:
        """Run git in both: for setting a scene."""
        return self.both(lambda repo: repo.git(*args, **options))

    def commit(self) -> AddPair:
        self.git("add", "-A")
        return self.git("commit", "-q", "--allow-empty", "-m", "x")

    def add(self, *words: Name, folder: str = ".", **options: object) -> Result:
        """Add in both and compare all there is: the index, what was said, the exit code."""
        self.ours.machine.clock.tick()
        done = [
            repo.machine.git(
                *verb, *words, cwd=repo.path / folder, check=False, tick=False, **options
            )
            for repo, verb in ((self.gits, ["add"]), (self.ours, ["mlvc", "add"]))
        ]
        gits, ours = (
            _said(result, repo) for result, repo in zip(done, (self.gits, self.ours), strict=True)
        )
        assert ours == gits, f"{done[1]}\ninstead of\n{done[0]}"
        self.compare(**options)
        return done[1]

    def compare(self, env: Mapping[str, str | None] | None = None, **_: object) -> None:
        """Raise unless both indexes hold the same, git takes the same for changed, and all of it is there."""
        for question in (
            ("ls-files", "-s", "-v", "-z"),
            ("status", "--porcelain=v2", "-z", "--ignored"),
            ("diff", "--cached", "--raw", "-z"),
        ):
            answers = [
                repo.git(*question, tick=False, env=env).stdout for repo in (self.ours, self.gits)
            ]
            assert answers[0] == answers[1], question
        listed = self.ours.git("ls-files", "-s", tick=False, env=env).out.splitlines()
        shas = sorted({line.split()[1] for line in listed if not line.startswith("160000")})
        store = Store.open(self.ours.store)
        for blob in blobs(self.ours, shas).values():  # raises if one is missing
            if is_pointer(blob):
                store.restore(pointer.decode(blob), lambda piece: None)  # raises if data is
        store.close()

    def cleans(self, *words: Name, **options: object) -> list[str]:
        """Run `git mlvc add` in ours only; return what git had its filter clean meanwhile."""
        return [
            line.partition(" ")[2]
            for line in self.ours.requests("mlvc", "add", *words, **options)
            if line.startswith("clean")
        ]


def age(path: Path, seconds: float = LONG_AGO_S) -> None:
    when = time.time() - seconds
    os.utime(path, (when, when), follow_symlinks=False)


def _said(result: Result, repo: Repo) -> tuple[int, bytes, bytes]:
    here = bytes(repo.machine.root)
    return (
        result.returncode,
        b"\n".join(sorted(result.stdout.split(b"\n"))),
        result.stderr.replace(here, b"ROOT"),
    )
