"""What is said of files that stay stubs: by the filter, which answered with them, by the hooks, which
could not fill them, and by verbs that fetch. One message for all, so that a checkout of thousands does not bury its reason.
"""

from __future__ import annotations

from collections.abc import Sequence

from git_mlvc.units import count_text, names_text, size_text

_MOST_NAMES = 10
_PULL = "git mlvc pull"
_BINARY = ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def still_stubs(names: Sequence[str], *, why: str, hint: str) -> str:
    """Return the warning; `hint` is the reason's own, and pulling again always helps in the end."""
    shown = names_text(names, most=_MOST_NAMES)
    count = len(names)
    what = (
        f"{shown} stays a stub"
        if count == 1
        else f"{count_text(count, 'file')} stay stubs: {shown}"
    )
    hints = [hint, _PULL] if hint and "pull" not in hint else [_PULL]
    return "\n".join([f"warning: {what}", f"  why: {why}", *(f"hint: {text}" for text in hints)])


def too_large(names: Sequence[str], limit_bytes: int) -> str:
    """Return what is said of files that were left as stubs because of `fetch.max_size`."""
    verb = "was left as a stub" if len(names) == 1 else "were left as stubs"
    shown = names_text(names, most=_MOST_NAMES)
    return (
        f"{count_text(len(names), 'file')} above {_limit_text(limit_bytes)} {verb}: {shown};"
        f" `{_PULL} PATH` brings {'it' if len(names) == 1 else 'them'}"
    )


def _limit_text(limit_bytes: int) -> str:
    """Return a limit as it was probably written."""
    for size, unit in _BINARY:
        if limit_bytes % size == 0:
            return f"{limit_bytes // size:,} {unit}"
    return size_text(limit_bytes)
