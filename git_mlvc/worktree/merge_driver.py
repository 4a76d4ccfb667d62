"""Merging two versions of one file: pointers by their ids, everything else as git merges text.

A pointer names content, so of two different ones neither can be built from the other: if one side
has not changed since the base the other is taken, else it is a conflict and *ours* stays in place.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from git_mlvc.errors import GitError
from git_mlvc.formats import pointer
from git_mlvc.git.process import Git
from git_mlvc.oid import Oid

_READ_BYTES = 1 << 20
_BAD_OPTION = 129  # git's exit code for an option it does not know
_ERROR = 255  # `git merge-file` cannot merge this, for instance because it is binary


@dataclass(frozen=True, slots=True)
class Versions:
    """What git hands to a merge driver; the result is written over `ours`."""

    base: Path
    ours: Path
    theirs: Path
    marker_size: int = 7
    labels: Sequence[str] = ("ours", "base", "theirs")


def merge(git: Git, versions: Versions) -> bool:
    """Merge into `versions.ours`; False when that left a conflict. Raises GitError."""
    ours, theirs = _pointer_of(versions.ours), _pointer_of(versions.theirs)
    if ours is None and theirs is None:
        return _merge_text(git, versions)
    our_id = ours.oid if ours else _id_of(versions.ours)
    their_id = theirs.oid if theirs else _id_of(versions.theirs)
    if our_id == their_id:
        return True
    base = _pointer_of(versions.base)
    base_id = base.oid if base else _id_of(versions.base)
    if base_id == our_id:
        shutil.copyfile(versions.theirs, versions.ours)
        return True
    return base_id == their_id


def _pointer_of(path: Path) -> pointer.Pointer | None:
    with open(path, "rb") as file:
        return pointer.sniff(file.read(pointer.MAX_POINTER_BYTES + 1))


def _id_of(path: Path) -> Oid:
    from blake3 import blake3

    hasher = blake3()
    with open(path, "rb") as file:
        while block := file.read(_READ_BYTES):
            hasher.update(block)
    return Oid(hasher.digest())


def _merge_text(git: Git, versions: Versions) -> bool:
    files = [versions.ours, versions.base, versions.theirs]
    words: list[str | Path] = [f"--marker-size={versions.marker_size}"]
    for label in versions.labels:
        words += ["-L", label]
    # What `git merge` uses by itself; git before 2.44 cannot be asked for it here.
    done = git.run("merge-file", "--diff-algorithm=histogram", *words, *files, check=False)
    if done.returncode == _BAD_OPTION:
        done = git.run("merge-file", *words, *files, check=False)
    if done.returncode >= _ERROR and b"inary" not in done.stderr:
        raise GitError(done.argv, done.returncode, done.stderr.decode("utf-8", "replace"))
    return done.returncode == 0
