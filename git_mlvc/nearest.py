"""The name that somebody most likely meant."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(name: str, names: Iterable[str]) -> str:
    """Return the name that was most likely meant; "" if none is near."""
    known = sorted(set(names))
    lowered = {one.lower(): one for one in known}
    if name.lower() in lowered:
        return lowered[name.lower()]
    import difflib  # only where there is a mistake

    near = difflib.get_close_matches(name, known, n=1)
    return near[0] if near else ""


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return a hint: the nearest name, else all of them; "" if there are none, or too many to read."""
    known = sorted(set(names))
    if near := nearest(name, known):
        return f"did you mean '{near}'?"
    return f"it may be: {', '.join(known)}" if 0 < len(known) <= 24 else ""
