"""Paths as people write them in a stage file, from its folder, as paths from the top of the repository. Pure."""

from __future__ import annotations

import re

from git_mlvc.repo_path import RepoPath

_ABSOLUTE = re.compile(r"/|~(?:/|\Z)|[A-Za-z]:[\\/]")
# A terminal would obey some of these, and paths are shown.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_OUTSIDE = "bring it into the repository (git mlvc track keeps large files out of git), or name it by a URL"


class PathMistake(ValueError):
    """A path that cannot be used: what is wrong with it, and what to do."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint


def resolved(folder: RepoPath | None, written: str) -> str:
    """Return the path from the top, "" for the top itself; without `.`, `..` and slashes at the end.

    Raises PathMistake: empty, absolute, outside the repository, inside `.git`.
    """
    if not written:
        raise PathMistake("a path is empty")
    if _CONTROL.search(written):
        raise PathMistake("it holds a control character", "name the directory that it is in")
    if _ABSOLUTE.match(written):
        raise PathMistake("it is an absolute path, which no other clone has", _OUTSIDE)
    if "." not in written and "//" not in written and written[-1] != "/":
        return written if folder is None else f"{folder.text}/{written}"
    parts = [] if folder is None else folder.text.split("/")
    for part in written.split("/"):
        if part == "..":
            if not parts:
                raise PathMistake("it leads out of the repository", _OUTSIDE)
            parts.pop()
        elif part not in ("", "."):
            if part.lower() == ".git":
                raise PathMistake("it leads into .git, which is git's own")
            parts.append(part)
    return "/".join(parts)
