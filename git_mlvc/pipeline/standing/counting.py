"""Which files of a directory count, when a stage needs it or makes it. Pure.

What a stage makes counts whole. Of anything else that a stage needs, files that git ignores do not count
(a run leaves `__pycache__` behind), nor those that git or we write ourselves (`mlvc.lock` after every run).
So it depends on the path alone, and not on who asks: docs/adr/0021.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum, auto

from git_mlvc.formats.pointer import NEVER_DATA


class Part(Enum):
    """What part of a directory counts."""

    WHOLE = auto()
    NOT_IGNORED = auto()
    MADE = auto()  # git ignores it, but a stage makes something in it
    NOTHING = auto()


class Counting:
    """`outs`: all paths that stages make. `ignored`: files and directories that git ignores."""

    def __init__(self, outs: Iterable[bytes], ignored: Iterable[bytes] = ()) -> None:
        self._outs = frozenset(outs)
        self._leading = frozenset(folder for out in self._outs for folder in parents(out))
        self.ignored = frozenset(ignored)

    def making(self, out: bytes) -> Counting:
        """Return the same with one out more."""
        return Counting({*self._outs, out}, self.ignored)

    def ignoring(self, ignored: Iterable[bytes]) -> Counting:
        """Return the same with another answer of git's."""
        made = Counting((), ignored)
        made._outs, made._leading = self._outs, self._leading
        return made

    def is_made(self, path: bytes) -> bool:
        """True if a stage makes this, or a directory that it is in."""
        return path in self._outs or any(parent in self._outs for parent in parents(path))

    def is_out(self, path: bytes) -> bool:
        return path in self._outs

    def is_ignored(self, path: bytes) -> bool:
        return path in self.ignored or any(parent in self.ignored for parent in parents(path))

    def counts(self, path: bytes, name: bytes, part: Part) -> bool:
        """True if the file counts that is in a directory of which this part does."""
        if part is Part.WHOLE or path in self._outs:
            return True
        return part is Part.NOT_IGNORED and path not in self.ignored and name not in NEVER_DATA

    def part(self, path: bytes, outer: Part) -> Part:
        """Return what counts of a directory in one of which this part counts."""
        if outer is Part.WHOLE or path in self._outs:
            return Part.WHOLE
        if outer is Part.NOT_IGNORED and path not in self.ignored:
            return Part.NOT_IGNORED
        return Part.MADE if path in self._leading else Part.NOTHING


def parents(path: bytes) -> Iterator[bytes]:
    """Yield the directories that a path is in, the innermost first; not the top."""
    at = path.rfind(b"/")
    while at > 0:
        yield path[:at]
        at = path.rfind(b"/", 0, at)


def outermost(folders: Iterable[bytes]) -> list[bytes]:
    """Return the directories that are in no other of these."""
    given = set(folders)
    return sorted(one for one in given if not any(parent in given for parent in parents(one)))
