"""The command line of `git add`, as far as it decides which files are meant.

Pure. Git itself gets the same words and does the rest, so whatever is not understood here need not be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

MOST_PATHSPEC_BYTES = 128 << 10  # they become arguments of other commands
_SET_ALL = frozenset({"-A", "--all", "--no-ignore-removal"})
_SET_TRACKED = frozenset({"-u", "--update"})
_SET_FORCE = frozenset({"-f", "--force"})
_SET_VERBOSE = frozenset({"-v", "--verbose"})
# They say how git adds, and not what: its own run with the same words sees to them.
_LEFT_TO_GIT = frozenset(
    {"--no-all", "--ignore-removal", "--ignore-errors", "--sparse", "--chmod=+x", "--chmod=-x"}
)
_FROM_FILE = "--pathspec-from-file"


@dataclass(frozen=True, slots=True)
class AddArguments:
    """What to add. No pathspecs at all: everything, from the top."""

    pathspecs: tuple[str, ...] = ()
    is_all: bool = False
    only_tracked: bool = False
    with_ignored: bool = False
    is_verbose: bool = False
    pathspec_file: str | None = None  # "-" is standard input
    is_nul_separated: bool = False

    def with_pathspecs_of(self, data: bytes) -> AddArguments | None:
        """Return what is meant, given the content of `pathspec_file`; None if git has to read it."""
        if self.is_nul_separated:
            lines = data.split(b"\0")
        else:
            lines = [line.removesuffix(b"\r") for line in data.split(b"\n")]
        if lines[-1] == b"":
            lines.pop()
        is_quoted = any(line.startswith(b'"') for line in lines) and not self.is_nul_separated
        if is_quoted or not lines or len(data) > MOST_PATHSPEC_BYTES:
            return None
        texts = tuple(line.decode("utf-8", "surrogateescape") for line in lines)
        return replace(self, pathspecs=texts, pathspec_file=None)


def parse(words: Sequence[str]) -> AddArguments | None:
    """Return what `git add` with these words would look at.

    None where it has to be left to git as a whole: it would ask the user, look without adding, add
    without reading, or refuse.
    """
    found = AddArguments()
    pathspecs: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            pathspecs += rest
            break
        if word == "-" or not word.startswith("-"):
            pathspecs.append(word)
        elif word == _FROM_FILE and rest:
            found = replace(found, pathspec_file=rest.pop(0))
        elif word.startswith(_FROM_FILE + "="):
            found = replace(found, pathspec_file=word.partition("=")[2])
        elif word == "--pathspec-file-nul":
            found = replace(found, is_nul_separated=True)
        elif not word.startswith("--") and len(word) > 2:
            rest[:0] = [f"-{letter}" for letter in word[1:]]
        elif word not in _LEFT_TO_GIT:
            known = _with(found, word)
            if known is None:
                return None
            found = known
    return _sensible(replace(found, pathspecs=tuple(pathspecs)))


def _with(found: AddArguments, word: str) -> AddArguments | None:
    if word in _SET_ALL:
        return replace(found, is_all=True)
    if word in _SET_TRACKED:
        return replace(found, only_tracked=True)
    if word in _SET_FORCE:
        return replace(found, with_ignored=True)
    if word in _SET_VERBOSE:
        return replace(found, is_verbose=True)
    return None


def _sensible(found: AddArguments) -> AddArguments | None:
    """None for what git refuses, with words of its own."""
    if found.is_all and found.only_tracked:
        return None
    if found.pathspec_file is not None:
        return None if found.pathspecs else found
    if found.is_nul_separated:
        return None
    if not found.pathspecs and not (found.is_all or found.only_tracked):
        return None
    is_long = sum(len(text) for text in found.pathspecs) > MOST_PATHSPEC_BYTES
    return None if is_long else found
