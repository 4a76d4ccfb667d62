"""Running the commands of stages: what they are told, where what they write goes, how they are stopped.

Decisions: docs/adr/0023-running-stages.md. Which stages run, and what becomes of their outs, is
`repro.py`'s affair.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType

from git_mlvc import interrupts
from git_mlvc.git.repository import Repository
from git_mlvc.pipeline.model import Stage
from git_mlvc.pipeline.running.failures import SHOWN_LINES
from git_mlvc.pipeline.running.outcome import Outcome
from git_mlvc.pipeline.running.processes import Processes
from git_mlvc.pipeline.running.run_logs import RunLog, RunLogs
from git_mlvc.pipeline.running.running_job import Ended, Job
from git_mlvc.pipeline.running.stage_environment import stage_environment, user_environment
from git_mlvc.pipeline.running.watching import Unwatched, Watcher

_TAIL_BYTES = 16 << 10


@dataclass(frozen=True, slots=True)
class Place:
    """Where stages run: the top of the worktree, the environment that all of them get, and their logs."""

    top: Path
    env: Mapping[str, str]
    logs: RunLogs

    @classmethod
    def of(cls, repo: Repository, logs: Path | None = None) -> Place:
        top = repo.needed_worktree("stages run in a worktree")
        own = RunLogs.of_worktree(repo) if logs is None else RunLogs(logs)
        return cls(top, user_environment(repo), own)


class Executor:
    """`with Executor(place, watcher) as executor:`. On leaving, what still runs is killed.

    `held_fds`: gives the descriptors of locks that are to stay locked for as long as anything runs, even if we
    are killed: a small process then stops what runs before it lets go of them. Asked when the first one is run.
    """

    def __init__(
        self,
        place: Place,
        watcher: Watcher | None = None,
        *,
        held_fds: Callable[[], Sequence[int]] = tuple,
    ) -> None:
        self._place = place
        self._watcher: Watcher = watcher if watcher is not None else Unwatched()
        tick = self._watcher.tick if self._watcher.tick_s is not None else None
        self._processes = Processes(held_fds, tick=tick, tick_s=self._watcher.tick_s)

    def __enter__(self) -> Executor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._processes.close()

    def run(
        self,
        stage: Stage,
        slots: Mapping[str, Sequence[int]] | None = None,
        attempt: int = 1,
        *,
        remark: str = "",
    ) -> Outcome:
        """Run all commands of a stage and wait for their end; from any thread. `remark`: is told when it begins.

        A command that fails is no exception. After `stop` nothing is started: `was_interrupted`.
        """
        folder = self._place.top / stage.wdir.text if stage.wdir is not None else self._place.top
        env = stage_environment(self._place.env, self._place.top, stage, slots or {})
        # By this `git_mlvc.log` knows what belongs together: all commands of one attempt, and nothing else.
        env["MLVC_LOG_RUN"] = os.urandom(8).hex()
        job = Job(stage.commands, folder, env, stage.timeout_s)
        listener = _Listener(stage, attempt, self._place.logs, self._watcher, remark)
        ended = self._processes.run(job, listener)
        return listener.outcome or listener.outcome_of(ended)

    def stop(self, *, at_once: bool = False) -> None:
        """Stop what runs (SIGTERM, 10 seconds later SIGKILL; or SIGKILL at once), start nothing any more.

        Does not wait. From any thread, and from signal handlers.
        """
        self._processes.stop(at_once=at_once)

    @property
    def is_stopping(self) -> bool:
        return self._processes.is_stopping

    @contextlib.contextmanager
    def stopping_on_signals(self) -> Iterator[None]:
        """In the main thread: Ctrl-C, SIGTERM and SIGHUP stop what runs, and kill it the second time; where
        nothing runs, they raise KeyboardInterrupt. Ctrl-Z stops the clock for what runs too.
        """
        hearing = interrupts.Hearing()

        def stop(number: int, frame: FrameType | None) -> None:
            interrupts.heard()
            is_busy, is_first = self._processes.is_busy, hearing.is_first
            if hearing.hears():
                self.stop(at_once=not is_first)
                if not is_busy:
                    raise KeyboardInterrupt

        def pause(number: int, frame: FrameType | None) -> None:
            with self._processes.paused():
                signal.signal(number, signal.SIG_DFL)
                os.kill(
                    os.getpid(), number
                )  # not SIGSTOP: where nobody could say `fg`, it does nothing
                signal.signal(number, pause)

        before = []
        if signal.getsignal(signal.SIGTSTP) == signal.SIG_DFL:
            before.append((signal.SIGTSTP, signal.signal(signal.SIGTSTP, pause)))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
                before.append((number, signal.signal(number, stop)))
        if (
            signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN
        ):  # nobody would learn how a command ended
            before.append((signal.SIGCHLD, signal.signal(signal.SIGCHLD, signal.SIG_DFL)))
        try:
            yield
        finally:
            for number, handler in before:
                signal.signal(number, handler)


class _Listener:
    """Hands what a stage writes to its log and to whoever watches, and keeps the end of it."""

    def __init__(
        self, stage: Stage, attempt: int, logs: RunLogs, watcher: Watcher, remark: str
    ) -> None:
        self._stage = stage
        self._attempt = attempt
        self._logs = logs
        self._log = RunLog()
        self._watcher = watcher
        self._remark = remark
        self._tail = bytearray()
        self._trouble = ""
        self.outcome: Outcome | None = None

    def started(self) -> None:
        address = self._stage.address
        self._log = self._logs.begin(address, self._stage.commands, self._attempt, time.time())
        self._watcher.started(address, self._attempt, self._log.path)
        if self._remark:
            self.remark(self._remark)
        self._tell_of_trouble()

    def output(self, data: bytes) -> None:
        self._log.write(data)
        self._tell_of_trouble()
        self._tail += data
        if len(self._tail) > 8 * _TAIL_BYTES:
            del self._tail[:-_TAIL_BYTES]
        self._watcher.output(self._stage.address, data)

    def remark(self, text: str) -> None:
        self._log.note(f"{self._stage.address} {text}")
        self._watcher.remark(self._stage.address, text)

    def ended(self, ended: Ended) -> None:
        self.outcome = self.outcome_of(ended)
        self._log.end(self.outcome)
        self._watcher.ended(self._stage.address, self.outcome)

    def outcome_of(self, ended: Ended) -> Outcome:
        return Outcome(
            stage=self._stage.address,
            command=ended.command,
            returncode=ended.returncode,
            duration_ms=round(ended.duration_s * 1000),
            attempt=self._attempt,
            timed_out=ended.timed_out,
            was_interrupted=ended.was_interrupted,
            not_started=ended.not_started,
            log=self._log.path,
            tail=last_lines(bytes(self._tail[-_TAIL_BYTES:])),
        )

    def _tell_of_trouble(self) -> None:
        if self._log.trouble and not self._trouble:
            self._trouble = self._log.trouble
            self._watcher.remark(self._stage.address, f"has no log: {self._trouble}")


def last_lines(data: bytes) -> tuple[str, ...]:
    """Return the last lines as a terminal would have left them: of a progress bar, its last state."""
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    lines = [line.rstrip("\r").rpartition("\r")[2].rstrip() for line in text.split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return tuple(lines[-SHOWN_LINES:])
