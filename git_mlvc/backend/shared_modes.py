"""The modes of what is made inside a directory: those of the directory, so that what people share stays shared. Pure."""

from __future__ import annotations

import stat as modes


def dir_mode(like: int, otherwise: int | None) -> int | None:
    """Return the mode of a directory made inside one of mode `like`; None leaves it to the umask."""
    if like & modes.S_ISVTX:  # a place for everybody, such as /tmp, says nothing
        return otherwise
    return modes.S_IMODE(like) & ~(modes.S_ISUID | modes.S_ISVTX) | 0o700


def file_mode(like: int, otherwise: int | None) -> int | None:
    """Return the mode of a file made inside a directory of mode `like`; None leaves it to the umask."""
    if like & modes.S_ISVTX:
        return otherwise
    return like & 0o666 | 0o600
