"""Where a file comes from: the stages that made it, and what they were given, back to the sources. Pure.

The lock files say what each stage made last, the run cache what it made before. Contents are compared, so a
result that was made from an earlier version of something leads to that version, and what nobody knows any
more is said to be unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from git_mlvc.formats.tree import TreeRow
from git_mlvc.pipeline.model import Dep, FileState, Result, Run, State
from git_mlvc.repo_path import RepoPath


@dataclass(frozen=True, slots=True)
class Commit:
    """The last that changed a path; `date` as ISO 8601. `is_edited`: what stands there is not committed."""

    sha: str
    author: str
    date: str
    subject: str
    is_edited: bool = False


class Sight(Protocol):
    """What there is to be seen in the worktree, or in a commit."""

    def results(self) -> Mapping[str, Result]:
        """Return what the lock files say, by the stages' addresses."""
        ...

    def standing(self, path: RepoPath) -> FileState | None:
        """Return what stands at a path; None: no file or directory."""
        ...

    def is_as(self, dep: Dep, state: FileState) -> bool | None:
        """True if this stands at a path, or is what a glob matches; None where that cannot be told."""
        ...

    def rows(self, state: FileState) -> Sequence[TreeRow] | None:
        """Return the files of a directory; None if its tree is not to be had here."""
        ...

    def runs_making(self, path: RepoPath) -> Iterable[Run]:
        """Return the runs that the run cache knows with this out, the newest first."""
        ...

    def run_of(self, stage: str, result: Result) -> Run | None:
        """Return when and where a result was made, if the run cache knows."""
        ...

    def commit(self, dep: Dep) -> Commit | None:
        """Return the commit that last changed what is at, or below, a path, or any match of a glob."""
        ...


class Sure(StrEnum):
    """What is known of the version that a stage made.

    EXACT: of this content. LIKELY: of something in this place; contents could not be compared. EARLIER: of
    another content; this one is no result of the stage that is known here.
    """

    EXACT = "exact"
    LIKELY = "likely"
    EARLIER = "earlier"


@dataclass(frozen=True, slots=True)
class Link:
    """To who made something: `made_by` is the id of a Making, None for an EARLIER one.

    `is_part`: it made some of the files.
    """

    stage: str
    sure: Sure
    made_by: int | None = None
    is_part: bool = False


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that a stage was given.

    `links`: who made it, or parts of it. `is_source`: (some of) it was made by no stage; then `commit` last
    changed it. `is_changed`: something else stands there now; None where that cannot be told. `names`: the
    files of a directory or glob, from the top; None where they are not known.
    """

    dep: Dep
    state: State
    links: tuple[Link, ...] = ()
    is_source: bool = False
    is_changed: bool | None = None
    commit: Commit | None = None
    names: tuple[RepoPath, ...] | None = None


@dataclass(frozen=True, slots=True)
class Making:
    """A result, as it took part in the making of something. `run`: when and where, if known."""

    id: int
    stage: str
    result: Result
    needs: tuple[Need, ...]
    run: Run | None = None
    param_links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True)
class Lineage:
    """What stands at a path, who made it, and all that took part, `makings[n].id == n`.

    `made`: what its stage made there, where that is known. `is_changed`: and something else stands there.
    `commit`: of what no stage made.
    """

    path: RepoPath
    standing: FileState | None
    made: FileState | None = None
    links: tuple[Link, ...] = ()
    is_changed: bool | None = None
    commit: Commit | None = None
    makings: tuple[Making, ...] = ()
