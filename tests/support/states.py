"""What stands in a repository, as processes see it one after the other."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from support.repo import Repo

from git_mlvc.formats import tree
from git_mlvc.formats.tree import TreeRow
from git_mlvc.git.repository import Repository
from git_mlvc.oid import Oid
from git_mlvc.pipeline.model import Dep, DepKind, FileState, Out, State
from git_mlvc.pipeline.standing import stat_cache
from git_mlvc.pipeline.standing.states import CACHE_NAME, States
from git_mlvc.repo_path import RepoPath


def file(data: bytes, *, x: bool = False) -> FileState:
    return FileState(Oid.of(data), len(data), is_executable=x)


def tree_of(files: dict[str, bytes]) -> bytes:
    """The tree of a directory of these files, made without any of the code that looks at disks."""
    return tree.encode(
        TreeRow(name.encode(), Oid.of(content), len(content)) for name, content in files.items()
    )


def folder(files: dict[str, bytes]) -> FileState:
    """The state of such a directory."""
    data = tree_of(files)
    size = sum(map(len, files.values()))
    return FileState(Oid.of(data), size, len(files), tree_size_bytes=len(data))


def out(path: str, **options: object) -> Out:
    return Out(RepoPath.parse(path), **options)


def later() -> int:
    """A moment at which everything that stands here has stood for long."""
    return stat_cache.moment() + 60 * 10**9


class Place:
    """A repository, and states of it as one process after the other sees them."""

    def __init__(self, repo: Repo) -> None:
        self.repo = repo
        self.top = repo.path
        self.found = Repository.discover(repo.path, repo.machine.env())
        self.outs: list[Out] = []
        self.trees: dict[FileState, bytes] = {}
        self.cache = self.found.state_dir / CACHE_NAME

    def write(self, files: dict[str, bytes]) -> None:
        for path, data in files.items():
            place = self.top / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)

    def keep(self, files: dict[str, bytes]) -> None:
        """Have the tree of these files at hand, as a store would."""
        self.trees[folder(files)] = tree_of(files)

    def states(self, *deps: Dep, clock: Callable[[], int] = later, **options: Any) -> States:
        return States(
            self.found,
            deps=deps,
            outs=self.outs,
            read_tree=self.trees.get,
            clock=clock,
            **options,
        )

    def from_scratch(self, *deps: Dep) -> list[State | None]:
        """Return the states as one finds them who knows nothing from before."""
        aside = self.cache.with_name("aside")
        is_known = self.cache.exists()
        if is_known:
            self.cache.rename(aside)
        states = self.states(*deps)
        found = [states.state(one) for one in deps]
        if is_known:
            aside.rename(self.cache)
        return found

    def state(self, text: str, **options: Any) -> State | None:
        """Ask, as a process of its own would."""
        states = self.states(dep(text), **options)
        found = states.state(dep(text))
        states.save()
        return found

    def names(self, text: str) -> list[str]:
        standing = self.states(dep(text)).standing(dep(text))
        return [] if standing is None else [os.fsdecode(row.path) for row in standing.rows]

    def read(self, *texts: str, clock: Callable[[], int] = later) -> int:
        """Return how many files a process has to read to know these."""
        states = self.states(*map(dep, texts), clock=clock)
        for text in texts:
            states.state(dep(text))
        states.save()
        return states.contents.files_read

    def will_be(self, text: str, replaced: dict[str, FileState]) -> State | None:
        places = {RepoPath.parse(path): state for path, state in replaced.items()}
        return self.states(dep(text)).state(dep(text), places)


def dep(text: str) -> Dep:
    return Dep(text, DepKind.GLOB if set("*?[") & set(text) else DepKind.PATH)
