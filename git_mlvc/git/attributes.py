"""Git attributes: which files are ours, as git sees them.

What counts for a path is always asked of git. The lines that say so: `attributes_file`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from git_mlvc.formats.pointer import is_never_data
from git_mlvc.git.attribute_patterns import matches
from git_mlvc.repo_path import RepoPath

if TYPE_CHECKING:
    from git_mlvc.git.process import Git
    from git_mlvc.settings import Settings

FILTER = "mlvc"


def check(
    git: Git, paths: Iterable[RepoPath], names: Sequence[str], *, cached: bool = False
) -> Iterator[tuple[RepoPath, dict[str, str]]]:
    """Yield each path with the attributes `names`, in order, as git sees them.

    `git` must run at the top of the worktree (`Repository.git`). Values are git's: "set", "unset",
    "unspecified" or what the line says. `cached` reads `.gitattributes` from the index only.
    """
    options = ["--cached"] if cached else []
    fed = (path.raw + b"\0" for path in paths)
    records = git.records("check-attr", "-z", "--stdin", *options, *names, input=fed)
    width = len(names)
    values: dict[str, str] = {}
    for raw_path in records:
        name = next(records).decode("ascii", "surrogateescape")
        values[name] = next(records).decode("utf-8", "surrogateescape")
        if len(values) == width:
            yield RepoPath(raw_path), values
            values = {}


def ours(git: Git, paths: Iterable[RepoPath], *, cached: bool = False) -> Iterator[RepoPath]:
    """Yield those paths whose content the attributes put into our care."""
    for path, values in check(git, paths, ("filter",), cached=cached):
        if values["filter"] == FILTER and not is_never_data(path.raw):
            yield path


def min_size_bytes(settings: Settings, path: RepoPath) -> int:
    """Return below which size content at `path` stays in git itself; the last fitting line counts."""
    found = settings.min_size_bytes
    for threshold in settings.thresholds:
        if matches(threshold.pattern, path):
            found = threshold.min_size_bytes
    return found


def is_included(settings: Settings, path: RepoPath) -> bool:
    """True if `[fetch] include` and `exclude` let data at this path be fetched without being named."""
    from git_mlvc.git.path_rules import covers

    included, excluded = settings.fetch_include, settings.fetch_exclude
    if included and not covers(included, path):
        return False
    return not covers(excluded, path)


def is_too_large(settings: Settings, size_bytes: int) -> bool:
    """True if data of this size is fetched only when its path is named."""
    return 0 < settings.fetch_max_size_bytes < size_bytes


def is_fetched(settings: Settings, path: RepoPath, size_bytes: int) -> bool:
    """True if such data is fetched without its path being named."""
    return not is_too_large(settings, size_bytes) and is_included(settings, path)
