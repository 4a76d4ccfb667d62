"""The queue: experiments that wait for a worker, in plain files.

Which they are is said by their states (`states.py`). What they are made of, the user's worktree as it stood, is a
commit on the baseline under `refs/mlvc/queue/NAME`: neither git's gc nor ours takes any of it meanwhile. Whoever
puts in, takes or removes holds one lock, so that nobody runs what another has taken.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from git_mlvc.errors import FormatError, UsageError
from git_mlvc.experiments import refs, states
from git_mlvc.experiments.held_snapshots import commit_of, update
from git_mlvc.experiments.states import Phase, State
from git_mlvc.fs.lock import FileLock
from git_mlvc.fs.owner import Owner
from git_mlvc.nearest import nearest

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

PREFIX = "refs/mlvc/queue/"
_LOCK_S = 60.0
_APART_S = (
    1e-5  # what is put in together stays in its order; a float of seconds since 1970 can tell
)


@contextmanager
def locked(repo: Repository) -> Iterator[None]:
    """Nobody else puts in, takes or removes meanwhile. Raises StoreLocked after a minute."""
    home = states.folder(repo).parent
    home.mkdir(parents=True, exist_ok=True)
    with FileLock(home / "queue.lock", timeout_s=_LOCK_S):
        yield


def put(repo: Repository, new: Sequence[State]) -> list[State]:
    """Put experiments at the end of the queue; return them as they are there. The caller holds the lock.

    Durable when it returns. Raises GitError.
    """
    if not new:
        return []
    held = {
        key: commit_of(repo, *key) for key in dict.fromkeys((one.tree, one.baseline) for one in new)
    }
    update(repo, [f"update {PREFIX}{one.name}\0{held[one.tree, one.baseline]}\0\0" for one in new])
    now = time.time()
    queued = [
        replace(
            one,
            phase=Phase.QUEUED,
            since_s=now + at * _APART_S,
            owner=None,
            error="",
            is_from_queue=True,
        )
        for at, one in enumerate(new)
    ]
    for one in queued:
        states.put(repo, one, durable=True)
    return queued


def take(repo: Repository) -> State | None:
    """Take the next one for this process; None if none waits."""
    with locked(repo):
        for one in states.read(repo).states:
            if one.phase is Phase.QUEUED:
                return _taken(repo, one)
    return None


def let_go(repo: Repository, name: str) -> None:
    """Stop holding what an experiment is made of, unless it will be taken up again."""
    with locked(repo):
        _let_go(repo, [name])


def wait_again(repo: Repository, name: str = "") -> list[str]:
    """Put back into the queue what was interrupted: all that came from it, or one. Return the names."""
    back = []
    with locked(repo):
        done = {one.name for one in refs.list(repo)}
        for one in states.read(repo).states:
            if one.phase is not Phase.INTERRUPTED or not one.is_from_queue:
                continue
            if one.name in done:  # killed between the end of its work and that of its state
                states.remove(repo, one.name)
                _let_go(repo, [one.name])
            elif name in ("", one.name):
                states.put(repo, replace(one, phase=Phase.QUEUED, owner=None), durable=True)
                back.append(one.name)
    return back


def remove(repo: Repository, names: Iterable[str]) -> list[State]:
    """Take experiments out of the queue, and forget those that failed or were interrupted; return them.

    Raises UsageError for one that is unknown or runs; then none is removed.
    """
    with locked(repo):
        found = [_of(repo, name) for name in names]
        for one in found:
            if one.phase is Phase.RUNNING:
                raise UsageError(
                    f"experiment '{one.name}' is running", hint=f"git mlvc exp stop {one.name}"
                )
        for one in found:
            states.remove(repo, one.name)
        _let_go(repo, [one.name for one in found])
    return found


def never_again(repo: Repository, name: str) -> None:
    """An experiment that was interrupted is not to be taken up again."""
    with locked(repo):
        try:
            one = states.of(repo, name)
        except FormatError:
            one = None
        if one is not None and one.phase is not Phase.RUNNING:
            states.put(repo, replace(one, is_from_queue=False))
        _let_go(repo, [name])


def tidy(repo: Repository) -> None:
    """Stop holding what no state speaks of: its process was killed at the wrong moment."""
    with locked(repo):
        _let_go(repo, _held(repo))


# -- inside; the lock is held


def _taken(repo: Repository, one: State) -> State:
    mine = replace(one, phase=Phase.RUNNING, owner=Owner.current(), since_s=time.time())
    states.put(repo, mine)
    return mine


def _of(repo: Repository, name: str) -> State:
    try:
        found = states.of(repo, name)
    except FormatError:
        found = State(name, Phase.FAILED)
    if found is not None:
        return found
    known = states.names(repo)
    near = nearest(name, known)
    raise UsageError(
        f"no experiment '{name}' is queued, running, failed or interrupted",
        hint=f"did you mean '{near}'?" if near else "git mlvc exp status",
    )


def _let_go(repo: Repository, names: Sequence[str]) -> None:
    keep = {
        one.name
        for one in states.read(repo).states
        if one.is_from_queue and one.phase is not Phase.FAILED
    }
    gone = sorted(set(names).intersection(_held(repo)) - keep)
    update(repo, [f"delete {PREFIX}{name}\0\0" for name in gone])


def _held(repo: Repository) -> list[str]:
    said = repo.git.text("for-each-ref", "--format=%(refname)", PREFIX)
    return [name.removeprefix(PREFIX) for name in said.splitlines()]
