"""Whether what was sent stands where it belongs: a server's word is not enough.

Some servers show what they have just taken only after a while, so "not there" is asked again a few times.
"""

from __future__ import annotations

from git_mlvc.backend.base import Stat
from git_mlvc.errors import RemoteRefused, RemoteUnavailable
from git_mlvc.transfer.remote_view import RemoteView

PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0)


def check_arrival(view: RemoteView, key: str, size_bytes: int) -> None:
    """Raise RemoteError unless `key` stands there with that size. From any thread."""
    found = view.backend.stat(key)
    for pause_s in PAUSES_S:
        if found is not None and found.size_bytes == size_bytes:
            return
        view.traffic.pausing(_missing(view, key, size_bytes, found), pause_s)
        view.traffic.rest(pause_s)
        found = view.backend.stat(key)
    if found is None or found.size_bytes != size_bytes:
        raise _missing(view, key, size_bytes, found)


def stands(view: RemoteView, key: str, size_bytes: int) -> bool:
    """True if something of that size is there now."""
    found = view.backend.stat(key)
    return found is not None and found.size_bytes == size_bytes


def _missing(
    view: RemoteView, key: str, size_bytes: int, found: Stat | None
) -> RemoteUnavailable | RemoteRefused:
    if found is None:
        return RemoteUnavailable(
            f"remote '{view.name}' took {key} and does not have it",
            why="it says so when it is asked right afterwards",
            hint="push again; nothing was told of it yet",
        )
    return RemoteRefused(
        f"remote '{view.name}' kept {found.size_bytes} of {size_bytes} bytes of {key}",
        why="it says so when it is asked right afterwards",
        hint="push again; if it happens again, that server cannot be used",
    )
