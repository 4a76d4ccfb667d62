"""Why it cannot be told what a remote has: the errors of those who will not say "missing" (law 9)."""

from __future__ import annotations

from git_mlvc.errors import RemoteUnavailable


def _doubt(name: str, why: str, hint: str = "") -> RemoteUnavailable:
    return RemoteUnavailable(f"cannot tell what remote '{name}' has", why=why, hint=hint)


def unstable(name: str) -> RemoteUnavailable:
    return _doubt(
        name,
        "segments vanish while they are read",
        "somebody may be cleaning it up: try again in a minute",
    )


def damaged_segment(name: str, segment_id: bytes) -> RemoteUnavailable:
    return _doubt(
        name,
        f"its segment {segment_id.hex()[:16]} is damaged",
        "git mlvc push sends again what cannot be found there",
    )


def damaged_index(name: str, why: str, hint: str) -> RemoteUnavailable:
    return _doubt(name, why, hint)


def emptied(name: str) -> RemoteUnavailable:
    return _doubt(
        name,
        "it had data when it was last read, and there is nothing now",
        "is the disk mounted? If it was emptied on purpose, the next push fills it again",
    )


def too_large_to_keep(name: str) -> RemoteUnavailable:
    return _doubt(name, "its index is too large to keep here")


def only_an_index(name: str) -> RemoteUnavailable:
    return RemoteUnavailable(
        f"cannot tell whether remote '{name}' has it",
        why="it cannot be listed, and the index it keeps does not name it",
        hint="if it was pushed lately, try again in a minute",
    )


def only_parts_read(name: str) -> RemoteUnavailable:
    return RemoteUnavailable(
        f"cannot tell for certain whether remote '{name}' has it",
        why="only the parts of its index were read in which it should be named",
        hint="git mlvc fsck --remote reads all of it",
    )
