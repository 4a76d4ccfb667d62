"""What git ignores below some directories: asked of git itself, once for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from git_mlvc.git.process import Git

_MOST_WORDS = 64 << 10  # bytes of arguments; more directories than fit are all of them
# A repository inside this one may have been unpacked from anywhere: its settings start nothing.
_HARMLESS = ("-c", "core.fsmonitor=false")
# What a user may have set for her own commands.
_OUR_PATHSPECS = {f"GIT_{kind}_PATHSPECS": "0" for kind in ("LITERAL", "GLOB", "NOGLOB", "ICASE")}


def ignored(git: Git, folders: Iterable[bytes] | None = None) -> frozenset[bytes]:
    """Return the untracked files and whole directories below `folders` (None: anywhere) that git ignores.

    Paths from git's directory. Of a directory that is ignored only the directory itself, or one that it is
    in. What is inside another repository is not looked at. Raises GitError.
    """
    listed = git.run(
        *_HARMLESS,
        "ls-files",
        "-z",
        "--others",
        "--ignored",
        "--exclude-standard",
        "--directory",
        "--",
        *_pathspecs(folders),
        env_extra=_OUR_PATHSPECS,
    ).stdout
    paths = {path.rstrip(b"/") for path in listed.split(b"\0") if path}
    # Git names directories too that are not ignored, if all that is in them now is: it may not stay so.
    return frozenset(paths - {folder for path in paths for folder in _folders(path)})


def _folders(path: bytes) -> Iterator[bytes]:
    while path := path.rpartition(b"/")[0]:
        yield path


def _pathspecs(folders: Iterable[bytes] | None) -> Sequence[bytes]:
    if folders is None:
        return []
    specs = [b":(literal)" + folder for folder in sorted(set(folders))]
    return specs if sum(map(len, specs)) <= _MOST_WORDS else []
