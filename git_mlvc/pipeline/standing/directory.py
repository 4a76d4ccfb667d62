"""Directories as the files that are in them, and what they become once others stand there. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from git_mlvc.formats import tree as tree_format
from git_mlvc.formats.tree import TreeRow
from git_mlvc.oid import Oid
from git_mlvc.pipeline.model import FileState
from git_mlvc.pipeline.standing.counting import parents


@dataclass(frozen=True)
class Standing:
    """What stands somewhere; of a directory or glob also the encoded tree."""

    state: FileState
    tree: bytes | None = None

    @cached_property
    def rows(self) -> list[TreeRow]:
        """The files of a directory or glob, by path."""
        return [] if self.tree is None else tree_format.decode(self.tree)


def of_tree(data: bytes, size_bytes: int, files: int) -> Standing:
    return Standing(FileState(Oid.of(data), size_bytes, files, tree_size_bytes=len(data)), data)


def of_rows(rows: Iterable[TreeRow]) -> Standing:
    """Return the directory that has these files."""
    listed = list(rows)
    return of_tree(tree_format.encode(listed), tree_format.sizes(listed), len(listed))


def of_row(row: TreeRow) -> Standing:
    return Standing(FileState(row.oid, row.size_bytes, is_executable=row.is_executable))


def row(path: bytes, state: FileState) -> TreeRow:
    """Return the row of a file."""
    return TreeRow(path, state.oid, state.size_bytes, state.is_executable)


def inside(rows: Iterable[TreeRow], path: bytes) -> Standing | None:
    """Return what is at `path` in the directory of these rows."""
    below = []
    for one in rows:
        if one.path == path:
            return of_row(one)
        if is_in(one.path, path):
            below.append(one._replace(path=one.path[len(path) + 1 :]))
    return of_rows(below) if below else None


def moved(rows: Iterable[TreeRow], folder: bytes) -> Iterator[TreeRow]:
    """Yield rows as those of a directory that holds theirs at `folder`."""
    return (one._replace(path=folder + b"/" + one.path) for one in rows)


def overlaid(
    rows: Iterable[TreeRow], fresh: Mapping[bytes, Iterable[TreeRow]]
) -> Iterator[TreeRow]:
    """Yield the rows of a directory once, for each path in it, `fresh` stands there and nothing else."""
    new = [one for files in fresh.values() for one in files]
    blocked = {parent for one in new for parent in parents(one.path)}
    for one in rows:
        is_replaced = one.path in fresh or any(parent in fresh for parent in parents(one.path))
        if not is_replaced and one.path not in blocked:
            yield one
    yield from new


def is_in(path: bytes, folder: bytes) -> bool:
    """True if a path is below a directory; b"" is the top."""
    return not folder or path.startswith(folder + b"/")
