"""Which workers are at work: a file for each in `<git common dir>/mlvc/exp/workers`, gone when it ends.

Beside it, for as long as it lives, stand what others ask of it: `.stop` to take no further experiment, `.drop` to
give up one, which it says. A signal comes with it where the one that runs is not to be waited for.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from git_mlvc.errors import FormatError
from git_mlvc.experiments import states
from git_mlvc.fs.atomic import write_file
from git_mlvc.fs.owner import Owner, is_alive

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

_OF_A_WORKER = (".json", ".stop", ".drop")


@dataclass(frozen=True, slots=True)
class Worker:
    """One that lives, as far as can be told. `log`: what it says; `experiment`: what it runs, may be empty."""

    id: str
    owner: Owner
    since_s: float
    log: str = ""
    experiment: str = ""
    is_stopping: bool = False


class Me:
    """This process as a worker; see `registered`."""

    def __init__(self, folder: Path, log: str) -> None:
        self._since_s = time.time()
        self._folder = folder
        self._log = log
        self.id = f"{self._since_s:.0f}-{os.getpid()}"

    def runs(self, experiment: str) -> None:
        """Let others know which experiment this worker runs now; empty: none."""
        document = {
            "owner": Owner.current().encode().decode("utf-8", "surrogateescape"),
            "since": self._since_s,
            "log": self._log,
            "experiment": experiment,
        }
        write_file(self._path(".json"), json.dumps(document).encode("ascii"), durable=False)

    def is_to_stop(self) -> bool:
        return self._path(".stop").exists()

    def dropped(self) -> str:
        """Return the experiment that this worker was asked to give up, once; else an empty text."""
        try:
            name = self._path(".drop").read_bytes().decode("utf-8", "surrogateescape")
        except FileNotFoundError:
            return ""
        self._path(".drop").unlink(missing_ok=True)
        return name

    def leave(self) -> None:
        for suffix in _OF_A_WORKER:
            self._path(suffix).unlink(missing_ok=True)

    def _path(self, suffix: str) -> Path:
        return self._folder / (self.id + suffix)


@contextmanager
def registered(repo: Repository, log: str = "") -> Iterator[Me]:
    """Count this process among the workers. `log`: where it writes what it says."""
    folder = _folder(repo)
    folder.mkdir(parents=True, exist_ok=True)
    me = Me(folder, log)
    me.runs("")
    try:
        yield me
    finally:
        me.leave()


def at_work(repo: Repository) -> list[Worker]:
    """Return the workers that live or may live, the oldest first; what is left of dead ones is removed."""
    found = []
    for path in _files(repo):
        worker = _read(path)
        if worker is not None and is_alive(worker.owner) is not False:
            found.append(worker)
        elif worker is not None:
            for suffix in _OF_A_WORKER:
                path.with_suffix(suffix).unlink(missing_ok=True)
    return sorted(found, key=lambda one: (one.since_s, one.id))


def new_log(repo: Repository, number: int) -> Path:
    """Return where a worker that is about to be started writes, the `number`th of several."""
    folder = _folder(repo)
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{time.time():.0f}-{os.getpid()}-{number}.log"


def ask_to_stop(repo: Repository, worker: Worker, *, now: bool = False) -> None:
    """Have it take no further experiment; `now`: and interrupt the one that it runs."""
    (_folder(repo) / f"{worker.id}.stop").touch()
    if now:
        interrupt(worker.owner)


def ask_to_drop(repo: Repository, worker: Worker, experiment: str) -> None:
    """Have it interrupt and give up an experiment, and go on with the next one."""
    data = experiment.encode("utf-8", "surrogateescape")
    write_file(_folder(repo) / f"{worker.id}.drop", data, durable=False)
    interrupt(worker.owner)


def interrupt(owner: Owner) -> bool:
    """Have a process of this machine end what it does as Ctrl-C would; False if it is not to be reached."""
    if is_alive(owner) is not True:
        return False
    with suppress(ProcessLookupError):
        os.kill(owner.pid, signal.SIGTERM)
    return True


# -- inside


def _folder(repo: Repository) -> Path:
    return states.folder(repo).parent / "workers"


def _files(repo: Repository) -> list[Path]:
    try:
        return sorted(_folder(repo).glob("[!.]*.json"))
    except FileNotFoundError:
        return []


def _read(path: Path) -> Worker | None:
    """Return the worker whose file it is; None if that says nothing sensible, or has gone meanwhile."""
    try:
        document = json.loads(path.read_bytes())
        if not isinstance(document, Mapping):
            return None
        return Worker(
            id=path.stem,
            owner=Owner.decode(str(document["owner"]).encode("utf-8", "surrogateescape")),
            since_s=float(document["since"]),
            log=str(document["log"]),
            experiment=str(document["experiment"]),
            is_stopping=path.with_suffix(".stop").exists(),
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError, FormatError):
        return None
