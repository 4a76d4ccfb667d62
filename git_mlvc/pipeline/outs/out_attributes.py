"""Lines in `.gitattributes` for what stages make: so that `git add -A` after a run never commits raw gigabytes.

They are written before the first stage runs, when no size is known yet, and leave it to the filter to decide by
size: where content below some size stays in git itself, the line has the form that suits text as well. An out
with `store = false` gets a line that takes it out again, but only where another line would take it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from git_mlvc.formats.pointer import is_never_data
from git_mlvc.fs.safe_path import resolve_inside
from git_mlvc.git import attributes
from git_mlvc.git.attribute_patterns import escaped
from git_mlvc.git.attributes_file import AttributesFile
from git_mlvc.pipeline.model import Out, Stage
from git_mlvc.repo_path import RepoPath
from git_mlvc.settings import Settings
from git_mlvc.worktree import attributes_on_disk

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

_UNSPECIFIED = "unspecified"
_ANY_NAME = b"out"  # of a file that is not there yet
_MOST_LOOKED_AT = 2000
_MOST_KINDS = 20


@dataclass(slots=True)
class _Asked:
    """An out, where its line goes, and paths by which to ask git about it: the first stands for all."""

    out: Out
    folder: RepoPath | None
    paths: list[RepoPath]
    filters: list[str] = field(default_factory=list)

    @property
    def is_uncovered(self) -> bool:
        return self.out.is_stored and self.filters[0] == _UNSPECIFIED

    @property
    def is_taken(self) -> bool:
        """True if what should stay in git as it is would become a pointer."""
        return not self.out.is_stored and attributes.FILTER in self.filters


def cover(repo: Repository, settings: Settings, stages: Iterable[Stage]) -> list[RepoPath]:
    """Write the lines that the outs of `stages` lack; return the files that were changed.

    One git for all of them, a second one if some have no line. To be called before stages run, and again
    after: only then is it known which files are in a directory. Raises GitError, InputError, UsageError.
    """
    top = repo.needed_worktree("there are no outs")
    asked = list(_questions(top, stages))
    if not asked:
        return []
    _ask(repo, asked)
    changed = _Files(top)
    uncovered = [one for one in asked if one.is_uncovered]
    ignored = _ignored(repo, [one.paths[0] for one in uncovered])
    for one in uncovered:
        if one.paths[0] not in ignored:
            is_above = attributes.min_size_bytes(settings, one.paths[0]) > 0
            file = changed.at(one.folder)
            file.add(_pattern(one.out.path, one.folder, one), above=is_above)
            # Branches that add different stages both add lines at the end: git keeps both.
            file.settle_merge(attributes_on_disk.NAME, "union")
    found = changed.write() + _take_out(repo, top, [one for one in asked if one.is_taken])
    return sorted(set(found))


def _take_out(repo: Repository, top: Path, taken: list[_Asked]) -> list[RepoPath]:
    """Remove our own line, or write one against others, or, where nearer ones win, write it beside the file."""
    found = []
    for way in (_forget, _contradict, _contradict_beside):
        changed = _Files(top)
        for one in taken:
            way(changed, one)
        written = changed.write()
        if written:
            found += written
            for one in taken:
                one.filters.clear()
            _ask(repo, taken)
            taken = [one for one in taken if one.is_taken]
    return found


def _forget(files: _Files, one: _Asked) -> None:
    files.at(one.folder).remove(_pattern(one.out.path, one.folder, one))


def _contradict(files: _Files, one: _Asked) -> None:
    files.at(one.folder).take_out(_pattern(one.out.path, one.folder, one))


def _contradict_beside(files: _Files, one: _Asked) -> None:
    parent = _parent(one.out.path)
    files.at(parent).take_out(_pattern(one.out.path, parent, one))


class _Files:
    """The `.gitattributes` that may change, each read once."""

    def __init__(self, top: Path) -> None:
        self._top = top
        self._read: dict[RepoPath | None, AttributesFile] = {}

    def at(self, folder: RepoPath | None) -> AttributesFile:
        if folder not in self._read:
            self._read[folder] = attributes_on_disk.read(self._place(folder))
        return self._read[folder]

    def write(self) -> list[RepoPath]:
        return [
            RepoPath.parse(
                attributes_on_disk.NAME
                if folder is None
                else f"{folder.text}/{attributes_on_disk.NAME}"
            )
            for folder, file in self._read.items()
            if attributes_on_disk.write(self._place(folder), file)
        ]

    def _place(self, folder: RepoPath | None) -> Path:
        if folder is None:
            return self._top
        place = resolve_inside(self._top, RepoPath(folder.raw + b"/x")).parent
        place.mkdir(parents=True, exist_ok=True)
        return place


def _questions(top: Path, stages: Iterable[Stage]) -> Iterator[_Asked]:
    seen = set()
    for stage in stages:
        for out in stage.outs:
            if out.path in seen or is_never_data(out.path.raw):
                continue
            seen.add(out.path)
            folder = stage.folder
            if folder is not None and not out.path.raw.startswith(folder.raw + b"/"):
                folder = None
            place = top / out.path.text
            if out.is_directory or (place.is_dir() and not place.is_symlink()):
                yield _Asked(out, folder, list(_inside(place, out)))
            else:
                yield _Asked(out, folder, [out.path])


def _inside(place: Path, out: Out) -> Iterator[RepoPath]:
    """Yield a path in the directory that nothing is known of; of one that stays in git, some of each kind."""
    yield RepoPath(out.path.raw + b"/" + _ANY_NAME)
    if out.is_stored:
        return
    kinds: set[str] = set()
    for folder, names in islice(((f, n) for f, _, n in os.walk(place)), _MOST_LOOKED_AT):
        for name in names[:_MOST_LOOKED_AT]:
            kind = os.path.splitext(name)[1]
            if kind not in kinds and len(kinds) < _MOST_KINDS and name != ".git":
                kinds.add(kind)
                inner = os.fsencode(os.path.relpath(os.path.join(folder, name), place))
                yield RepoPath(out.path.raw + b"/" + inner)


def _ask(repo: Repository, asked: list[_Asked]) -> None:
    by_path: dict[RepoPath, list[_Asked]] = {}
    for one in asked:
        for path in one.paths:
            by_path.setdefault(path, []).append(one)
    for path, values in attributes.check(repo.git, by_path, ("filter",)):
        for one in by_path[path]:
            one.filters.append(values["filter"])


def _ignored(repo: Repository, paths: list[RepoPath]) -> set[RepoPath]:
    """Return those that git would not add."""
    if not paths:
        return set()
    fed = b"".join(path.raw + b"\0" for path in paths)
    shown = repo.git.run("check-ignore", "-z", "--stdin", input=fed, check=False).stdout
    return {RepoPath(raw) for raw in shown.split(b"\0") if raw}


def _pattern(path: RepoPath, folder: RepoPath | None, asked: _Asked) -> str:
    """Return what means exactly this out in the `.gitattributes` of `folder`."""
    inner = path.text if folder is None else path.text[len(folder.text) + 1 :]
    is_directory = asked.paths[0] != path
    return "/" + escaped(inner) + ("/**" if is_directory else "")


def _parent(path: RepoPath) -> RepoPath | None:
    above = path.raw.rpartition(b"/")[0]
    return RepoPath(above) if above else None
