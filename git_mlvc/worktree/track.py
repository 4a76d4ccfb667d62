"""Tracking: lines in `.gitattributes` that put files into our care, and sizes in `mlvc.toml`.

As with git-lfs, a pattern is written to the `.gitattributes` of the directory where the user stands, and
means what git makes of it there. Files that are committed already are told about, not converted.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from git_mlvc.errors import UsageError
from git_mlvc.formats.pointer import NEVER_DATA
from git_mlvc.git import attributes, objects
from git_mlvc.git.attribute_patterns import escaped, matches
from git_mlvc.repo_path import RepoPath
from git_mlvc.settings import Route, Settings, Threshold, parse_size
from git_mlvc.worktree import attributes_on_disk, pointers, settings_file
from git_mlvc.worktree.raw_content import not_pointers

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

_ATTRIBUTES = ".gitattributes"
_GITS_OWN = {name.decode("ascii") for name in NEVER_DATA - {b"mlvc.lock"}}  # that has a driver
_SETTINGS = RepoPath(settings_file.NAME.encode("ascii"))


@dataclass(frozen=True, slots=True)
class TrackedLine:
    """A pattern in our care, where it is written, and below which size content stays in git itself.

    `remote`: where its data goes, if not to the usual place.
    """

    file: RepoPath
    pattern: str
    above: bool
    min_size_bytes: int
    remote: str | None = None


@dataclass(slots=True)
class TrackReport:
    """Patterns as they were written, and files of the index that are not yet what the lines say."""

    added: list[str] = field(default_factory=list)
    already: list[str] = field(default_factory=list)
    raw: list[RepoPath] = field(default_factory=list)


@dataclass(slots=True)
class UntrackReport:
    """Patterns taken out, patterns that were not there, and files that are still pointers in the index."""

    removed: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    pointers: list[RepoPath] = field(default_factory=list)


def track(
    repo: Repository,
    cwd: Path,
    patterns: Sequence[str],
    settings: Settings,
    *,
    above: str | None = None,
    remote: str | None = None,
) -> TrackReport:
    """Write the lines; with `above` ("1MiB") only content of that size and more is taken. With `remote` their
    data goes there; of what is tracked already nothing else is changed then. Sizes and remotes go to `mlvc.toml`.

    Twice is once. Raises UsageError for a pattern git would not understand and for an unknown remote,
    ConfigError for a bad size, InputError if a file to write to is a link.
    """
    top = _worktree(repo)
    if remote is not None:
        _check_remote(settings, remote)
    limit_bytes = parse_size(above, key="--above") if above is not None else 0
    report = TrackReport()
    prefix = _prefix(top, cwd)
    written = [_pattern(top, cwd, prefix, typed) for typed in patterns]
    file = attributes_on_disk.read(cwd)
    thresholds = list(settings.thresholds)
    for pattern in written:
        rooted = from_top(prefix, pattern)
        if above is None and remote is not None and file.has(pattern):
            is_new = False
        else:
            is_new = file.add(pattern, above=above is not None)
            kept = [t for t in thresholds if t.pattern != rooted]
            if above is not None:
                is_new |= Threshold(rooted, limit_bytes) not in thresholds
                settings_file.set_value(top, ("track", rooted, "min_size"), above)
                kept.append(Threshold(rooted, limit_bytes))
            elif settings_file.remove(top, ("track", rooted, "min_size")):
                is_new = True
            thresholds = kept
        if remote is not None and Route(rooted, remote) not in settings.routes:
            settings_file.set_value(top, ("track", rooted, "remote"), remote)
            is_new = True
        (report.added if is_new else report.already).append(pattern)
    file.leave_out(_GITS_OWN)
    attributes_on_disk.write(cwd, file)
    rooted_patterns = [from_top(prefix, pattern) for pattern in written]
    minimum = Settings(min_size_bytes=settings.min_size_bytes, thresholds=tuple(thresholds))
    report.raw = _raw_files(repo, minimum, rooted_patterns)
    return report


def untrack(repo: Repository, cwd: Path, patterns: Sequence[str]) -> UntrackReport:
    """Take the lines out again, and their sizes and remotes. Raises InputError as `track`."""
    top = _worktree(repo)
    prefix = _prefix(top, cwd)
    report = UntrackReport()
    file = attributes_on_disk.read(cwd)
    for typed in patterns:
        candidates = dict.fromkeys((typed, _pattern(top, cwd, prefix, typed)))
        removed = []
        for pattern in candidates:
            had_settings = settings_file.remove(top, ("track", from_top(prefix, pattern)))
            if file.remove(pattern) or had_settings:
                removed.append(pattern)
        (report.removed if removed else report.unknown).append(removed[0] if removed else typed)
    if report.removed:
        file.leave_out(_GITS_OWN)
    attributes_on_disk.write(cwd, file)
    if report.removed:
        known = pointers.data_files(repo)
        ours = set(attributes.ours(repo.git, known))
        report.pointers = sorted(path for path in known if path not in ours)
    return report


def tracked(repo: Repository, settings: Settings) -> list[TrackedLine]:
    """Return our lines in all `.gitattributes` of the worktree, from the top down.

    After them come the patterns that only `mlvc.toml` routes to a remote.
    """
    top = _worktree(repo)
    shown = repo.git.run(
        "ls-files", "-z", "-c", "-o", "--exclude-standard", "--", f":(glob)**/{_ATTRIBUTES}"
    )
    names = sorted(
        {raw for raw in shown.stdout.split(b"\0") if raw}, key=lambda n: (n.count(b"/"), n)
    )
    sizes = {threshold.pattern: threshold.min_size_bytes for threshold in settings.thresholds}
    remotes = {route.pattern: route.remote for route in settings.routes}
    found = []
    for path in filter(None, map(objects.as_path, names)):
        folder = top.joinpath(*path.text.split("/")[:-1])
        prefix = _prefix(top, folder)
        for line in attributes_on_disk.read(folder).patterns():
            rooted = from_top(prefix, line.pattern)
            size = sizes.get(rooted, settings.min_size_bytes)
            remote = remotes.pop(rooted, None)
            found.append(TrackedLine(path, line.pattern, line.above, size, remote))
    for pattern, remote in remotes.items():  # a part of what other lines track
        size = sizes.get(pattern, settings.min_size_bytes)
        found.append(TrackedLine(_SETTINGS, pattern, pattern in sizes, size, remote))
    return found


def raw_files(repo: Repository, settings: Settings) -> list[RepoPath]:
    """Return files that git holds itself although the attributes say they should be pointers."""
    return _raw_files(repo, settings, None)


def from_top(prefix: str, pattern: str) -> str:
    """Return the pattern that at the top means what `pattern` means in directory `prefix` ("a/b/")."""
    if not prefix:
        return pattern
    here = escaped(prefix)
    if "/" in pattern.rstrip("/"):
        return here + pattern.removeprefix("/")
    return f"{here}**/{pattern}"


def _raw_files(
    repo: Repository, settings: Settings, patterns: Iterable[str] | None
) -> list[RepoPath]:
    chosen = None if patterns is None else list(patterns)
    files = (
        (path, entry.blob_sha)
        for path, entry in pointers.regular_entries(pointers.open_index(repo))
        if chosen is None or any(matches(pattern, path) for pattern in chosen)
    )
    content = list(not_pointers(repo, settings, files))
    return list(attributes.ours(repo.git, content)) if content else []


def _check_remote(settings: Settings, name: str) -> None:
    if name not in settings.remotes:
        known = sorted(settings.remotes)
        raise UsageError(
            f"no remote is called '{name}'",
            why=f"known remotes: {', '.join(known)}" if known else "no remote is defined",
            hint=f"git mlvc remote add {name} URL",
        )


def _worktree(repo: Repository) -> Path:
    return repo.needed_worktree("there is nothing to track")


def _prefix(top: Path, cwd: Path) -> str:
    """Return where `cwd` lies below the top: "" or "sub/dir/". Raises UsageError."""
    try:
        inside = Path(os.path.realpath(cwd)).relative_to(os.path.realpath(top))
    except ValueError:
        raise UsageError(f"{cwd} is outside of the worktree {top}") from None
    parts = "/".join(inside.parts)
    return f"{parts}/" if parts else ""


def _pattern(top: Path, cwd: Path, prefix: str, typed: str) -> str:
    """Turn what was typed in `cwd` into a pattern for the `.gitattributes` there.

    A directory means everything below it; the name of a file that would not match itself, read as a
    pattern, is escaped. Raises UsageError for what lies elsewhere.
    """
    text = typed
    if os.path.isabs(text):
        inside = os.path.relpath(text, os.path.realpath(cwd))
        if os.path.exists(text) or inside.startswith(".."):
            text = inside
    while text.startswith("./"):
        text = text[2:].lstrip("/")
    if text in ("", "."):
        return "**"
    if ".." in text.split("/"):
        raise UsageError(
            f"'{typed}' does not lie in this directory",
            hint="go to the directory of the files, or to the top of the repository",
        )
    place = os.path.join(cwd, text.lstrip("/"))
    if os.path.isdir(place) and not os.path.islink(place):
        return escaped(text.rstrip("/")) + "/**"
    if text.endswith("/"):
        return text + "**"
    rooted = objects.as_path(os.fsencode(text.lstrip("/")))
    if rooted is not None and os.path.lexists(place) and not matches(text, rooted):
        return escaped(text)
    return text
