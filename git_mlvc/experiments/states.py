"""Experiments that are no commits yet, or never will be: queued, running, failed, interrupted.

One plain file of JSON for each in `<git common dir>/mlvc/exp/states`, named like it, written in one step. What a
process that has died left as `running` reads as `interrupted`. A finished experiment has a ref, and no file.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from git_mlvc.errors import FormatError, MlvcError, UsageError
from git_mlvc.experiments.state_record import MOST_BYTES, Phase, State, decode, encode
from git_mlvc.fs.atomic import write_file
from git_mlvc.fs.owner import Owner, is_alive

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

__all__ = [
    "Phase",
    "State",
    "States",
    "check_free",
    "folder",
    "names",
    "of",
    "put",
    "read",
    "remove",
    "running",
]
_SUFFIX = ".json"


@dataclass(frozen=True, slots=True)
class States:
    """All that could be read, the oldest first, and the files that could not."""

    states: tuple[State, ...]
    damaged: tuple[Path, ...] = ()


def folder(repo: Repository) -> Path:
    """Return the directory of the files; it need not be there."""
    return repo.common_dir / "mlvc" / "exp" / "states"


def names(repo: Repository) -> list[str]:
    """Return the names of all, ascending, without reading them."""
    try:
        found = os.listdir(folder(repo))
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(
        name.removesuffix(_SUFFIX)
        for name in found
        if name.endswith(_SUFFIX) and not name.startswith(".")
    )


def read(repo: Repository) -> States:
    """Return what is queued, running, failed and interrupted now. Never raises for what is in the files."""
    states, damaged = [], []
    for name in names(repo):
        try:
            state = of(repo, name)
        except FormatError:
            damaged.append(_path(repo, name))
        else:
            if state is not None:
                states.append(state)
    return States(tuple(sorted(states, key=lambda one: (one.since_s, one.name))), tuple(damaged))


def of(repo: Repository, name: str) -> State | None:
    """Return the state of one; None if it has none. Raises FormatError naming a file that cannot be read."""
    path = _path(repo, name)
    try:
        with open(path, "rb") as file:
            data = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise FormatError(f"cannot read {path}", why=exc.strerror or str(exc)) from exc
    try:
        return _seen(decode(data, name))
    except FormatError as exc:
        raise FormatError(
            f"{path}: {exc.what}", why=exc.why, hint=f"remove it: rm '{path}'"
        ) from exc


def put(repo: Repository, state: State, *, durable: bool = False) -> None:
    """Write a state in the place of the one that it had, if any."""
    path = _path(repo, state.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, encode(state), durable=durable)


def remove(repo: Repository, name: str) -> None:
    """Forget the state of one, if it has any."""
    _path(repo, name).unlink(missing_ok=True)


def check_free(repo: Repository, name: str) -> None:
    """Raises UsageError if an experiment of this name waits in the queue, or will be taken up again."""
    try:
        state = of(repo, name)
    except FormatError:
        return
    if state is not None and state.is_from_queue and state.phase is not Phase.FAILED:
        raise UsageError(
            f"there is an experiment '{name}' already: it is {state.phase}",
            hint=f"choose another --name, or take it out of the queue: git mlvc exp stop {name}",
        )


@contextmanager
def running(repo: Repository, state: State) -> Iterator[None]:
    """Mark an experiment as running, by this process; at the end as what became of it.

    After a success it has no state. What a state of that name said of the queue stays true.
    """
    before = None
    with suppress(FormatError):
        before = of(repo, state.name)
    state = replace(
        state,
        phase=Phase.RUNNING,
        owner=Owner.current(),
        since_s=time.time(),
        is_from_queue=before is not None and before.is_from_queue,
    )
    put(repo, state)
    try:
        yield
    except BaseException as exc:
        was_failure = isinstance(exc, Exception)
        put(
            repo,
            replace(
                state,
                phase=Phase.FAILED if was_failure else Phase.INTERRUPTED,
                owner=None,
                since_s=time.time(),
                error=_told(exc) if was_failure else "",
            ),
        )
        raise
    remove(repo, state.name)


# -- inside


def _path(repo: Repository, name: str) -> Path:
    return folder(repo) / (name + _SUFFIX)


def _seen(state: State) -> State:
    """Law 9: only what has certainly ended is interrupted; an owner out of our sight may be at work."""
    if state.phase is not Phase.RUNNING:
        return state
    if state.owner is not None and is_alive(state.owner) is not False:
        return state
    return replace(state, phase=Phase.INTERRUPTED, owner=None)


def _told(exc: BaseException) -> str:
    text = str(exc) if isinstance(exc, MlvcError) else f"{type(exc).__name__}: {exc}"
    return text[:4000]
