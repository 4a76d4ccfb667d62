"""What is said of files that stay stubs: by the filter, which answered with them, and by the hooks, which
could not fill them. One message for all, so that a checkout of thousands does not bury its reason.
"""

from __future__ import annotations

from collections.abc import Sequence

from git_mlvc.units import count_text, names_text

_MOST_NAMES = 10
_PULL = "git mlvc pull"


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
