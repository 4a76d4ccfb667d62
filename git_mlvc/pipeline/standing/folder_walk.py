"""All files below a directory that count, as they are found there. Nothing is opened but directories."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field

from git_mlvc.errors import InputError
from git_mlvc.pipeline.standing import content_hash
from git_mlvc.pipeline.standing.contents import Seen
from git_mlvc.pipeline.standing.counting import Counting, Part
from git_mlvc.repo_path import shown

_GIT = b".git"
_GONE = (errno.ENOENT, errno.ENOTDIR)


def _any(path: bytes) -> bool:
    return True


@dataclass(slots=True)
class Walk:
    """What one look at a directory found.

    `met`: all paths that git may ignore, whether it does or not. `is_cut`: something that git ignores was
    left out; `is_bare`: and nothing but what stages make was left. `listings`: all names of each directory. `repositories`: directories with
    a repository of their own, of which only a part counts.
    """

    files: list[Seen] = field(default_factory=list)
    met: set[bytes] = field(default_factory=set)
    listings: dict[bytes, list[bytes]] = field(default_factory=dict)
    repositories: list[bytes] = field(default_factory=list)
    is_cut: bool = False
    is_bare: bool = True


@dataclass(frozen=True, slots=True)
class _Folder:
    path: bytes  # in the repository; b"" for the top
    part: Part
    entered: frozenset[bytes]  # where links have led to, on the way here


def walk(
    top: bytes,
    folder: bytes,
    counting: Counting,
    part: Part,
    *,
    matches: Callable[[bytes], bool] = _any,
    may_match_below: Callable[[bytes], bool] = _any,
) -> Walk:
    """Find the files below `folder` (b"" for the top) that count, and that match.

    Links to files and directories count as what they lead to; those that lead nowhere, and what vanishes
    meanwhile, do not. Anything called `.git` is left out. Raises FileNotFoundError and NotADirectoryError
    for the folder itself; InputError for what cannot be read, for links that lead in a circle, and for what
    is neither file nor directory.
    """
    found = Walk()
    start = os.path.realpath(os.path.join(top, folder))
    waiting = [_Folder(folder, part, frozenset([start]))]
    while waiting:
        here = waiting.pop()
        try:
            with os.scandir(os.path.join(top, here.path)) as listed:
                entries = list(listed)
        except OSError as exc:
            if exc.errno not in _GONE:
                raise unusable(here.path, exc) from exc
            if here.path == folder:
                raise
            continue
        _look(here, entries, counting, found, waiting, matches, may_match_below)
    return found


def _look(
    here: _Folder,
    entries: list[os.DirEntry[bytes]],
    counting: Counting,
    found: Walk,
    waiting: list[_Folder],
    matches: Callable[[bytes], bool],
    may_match_below: Callable[[bytes], bool],
) -> None:
    """Sort the entries of one directory into `found`, and directories to look into after it."""
    prefix = here.path + b"/" if here.path else b""
    is_plain, is_whole = here.part is Part.NOT_IGNORED, here.part is Part.WHOLE
    keep = found.files.append
    found.listings[here.path] = [entry.name for entry in entries]
    if is_plain:
        found.met.update([prefix + entry.name for entry in entries])
    for entry in entries:
        name = entry.name
        path = prefix + name
        if len(name) == 4 and name.lower() == _GIT:
            if here.path and is_plain:
                found.repositories.append(here.path)
            continue
        try:
            # A directory, or no directory and no link to one: neither takes a system call.
            if entry.is_dir():
                inner = counting.part(path, here.part)
                found.is_cut |= inner is Part.MADE or inner is Part.NOTHING
                if inner is not Part.NOTHING and may_match_below(path):
                    waiting.append(_Folder(path, inner, _entered(entry, path, here.entered)))
                continue
            if not is_whole and not counting.counts(path, name, here.part):
                found.is_cut |= path in counting.ignored
                continue
            if not matches(path):
                continue
            info = entry.stat()
        except OSError as exc:
            if exc.errno in _GONE:
                continue
            raise unusable(path, exc) from exc
        if not stat.S_ISREG(info.st_mode):
            raise content_hash.not_regular(path, info.st_mode)
        keep(Seen(path, info))
        if found.is_bare and is_plain and not counting.is_out(path):
            found.is_bare = False


def _entered(entry: os.DirEntry[bytes], path: bytes, entered: frozenset[bytes]) -> frozenset[bytes]:
    if not entry.is_symlink():
        return entered
    real = os.path.realpath(entry.path)
    if real in entered:
        raise circle(path)
    return entered | {real}


def unusable(path: bytes, exc: OSError) -> InputError:
    """Return the error for what cannot be looked at."""
    return circle(path) if exc.errno == errno.ELOOP else content_hash.unreadable(path, exc)


def circle(path: bytes) -> InputError:
    return InputError(
        f"cannot tell what is in {shown(path)}",
        why="it is a symbolic link that leads in a circle",
        hint="take the link away, or name in `deps` only what the stage needs",
    )
