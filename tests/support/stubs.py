"""A repository with stubs in it and no filter: what git then says about a file, it says from its index."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from support.repo import Machine, Repo

from git_mlvc.formats import pointer as pointer_format
from git_mlvc.formats.pointer import Pointer
from git_mlvc.git.repository import Repository
from git_mlvc.repo_path import RepoPath
from git_mlvc.store.store import Store


@dataclass(frozen=True)
class Stubbed:
    """A worktree whose data files are stubs, committed; their content is in the store."""

    repo: Repo
    store: Store

    @property
    def repository(self) -> Repository:
        """As found now: what a process that starts now would see."""
        return Repository.discover(self.repo.path, self.repo.machine.env())

    def ingest(self, data: bytes) -> Pointer:
        with self.store.session() as session:
            pointer = session.ingest([data])
        assert pointer is not None
        return pointer

    def commit(self, files: dict[str, bytes] | dict[bytes, bytes]) -> dict[RepoPath, Pointer]:
        """Ingest contents, write their stubs, commit these; the index is as git leaves it."""
        made = {}
        with self.store.session() as session:
            for name, data in files.items():
                pointer = session.ingest([data])
                assert pointer is not None
                made[RepoPath(os.fsencode(name))] = pointer
        self.repo.write_now({path.raw: pointer_format.encode(made[path]) for path in made})
        self.repo.add().commit("stubs")
        return made

    def is_unmodified_for_git(self) -> bool:
        """True if git believes its index, without looking into a file: there is no filter to ask."""
        assert self.repo.text("diff-files", "--name-only") == ""
        return True


def stubbed(tmp_path: Path, *init: str) -> Stubbed:
    repo = Machine(tmp_path).init("repo", *init)
    repo.track("*.bin")
    return Stubbed(repo, Store.open(repo.git_dir / "mlvc"))
