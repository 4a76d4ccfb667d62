"""What git's merge driver does with a lock file: merge it by stages, or as text where it is no lock file."""

from __future__ import annotations

from dataclasses import dataclass

from git_mlvc.errors import FormatError
from git_mlvc.git.process import Git
from git_mlvc.pipeline.lock_files import lock_merge
from git_mlvc.worktree import merge_driver
from git_mlvc.worktree.merge_driver import Versions

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Outcome:
    """`is_merged`: False if a conflict was left. `note`: what the user should know; empty for nothing."""

    is_merged: bool
    note: str = ""


def merge(git: Git, versions: Versions, path: str) -> Outcome:
    """Merge into `versions.ours`. Raises GitError, OSError."""
    places = (versions.base, versions.ours, versions.theirs)
    base, ours, theirs = (place.read_bytes() for place in places)
    try:
        merged = lock_merge.merge(base, ours, theirs, path)
    except FormatError as exc:
        # A newer version, or damage that came with a commit: nothing of it may get lost.
        is_merged = merge_driver.merge(git, versions)
        return Outcome(is_merged, f"warning: {path} was merged as text: {exc}")
    versions.ours.write_bytes(merged.data)
    return Outcome(True, _note(merged.rivals, path))


def _note(rivals: tuple[str, ...], path: str) -> str:
    if not rivals:
        return ""
    names = ", ".join(rivals[:_SHOWN])
    more = f" and {len(rivals) - _SHOWN} more" if len(rivals) > _SHOWN else ""
    return (
        f"{path}: both sides have new results of {names}{more}; ours stay\n"
        "hint: `git mlvc repro` restores or makes what belongs to the merged inputs"
    )
