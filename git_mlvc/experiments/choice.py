"""Which experiments a user means by names and globs (`lr-*`: no name can hold these signs). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from git_mlvc.errors import UsageError
from git_mlvc.experiments.names import of_ref
from git_mlvc.nearest import nearest

_GLOB = frozenset("*?[")


def chosen(
    known: Iterable[str], words: Sequence[str], where: str = "", *, remotes: Iterable[str] = ()
) -> list[str]:
    """Return the names that `words` mean, each once; all of them, in order, if there are no words.

    `where`: for messages, " on origin". `remotes`: what might have been meant too. Raises UsageError for what
    means nothing, with the nearest name.
    """
    names = list(known)
    if not words:
        return names
    found: dict[str, None] = {}
    for word in words:
        word = of_ref(word)
        if _GLOB.isdisjoint(word):
            meant = [word] if word in names else []
        else:
            meant = [name for name in names if fnmatchcase(name, word)]
        if not meant:
            raise _unknown(word, names, where, list(remotes))
        found.update(dict.fromkeys(meant))
    return list(found)


def _unknown(word: str, names: Sequence[str], where: str, remotes: Sequence[str]) -> UsageError:
    is_glob = not _GLOB.isdisjoint(word)
    near = nearest(word, [*names, *remotes])
    if near:
        hint = f"did you mean '{near}'?"
    elif names:
        hint = "git mlvc exp list" + (" --remote" if where else "")
    else:
        hint = f"there are none{where or ' yet: `git mlvc exp run` makes one'}"
    if is_glob:
        return UsageError(f"no experiment{where} is called like '{word}'", hint=hint)
    return UsageError(f"there is no experiment '{word}'{where}", hint=hint)
