"""Whether remotes hold what the runs that they name have made: then anybody can restore it from there.

The remotes themselves are asked (law 11): records and trees of directories are read from them and verified, of files
it is looked whether they are there in full, as for those of commits. Only some runs at a time are in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TypeVar

from git_mlvc.errors import FormatError, MissingChunk
from git_mlvc.formats import run_record
from git_mlvc.formats.pointer import Pointer
from git_mlvc.formats.run import RunOut, RunRecord
from git_mlvc.oid import Oid
from git_mlvc.repo_path import RepoPath
from git_mlvc.transfer.bundles import Made
from git_mlvc.transfer.remote_source import RemoteSource
from git_mlvc.transfer.remote_view import RemoteView
from git_mlvc.transfer.runs import is_of_later_version, made_of
from git_mlvc.transfer.verify import held

WINDOW_RUNS = 1 << 12  # whose places are looked up together
GROUP_BYTES = 4 << 20  # of records, or of trees, in memory: decoded, these take ten times as much
KNOWN_CONTENTS = 1 << 16  # remembered to be there, so that runs with equal files ask once

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class HurtRun:
    """A run that a remote names and nobody can restore from there: which out, and why.

    `stage` and `path` are empty where the record of the run itself is not to be had.
    """

    id: Oid
    stage: str
    path: str
    remote: str
    why: str


@dataclass(slots=True)
class RunsOnRemotes:
    """How many runs remotes name; those that are `hurt`; how many only a `newer` git-mlvc can look at."""

    count: int = 0
    hurt: list[HurtRun] = field(default_factory=list)
    newer: int = 0


def look(
    views: Sequence[RemoteView],
    is_chosen: Callable[[RepoPath], bool],
    *,
    beside: Sequence[RemoteView] = (),
) -> RunsOnRemotes:
    """Look at each run that one of `views` names; its data may be on any of them, or on one `beside`.

    Only outs at paths that `is_chosen` count. Where no run is named, nothing is asked but what runs there are.
    Raises RemoteError when it cannot be told: unknown is not sound.
    """
    found = RunsOnRemotes()
    for view in views:
        others = [*(one for one in views if one is not view), *beside]
        _Look(view, others, is_chosen, found).at_all(view.runs())
    return found


class _Look:
    """At the runs of one remote."""

    def __init__(
        self,
        view: RemoteView,
        others: Sequence[RemoteView],
        is_chosen: Callable[[RepoPath], bool],
        found: RunsOnRemotes,
    ) -> None:
        self._view = view
        self._holders = [view, *others]
        # Nothing is brought in packs here, so that nothing lies in a directory on its way.
        self._sources = [RemoteSource(one, Path()) for one in self._holders]
        self._is_chosen = is_chosen
        self._found = found
        self._known: set[Pointer] = set()  # to be there, each for itself
        self._whole: set[Pointer | None] = {None}  # outs with all their files; one without bytes is

    def at_all(self, named: set[tuple[bytes, bytes]]) -> None:
        ids = iter(sorted({run for _, run in named}))
        while window := list(islice(ids, WINDOW_RUNS)):
            sizes = {run: at.raw_len for run, at in self._sources[0].find_many(window).items()}
            for group in _groups((run, sizes.get(run, 0)) for run in window):
                records = self._sources[0].read_all(group)
                read = [self._record(run, records.get(run), named) for run in group]
                sized = [(one, _tree_bytes(one[1])) for one in read if one is not None]
                for runs in _groups(sized):
                    self._outs(runs)

    def _record(
        self, run: bytes, data: bytes | None, named: set[tuple[bytes, bytes]]
    ) -> tuple[bytes, RunRecord] | None:
        self._found.count += 1
        if data is None:
            self._hurt(run, "its record is not there, or damaged")
            return None
        try:
            if (run_record.key_of(data), run) not in named:
                self._hurt(run, "its stage key is another one than is named there")
                return None
            return run, run_record.decode(data)
        except FormatError as exc:
            if is_of_later_version(exc):
                self._found.newer += 1
            else:
                self._hurt(run, f"what is named as a run is none: {exc.why or exc.what}")
            return None

    def _outs(self, runs: Sequence[tuple[bytes, RunRecord]]) -> None:
        """Look at the outs of runs whose trees fit into memory together."""
        outs = [
            (run, record.stage, out)
            for run, record in runs
            for out in record.outs
            if out.state.pointer not in self._whole and self._is_chosen(out.path)
        ]
        trees = self._trees(out.state.pointer for _, _, out in outs if out.state.is_tree)
        made = {out: _contents(out, trees) for _, _, out in outs}
        lacking = self._lacking(one.pointer for contents in made.values() for one in contents)
        for run, stage, out in outs:
            contents = made[out]
            gone = [one for one in contents if one.pointer in lacking]
            if not contents:
                why = "the list of its files is not there, or damaged"
            elif gone:
                files = [one for one in gone if not one.is_listing]
                several = f"{len(files)} of its files are" if len(files) > 1 else "its data is"
                why = f"{several} not there in full"
            else:
                self._whole.add(out.state.pointer)
                continue
            self._hurt(run, why, stage, out.path.text)

    def _trees(self, pointers: Iterable[Pointer | None]) -> dict[bytes, bytes]:
        wanted = {pointer.oid.digest for pointer in pointers if pointer is not None}
        trees: dict[bytes, bytes] = {}
        for source in self._sources:
            if lacking := wanted - trees.keys():
                trees |= source.read_all(lacking)
        return trees

    def _lacking(self, pointers: Iterable[Pointer]) -> set[Pointer]:
        lacking = set(pointers) - self._known
        if len(self._known) + len(lacking) > KNOWN_CONTENTS:
            self._known.clear()
            self._whole.intersection_update({None})
        for view in self._holders:
            if lacking:
                there = held(view, sorted(lacking))
                self._known |= there
                lacking -= there
        return lacking

    def _hurt(self, run: bytes, why: str, stage: str = "", path: str = "") -> None:
        self._found.hurt.append(HurtRun(Oid(run), stage, path, self._view.name, why))


def _contents(out: RunOut, trees: dict[bytes, bytes]) -> list[Made]:
    """Return what an out is made of; nothing where its tree is not to be had."""

    def read_tree(pointer: Pointer) -> bytes:
        data = trees.get(pointer.oid.digest)
        if data is None:
            raise MissingChunk(f"the tree {pointer.oid.short} is not to be had")
        return data

    state = out.state
    try:
        return list(made_of(out.path, state.pointer, is_tree=state.is_tree, read_tree=read_tree))
    except (MissingChunk, FormatError):
        return []


def _tree_bytes(record: RunRecord) -> int:
    return sum(out.state.tree_size_bytes or 0 for out in record.outs)


def _groups(sized: Iterable[tuple[_Item, int]]) -> Iterator[list[_Item]]:
    """Yield items in order, so many at a time that their sizes are GROUP_BYTES at most together."""
    group: list[_Item] = []
    total = 0
    for item, size_bytes in sized:
        if group and total + size_bytes > GROUP_BYTES:
            yield group
            group, total = [], 0
        group.append(item)
        total += size_bytes
    if group:
        yield group
