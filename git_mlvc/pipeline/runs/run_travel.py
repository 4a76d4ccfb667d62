"""Which runs travel with a push, and what else stages made; and runs that are fetched for a repro.

With commits go the runs of the stages whose lock they change, and the outs that such a lock names, whether git
knows them or not: else who gets the commits has to run the stages again. What is not to be had does not hold up a
push: a lock can be made anew.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from git_mlvc.errors import FormatError, StoreError
from git_mlvc.formats.pointer import Pointer
from git_mlvc.git import changes, objects
from git_mlvc.git.changes import Entry
from git_mlvc.git.repository import Repository
from git_mlvc.git.revisions import PointerUse
from git_mlvc.pipeline import fingerprint
from git_mlvc.pipeline.lock_files import lock_file
from git_mlvc.pipeline.lock_files.lock_names import LOCKS
from git_mlvc.pipeline.lock_files.lock_reader import BlockReader
from git_mlvc.pipeline.model import FileState, Result, Run
from git_mlvc.pipeline.runs.run_cache import RunCache
from git_mlvc.progress import Progress
from git_mlvc.repo_path import RepoPath
from git_mlvc.store.store import Store
from git_mlvc.transfer import runs
from git_mlvc.transfer.bundles import Bundle, Cargo, Made
from git_mlvc.transfer.remote_view import RemoteView

_NOT_PUSHED = re.compile(rb"push[\"']?\s*=\s*false")


@dataclass(frozen=True, slots=True)
class Locked:
    """What a stage made, as a lock file in some commit says."""

    stage: str
    result: Result


def locks_between(repo: Repository, include: Sequence[str], exclude: Sequence[str]) -> list[Entry]:
    """Return each lock file that the commits between `exclude` and `include` add or change."""
    return list(changes.outgoing(repo, include, exclude, paths=LOCKS))


def locked(repo: Repository, entries: Collection[Entry]) -> tuple[list[Locked], list[FormatError]]:
    """Return what these versions of lock files say and those that they follow do not; and why of the rest it is unknown.

    Of several versions in a row the last is compared with what was there before the first.
    """
    versions = [(entry.path.raw.rpartition(b"/")[0], entry) for entry in entries]
    new = dict.fromkeys((folder, entry.blob_sha) for folder, entry in versions)
    before = {(folder, sha) for folder, entry in versions for sha in entry.before} - new.keys()
    shas = {sha for _, sha in (*new, *before) if sha.strip("0")}
    contents = dict(objects.contents(repo, sorted(shas)))
    old: dict[bytes, set[bytes]] = {}  # folder -> blocks
    for folder, sha in before:
        blocks, _ = _blocks(contents.get(sha, lock_file.HEADER), folder)
        old.setdefault(folder, set()).update(blocks.values())
    found: dict[tuple[bytes, bytes], Locked] = {}
    failures: list[FormatError] = []
    for folder, sha in new:
        blocks, failure = _blocks(contents.get(sha, lock_file.HEADER), folder)
        if failure is not None:
            failures.append(failure)
        for name, block in blocks.items():
            if block in old.get(folder, ()) or (folder, block) in found:
                continue
            try:
                found[folder, block] = _read(folder, name, block)
            except FormatError as exc:
                failures.append(exc)
    return list(found.values()), failures


def bundles_of_locked(
    store: Store, results: Iterable[Locked], unpushed: Collection[RepoPath] = ()
) -> list[Bundle]:
    """Return what is to travel for these results: the runs that made just that, and each out.

    `unpushed`: outs whose data stays off remotes, beside those of which a run says so.
    """
    by_key = [(fingerprint.key(one.result.inputs), one) for one in results]
    known = RunCache(store).find_many({key for key, _ in by_key})
    found: list[Bundle] = []
    for key, one in by_key:
        same = [run for run in known.get(key, ()) if is_made_by(one.result, run)]
        found += runs.bundles_of(store, [(run.key, run.id) for run in same])
        kept = {*unpushed, *(path for run in same for path in run.unpushed)}
        for path, state in one.result.outs:
            if path not in kept:
                cargo = partial(_cargo, store, one.stage, path, state)
                found.append(Bundle(cargo))
    return found


def all_bundles(store: Store) -> list[Bundle]:
    """Return what travels with each run that is here."""
    return runs.bundles_of(store, store.all_runs())


def unpushed(repo: Repository) -> frozenset[RepoPath]:
    """Return the outs that the stage files of the worktree keep off remotes. Raises MlvcError as `discovery.load`."""
    from git_mlvc.pipeline import discovery, presence
    from git_mlvc.pipeline.files import OnDisk

    top = repo.worktree
    if top is None:
        return frozenset()
    files = presence.files_called(repo.git, presence.NAME)
    if not any(_NOT_PUSHED.search(_bytes_of(top / file.text)) for file in files):
        return (
            frozenset()
        )  # without reading them as stages, which takes a while where there are many
    stages = discovery.read(OnDisk(top), files).stages
    return frozenset(out.path for stage in stages for out in stage.outs if not out.is_pushed)


def is_in(path: RepoPath, outs: Collection[RepoPath]) -> bool:
    """True if a path is one of these outs, or in one."""
    """True if a path is one of these outs, or in one that is a directory."""
    raw = path.raw
    return any(raw == out.raw or raw.startswith(out.raw + b"/") for out in outs)


# -- inside


def without_unpushed(
    uses: Sequence[PointerUse],
    kept: Collection[RepoPath],
    placed: Callable[[], Iterable[PointerUse]],
) -> list[PointerUse]:
    """Return what of `uses` is not in the outs `kept`. `placed`: the same at each path where it stands."""
    if not any(is_in(use.path, kept) for use in uses):
        return list(uses)
    elsewhere = {use.pointer for use in placed() if not is_in(use.path, kept)}
    return [use for use in uses if not is_in(use.path, kept) or use.pointer in elsewhere]


def bring(
    store: Store, views: Sequence[RemoteView], keys: Collection[bytes], progress: Progress
) -> int:
    """Fetch the records of all runs with these keys; return how many came.

    Raises RemoteError where a remote did not answer and some key is without a run: it may have one (law 9).
    """
    report = runs.fetch_runs(store, views, keys, progress=progress)
    if report.failed and len(store.runs_of_many(keys)) < len(set(keys)):
        raise next(iter(report.failed.values()))
    return report.received


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _blocks(data: bytes, folder: bytes) -> tuple[dict[str, bytes], FormatError | None]:
    try:
        return lock_file.split(data, _name(folder)), None
    except FormatError as exc:
        return {}, exc


def _read(folder: bytes, name: str, block: bytes) -> Locked:
    at = RepoPath(folder) if folder else None
    result = lock_file.read(BlockReader(at), name, block, _name(folder))
    return Locked(name if at is None else f"{at}:{name}", result)


def _name(folder: bytes) -> str:
    return str(
        RepoPath(folder + b"/" + lock_file.NAME.encode() if folder else lock_file.NAME.encode())
    )


def is_made_by(result: Result, run: Run) -> bool:
    return {path: _named(state) for path, state in result.outs} == {
        path: _named(state) for path, state in run.result.outs
    }


def _named(state: FileState) -> tuple[object, ...]:
    return state.oid, state.is_directory, state.is_executable


def _cargo(store: Store, stage: str, path: RepoPath, state: FileState) -> Cargo:
    return Cargo(stage, tuple(_made(store, path, state)))


def _made(store: Store, path: RepoPath, state: FileState) -> Iterator[Made]:
    def read_tree(pointer: Pointer) -> bytes:
        return runs.tree_in(store, pointer)

    pointer = state.pointer
    try:
        yield from list(
            runs.made_of(path, pointer, is_tree=state.is_directory, read_tree=read_tree)
        )
    except (StoreError, FormatError):
        if pointer is not None:  # then the remote has the tree, and what is in it, or nobody does
            yield Made(pointer, path, is_listing=True)
