"""Which places hold the data of which files: looked at now, and not taken from memory.

A place that does not answer, or may not be asked, is "unknown" for what it might hold, and never "no" (law 9).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from git_mlvc.errors import MlvcError, RemoteError, UsageError
from git_mlvc.formats.pointer import Pointer
from git_mlvc.git import objects
from git_mlvc.repo_path import RepoPath
from git_mlvc.settings import RemoteSetting
from git_mlvc.worktree import pointers
from git_mlvc.worktree.selection import Selection

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository
    from git_mlvc.transfer.remote_view import RemoteView


class Holds(StrEnum):
    """Whether a place holds all of a content."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Completeness(Protocol):
    """What is asked of a store here."""

    def incomplete(self, pointers: Iterable[Pointer]) -> list[Pointer]: ...


@dataclass(frozen=True, slots=True)
class Holder:
    """A place and what it said. `why`: it is unknown of what is neither in `there` nor in `absent`.

    `damaged`: keys of packs in which wrong bytes were read.
    """

    place: RemoteSetting
    there: frozenset[Pointer] = frozenset()
    absent: frozenset[Pointer] = frozenset()
    why: str = ""
    damaged: tuple[str, ...] = ()

    def of(self, pointer: Pointer) -> Holds:
        if pointer in self.there:
            return Holds.YES
        return Holds.NO if pointer in self.absent else Holds.UNKNOWN


@dataclass(frozen=True, slots=True)
class Located:
    """A data file, whether its data is in the local store, and what each place said, in their order."""

    path: RepoPath
    pointer: Pointer
    here: bool
    holders: tuple[Holds, ...]

    @property
    def is_on_a_remote(self) -> Holds:
        """UNKNOWN if none is known to hold it and one might."""
        for answer in (Holds.YES, Holds.UNKNOWN):
            if answer in self.holders:
                return answer
        return Holds.NO


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """The whole answer."""

    files: list[Located] = field(default_factory=list)
    holders: list[Holder] = field(default_factory=list)


def files_of(
    repo: Repository, selection: Selection, rev: str | None = None
) -> dict[RepoPath, Pointer]:
    """Return the data files that are meant: of the index, of HEAD where there is none, or of `rev`.

    Raises InputError for a path that is no data file, UsageError for what is no commit.
    """
    if rev is None and repo.worktree is not None:
        found = {
            file.path: file.pointer
            for file in pointers.index_files(repo)
            if file.pointer is not None
        }
    else:
        named = repo.git.run(
            "rev-parse",
            "-q",
            "--verify",
            "--end-of-options",
            f"{rev or 'HEAD'}^{{tree}}",
            check=False,
        )
        if named.returncode != 0 and rev is not None:
            raise UsageError(f"'{rev}' is not a commit, branch or tag here")
        tree = named.stdout.decode("ascii").strip()
        found = {file.path: file.pointer for file in objects.data_files(repo, tree)} if tree else {}
    return {path: found[path] for path in selection.checked(found)}


def locate(
    files: dict[RepoPath, Pointer],
    store: Completeness,
    places: Sequence[RemoteSetting],
    view: Callable[[RemoteSetting], RemoteView],
    *,
    deep: bool = False,
) -> Whereabouts:
    """Ask the store and each place for all of them. With `deep`, every byte on the remotes is read and hashed."""
    wanted = list(dict.fromkeys(files.values()))
    lacking = set(store.incomplete(wanted))
    holders = [_asked(place, view, wanted, deep=deep) for place in places]
    located = [
        Located(path, pointer, pointer not in lacking, tuple(one.of(pointer) for one in holders))
        for path, pointer in files.items()
    ]
    return Whereabouts(located, holders)


def _asked(
    place: RemoteSetting,
    view: Callable[[RemoteSetting], RemoteView],
    wanted: Sequence[Pointer],
    *,
    deep: bool,
) -> Holder:
    from git_mlvc.transfer import remote_layout, verify

    try:
        opened = view(place)
        there = verify.copies_on(opened, wanted, deep=deep)
    except RemoteError as silent:
        return _one_by_one(place, view, wanted, silent, deep=deep)
    except MlvcError as wrong:
        return Holder(place, why=str(wrong))
    damaged = tuple(map(remote_layout.pack_key, opened.damaged_packs))
    return Holder(place, frozenset(there), frozenset(wanted) - there, damaged=damaged)


def _one_by_one(
    place: RemoteSetting,
    view: Callable[[RemoteSetting], RemoteView],
    wanted: Sequence[Pointer],
    silent: RemoteError,
    *,
    deep: bool,
) -> Holder:
    """Where the answer to all is unknown, some may be known all the same: on a remote that cannot list.

    A remote that does not answer is not asked again for each.
    """
    from git_mlvc.transfer import verify

    there: set[Pointer] = set()
    absent: set[Pointer] = set()
    try:
        opened = view(place)
        if len(wanted) > 1 and opened.segments.doubt is not None:
            for pointer in wanted:
                try:
                    held = verify.held(opened, [pointer], deep=deep)
                except RemoteError:
                    continue
                (there if held else absent).add(pointer)
    except MlvcError:
        pass
    return Holder(place, frozenset(there), frozenset(absent), str(silent))
