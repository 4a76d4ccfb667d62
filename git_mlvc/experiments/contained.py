"""Whether a change to a text lives on in a later text: then overwriting it with that one loses nothing. Pure.

An experiment takes in what the user has not committed and goes on from there, often in the very next line: git's
merge calls that a conflict.
"""

from __future__ import annotations

from difflib import SequenceMatcher

MAX_BYTES = 256 << 10
_MAX_LINES = 4000


def is_contained(base: bytes, changed: bytes, later: bytes) -> bool:
    """True if all that made `changed` from `base` is in `later`: lines that came are there, those that went are not.

    False for what is not text, and for what is too long to be compared.
    """
    if changed == later:
        return True
    texts = (base, changed, later)
    if any(len(text) > MAX_BYTES or b"\0" in text for text in texts):
        return False
    old, mine, new = (text.splitlines(keepends=True) for text in texts)
    if max(len(old), len(mine), len(new)) > _MAX_LINES:
        return False
    gone, came = _difference(old, mine)
    given_up, added = _difference(mine, new)
    if came & given_up:
        return False
    brought_back = {new[at] for at in added}
    return not any(old[at] in brought_back for at in gone)


def _difference(before: list[bytes], after: list[bytes]) -> tuple[set[int], set[int]]:
    """Return which lines of `before` went, and which of `after` came, by their places."""
    gone: set[int] = set()
    came: set[int] = set()
    for tag, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag != "equal":
            gone.update(range(a, b))
            came.update(range(c, d))
    return gone, came
