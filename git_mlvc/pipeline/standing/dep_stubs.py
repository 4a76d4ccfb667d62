"""Stubs among what a stage reads: a command wants the content, so they are filled before it starts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from git_mlvc.errors import MlvcError
from git_mlvc.formats.pointer import MAX_POINTER_BYTES, Pointer, sniff
from git_mlvc.pipeline.model import Dep, DepKind, MissingContent, Stage
from git_mlvc.pipeline.standing.globs import glob
from git_mlvc.progress import Progress
from git_mlvc.repo_path import RepoPath
from git_mlvc.worktree.pointers import read_small

if TYPE_CHECKING:
    from git_mlvc.formats.tree import TreeRow
    from git_mlvc.git.repository import Repository
    from git_mlvc.store.store import Store

Fetch = Callable[[Sequence[Pointer]], Mapping[Pointer, MlvcError] | None]
_SHOWN = 5


class Standing(Protocol):
    """What stands where a stage looks; of a directory or glob, its files."""

    @property
    def rows(self) -> Sequence[TreeRow]: ...

    @property
    def tree(self) -> bytes | None: ...


class States(Protocol):
    """What is asked of `states.States`."""

    def standing(self, dep: Dep) -> Standing | None: ...


def stubs(repo: Repository, states: States, stage: Stage) -> dict[RepoPath, Pointer]:
    """Return the files that a stage reads, its `persist` outs too, that stand in the worktree as stubs."""
    top = repo.needed_worktree("there is nothing to read")
    found = {}
    for path in _files(states, stage):
        place = os.path.join(top, path.text)
        try:
            if os.stat(place).st_size > MAX_POINTER_BYTES:
                continue
        except OSError:
            continue
        head = read_small(place)
        pointer = None if head is None else sniff(head)
        if pointer is not None:
            found[path] = pointer
    return found


def fill(
    repo: Repository,
    store: Store,
    stage: Stage,
    standing: Mapping[RepoPath, Pointer],
    *,
    fetch: Fetch | None,
    progress: Progress,
) -> None:
    """Put content in their place. Raises MissingContent naming `--pull` for what is not here."""
    from git_mlvc.worktree.fill import fill as fill_stubs

    report = fill_stubs(repo, store, standing.items(), fetch=fetch, progress=progress)
    left = [path for path in report.left if path in standing]
    if left:
        shown = ", ".join(str(path) for path in sorted(left)[:_SHOWN])
        more = f" and {len(left) - _SHOWN} more" if len(left) > _SHOWN else ""
        why = report.left[sorted(left)[0]].why
        raise MissingContent(
            f"stage '{stage.address}' needs {shown}{more}, whose content is not here",
            why=why,
            hint="git mlvc pull" if fetch is not None else "git mlvc repro --pull",
        )


def _files(states: States, stage: Stage) -> Iterator[RepoPath]:
    kept = [Dep(out.path.text) for out in stage.outs if out.persist]  # its commands find them
    for dep in (*stage.deps, *kept):
        found = None if dep.kind is DepKind.URL else states.standing(dep)
        if found is None:
            continue
        if found.tree is None:
            yield dep.path
            continue
        folder = dep.path.raw if dep.kind is DepKind.PATH else glob(dep.text).folder
        prefix = folder + b"/" if folder else b""
        for row in found.rows:
            yield RepoPath(prefix + row.path)
