"""The name of an experiment that is to be made: the user's, or two words that nobody has."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from git_mlvc.errors import UsageError
from git_mlvc.experiments import claims, names, refs, states

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

_ATTEMPTS = 10


@contextmanager
def claimed(repo: Repository, name: str) -> Iterator[str]:
    """Hold a name that no experiment has, made or in the making. Raises UsageError if it is taken."""
    taken = {one.name for one in refs.list(repo)}
    if name in taken:
        raise refs.taken(name)
    held = name or _claim_any(repo, taken)
    if name:
        claims.claim(repo, name)
    try:
        yield held
    finally:
        claims.release(repo, held)


def _claim_any(repo: Repository, taken: set[str]) -> str:
    for _ in range(_ATTEMPTS):
        name = names.generate(taken.union(claims.claimed(repo), states.names(repo)), _choose)
        with suppress(UsageError):
            claims.claim(repo, name)
            return name
    raise UsageError("no name was free", hint="choose one: --name NAME")


def _choose(words: Sequence[str]) -> str:
    return random.choice(words)
