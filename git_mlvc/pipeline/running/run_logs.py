"""What stages wrote while they ran: one file for each of a stage's last runs.

`<logs>/<stage>/<time>-<attempt>.log`. A first line says which stage began when, the next ones its commands, a
last one how it ended; between them are the bytes as they came. Whoever writes a log holds a lock on it, so a
reader can tell a run that goes on from one that was killed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from git_mlvc.git.repository import Repository
from git_mlvc.pipeline.running.outcome import Outcome
from git_mlvc.units import seconds_text

KEPT_LOGS = 10  # of each stage
_PLAIN = re.compile(r"[a-z0-9@][a-z0-9@._=+-]{0,99}\Z")
_ODD = re.compile(r"[^a-z0-9@._=+-]")
_MARK = b"# git mlvc: "
_HEADING = re.compile(
    rb"# git mlvc: (.*) began at ([-0-9]{10} [:0-9]{8}) UTC, attempt ([0-9]{1,9})\n"
)
_READ_BYTES = 1 << 16
_LOOK_S = 0.2


class RunLogs:
    """The logs of one worktree, below `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def of_worktree(cls, repo: Repository) -> RunLogs:
        return cls(repo.state_dir / "logs")

    def begin(
        self, stage: str, commands: tuple[str, ...], attempt: int, began_at_s: float
    ) -> RunLog:
        """Make a new log, and remove those that are one too many. Never fails: see `RunLog.trouble`."""
        folder = self._folder / folder_name(stage)
        moment = datetime.fromtimestamp(began_at_s, UTC)
        log = RunLog()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._remove_old(folder)
            log.open(_free_path(folder, f"{moment:%Y%m%dT%H%M%S.%f}"[:-3] + f"Z-{attempt}"))
        except OSError as exc:
            log.give_up(exc)
        log.note(f"{stage} began at {moment:%Y-%m-%d %H:%M:%S} UTC, attempt {attempt}")
        for command in commands:
            log.write(b"# $ " + _one_line(command) + b"\n")
        return log

    def of(self, stage: str) -> list[Path]:
        """Return the logs of a stage, the oldest first."""
        return _logs(self._folder / folder_name(stage))

    def all(self) -> dict[str, Path]:
        """Return the last log of each stage that has one."""
        try:
            folders = sorted(path for path in self._folder.iterdir() if path.is_dir())
        except FileNotFoundError:
            return {}
        last = [logs[-1] for folder in folders if (logs := _logs(folder))]
        return {stage: path for path in last if (stage := heading(path).stage)}

    def _remove_old(self, folder: Path) -> None:
        for path in _logs(folder)[: -(KEPT_LOGS - 1)]:
            if not is_written(path):
                path.unlink(missing_ok=True)


class RunLog:
    """A log that is being written. A disk that is full ends the log, not the stage: `trouble` says so."""

    def __init__(self) -> None:
        self.path: Path | None = None
        self.trouble = ""
        self._fd: int | None = None
        self._ends_line = True

    def open(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o666)
        self.path = path
        _lock(self._fd)

    def write(self, data: bytes) -> None:
        if self._fd is None or not data:
            return
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError as exc:
            self.give_up(exc)
        else:
            self._ends_line = data.endswith(b"\n")

    def note(self, text: str) -> None:
        """Write a line that is not the stage's own."""
        start = b"" if self._ends_line else b"\n"
        self.write(start + _MARK + _one_line(text) + b"\n")

    def end(self, outcome: Outcome) -> None:
        self.note(f"{ending(outcome)} after {seconds_text(outcome.duration_ms / 1000)}")
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def give_up(self, exc: OSError) -> None:
        self.trouble = exc.strerror or str(exc)
        if self._fd is not None:
            with contextlib.suppress(OSError):
                os.close(self._fd)
            self._fd = None


def ending(outcome: Outcome) -> str:
    """Return e.g. "ended with exit code 1", "stopped: it ran too long"."""
    if outcome.not_started:
        return f"could not be started: {outcome.not_started}"
    if outcome.was_interrupted:
        return "interrupted"
    if outcome.timed_out:
        return "stopped: it ran too long"
    if outcome.returncode is None:
        return "ended, its exit code was lost"
    if outcome.returncode < 0:
        return f"killed by signal {-outcome.returncode}"
    return f"ended with exit code {outcome.returncode}"


def folder_name(stage: str) -> str:
    """Return a name that any file system can hold, another one for every stage."""
    if _PLAIN.match(stage) and not stage.endswith("."):
        return stage
    from blake3 import blake3

    # Letters of both cases are one where a file system does not tell them apart.
    digest = blake3(stage.encode("utf-8", "surrogateescape")).hexdigest()[:12]
    return f"{_ODD.sub('_', stage.lower()).lstrip('._')[:80]}~{digest}"


@dataclass(frozen=True, slots=True)
class Heading:
    """What the first line of a log says; all empty if it is none. `began`: "2026-01-31 23:59:59", UTC."""

    stage: str = ""
    began: str = ""
    attempt: int = 0


def heading(path: Path) -> Heading:
    with contextlib.suppress(OSError), open(path, "rb") as file:
        found = _HEADING.match(file.readline(_READ_BYTES))
        if found is not None:
            stage = found[1].decode("utf-8", "surrogateescape")
            return Heading(stage, found[2].decode("ascii"), int(found[3]))
    return Heading()


def how_it_ended(path: Path) -> str:
    """Return what the last line says; empty if the run goes on or was killed."""
    with contextlib.suppress(OSError), open(path, "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - 4096))
        last = file.read().removesuffix(b"\n").rpartition(b"\n")[2]
        if last.startswith(_MARK) and b" began at " not in last:
            return last.removeprefix(_MARK).decode("utf-8", "replace")
    return ""


def is_written(path: Path) -> bool:
    """True while the run whose log it is goes on."""
    import fcntl

    try:
        with open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def follow(path: Path, *, look_s: float = _LOOK_S) -> Iterator[bytes]:
    """Yield what is in a log, and what comes, until nobody writes it any more."""
    with open(path, "rb") as file:
        is_over = False
        while True:
            while block := file.read(_READ_BYTES):
                yield block
            if is_over:
                return
            is_over = not is_written(path)  # then once more: the last line may have come since
            if not is_over:
                time.sleep(look_s)


def _logs(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.name.endswith(".log"))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _free_path(folder: Path, name: str) -> Path:
    path = folder / f"{name}.log"
    count = 1
    while path.exists():
        count += 1
        path = folder / f"{name}_{count}.log"
    return path


def _one_line(text: str) -> bytes:
    return text.replace("\n", "\\n").replace("\r", "\\r").encode("utf-8", "surrogateescape")


def _lock(fd: int) -> None:
    import fcntl

    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        if exc.errno not in (errno.ENOTSUP, errno.ENOSYS, errno.ENOLCK, errno.EAGAIN):
            raise
