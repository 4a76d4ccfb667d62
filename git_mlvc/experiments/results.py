"""Which files of the worktree are results that `repro` brings back: overwriting them loses nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from git_mlvc.errors import FormatError, StoreError
from git_mlvc.formats import tree
from git_mlvc.formats.pointer import Pointer
from git_mlvc.git import changes, objects
from git_mlvc.oid import Oid
from git_mlvc.pipeline import fingerprint
from git_mlvc.pipeline.runs import run_travel
from git_mlvc.pipeline.runs.run_cache import RunCache
from git_mlvc.repo_path import RepoPath
from git_mlvc.transfer.runs import tree_in
from git_mlvc.worktree.lock_mentions import LOCK_FILE

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository
    from git_mlvc.pipeline.runs.run_travel import Locked
    from git_mlvc.store.store import Store


def kept(
    repo: Repository, store: Store, standing: str, blobs: Mapping[RepoPath, str]
) -> set[RepoPath]:
    """Return those of the files (with their blobs) that are as a stage made them, and that the store has.

    `standing`: the tree of the worktree, whose lock files say what stages made. These count too where all their
    results are in the run cache.
    """
    locks = list(changes.called(repo, [standing], LOCK_FILE))
    results, failures = run_travel.locked(repo, locks)
    made = _made(store, results)
    found = set()
    pointers = objects.pointers(repo, dict.fromkeys(blobs.values()))
    rest = {path: sha for path, sha in blobs.items() if path in made and sha not in pointers}
    plain = {sha: _named(data) for sha, data in objects.contents(repo, set(rest.values()))}
    for path, sha in blobs.items():
        pointer = pointers.get(sha) or plain.get(sha)
        is_result = pointer is not None and made.get(path) == pointer.oid
        if is_result and pointer is not None and not store.incomplete([pointer]):
            found.add(path)
    if not failures and _are_remembered(store, results):
        found.update(path for path in blobs if path.text.rpartition("/")[2] == LOCK_FILE)
    return found


def _made(store: Store, results: Sequence[Locked]) -> dict[RepoPath, Oid]:
    """Return what stages made, file by file."""
    found: dict[RepoPath, Oid] = {}
    for one in results:
        for path, state in one.result.outs:
            if state.is_directory and state.pointer is not None:
                found.update(_files(store, path, state.pointer))
            elif not state.is_directory:
                found[path] = state.oid
    return found


def _files(store: Store, path: RepoPath, pointer: Pointer) -> Iterator[tuple[RepoPath, Oid]]:
    try:
        rows = tree.decode(tree_in(store, pointer))
    except (StoreError, FormatError):
        return
    for row in rows:
        yield RepoPath(path.raw + b"/" + row.path), row.oid


def _are_remembered(store: Store, results: Sequence[Locked]) -> bool:
    keys = [fingerprint.key(one.result.inputs) for one in results]
    known = RunCache(store).find_many(set(keys))
    return all(
        any(run_travel.is_made_by(one.result, run) for run in known.get(key, ()))
        for key, one in zip(keys, results, strict=True)
    )


def _named(data: bytes) -> Pointer:
    return Pointer(Oid.of(data), len(data))
