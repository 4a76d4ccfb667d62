"""One job at work: its commands one after the other, each with a process group, and how they are stopped.

Without a thread of its own: `processes.py` says when there is output, when a process has ended, and what
time it is. A group is stopped by SIGTERM, and by SIGKILL if it is still there after a while.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from git_mlvc.pipeline.running import process_ends

SHELL = "/bin/sh"
# A command begins once it is known who stops it if we are killed; if we are killed before, it never does.
# On one line with it, so that the line numbers of the shell's errors are those of the command.
_GATE = "read -r mlvc_gate || exit 125; exec </dev/null; "
GRACE_S = 10.0  # between SIGTERM and SIGKILL
_LINGER_S = 1.0  # for what a command started and did not wait for, to end by itself
_STRAGGLER_GRACE_S = 2.0
_UNKILLABLE_S = 1.0  # where nobody collects the dead, a group looks alive for ever
_READ_BYTES = 1 << 16
_LAST_READS = 64  # a pipe holds no more, unless somebody goes on writing
_FIRST_LOOK_S = 0.005
_LONGEST_LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class Job:
    """Commands for the shell, run in order in `folder`, stopping at the first that fails."""

    commands: tuple[str, ...]
    folder: Path
    env: Mapping[str, str]
    timeout_s: float | None = None

    def __post_init__(self) -> None:
        if not self.commands:
            raise ValueError("a job has commands")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a job ended. `returncode` as `subprocess` has it; None if nothing was started or it was lost."""

    command: str
    returncode: int | None
    duration_s: float = 0.0
    timed_out: bool = False
    was_interrupted: bool = False
    not_started: str = ""


class Listener(Protocol):
    """Who is told what a job does, from the thread that looks after all jobs. Raises nothing."""

    def started(self) -> None: ...

    def output(self, data: bytes) -> None: ...

    def remark(self, text: str) -> None: ...

    def ended(self, ended: Ended) -> None: ...


class Groups(Protocol):
    """Who stops process groups if we are killed."""

    def watch(self, group: int) -> None: ...

    def forget(self, group: int) -> None: ...


class RunningJob:
    """`start`, then `read` and `see_exit` when `output_fd` and `exit_fd` are readable, `look` when `due`.

    `ended` is the outcome as soon as there is one; then `close`.
    """

    def __init__(self, job: Job, listener: Listener, groups: Groups, now: float) -> None:
        self._job = job
        self._listener = listener
        self._groups = groups
        self._began = now
        self._at = 0
        self._leaders: dict[int, subprocess.Popen[bytes]] = {}
        self._alive: set[int] = set()
        self._term_at = None if job.timeout_s is None else now + job.timeout_s
        self._kill_at: float | None = None
        self._leave_at: float | None = None
        self._look_at: float | None = None
        self._look_s = _FIRST_LOOK_S
        self._timed_out = self._was_interrupted = False
        self._last: Ended | None = None  # the commands have ended; what they left may not have
        self.ended: Ended | None = None
        self.exit_fd: int | None = None
        # Closed by whoever listens to them: a new one must not get the number of one still listened to.
        self.done_fds: list[int] = []
        self.output_fd: int | None
        self._write_fd: int | None
        self.output_fd, self._write_fd = os.pipe()
        os.set_blocking(self.output_fd, False)

    # -- events

    def start(self, now: float) -> None:
        """Start the next command."""
        gate_fd, open_gate_fd = os.pipe()
        try:
            process = subprocess.Popen(
                [SHELL, "-c", _GATE + self._job.commands[self._at]],
                cwd=self._job.folder,
                env=self._job.env,
                stdin=gate_fd,
                stdout=self._write_fd,
                stderr=subprocess.STDOUT,
                # Its own session: a terminal's Ctrl-C reaches us only, and we stop all of the group.
                start_new_session=True,
            )
        except (OSError, ValueError) as exc:  # ValueError: a NUL in the command or environment
            self._commands_ended(now, None, not_started=_not_started(exc))
        else:
            self._leaders[process.pid] = process
            self._alive.add(process.pid)
            self.exit_fd = process_ends.exit_fd(process)
            self._groups.watch(process.pid)
            with contextlib.suppress(BrokenPipeError):  # somebody has killed it already
                os.write(open_gate_fd, b"\n")
        finally:
            os.close(gate_fd)
            os.close(open_gate_fd)

    def read(self) -> bool:
        """Pass on what was written; at the end of it `output_fd` is None. False if there was nothing."""
        if self.output_fd is None:
            return False
        try:
            data = os.read(self.output_fd, _READ_BYTES)
        except BlockingIOError:
            return False
        if data:
            self._listener.output(data)
            return True
        self.done_fds.append(self.output_fd)
        self.output_fd = None
        return False

    def see_exit(self, now: float) -> None:
        """The command's shell has ended: go on with the next, or come to an end."""
        assert self.exit_fd is not None
        self.done_fds.append(self.exit_fd)
        self.exit_fd = None
        code = self._exit_code(list(self._leaders)[-1])
        is_last = self._at + 1 == len(self._job.commands)
        if code != 0 or is_last or self._timed_out or self._was_interrupted:
            self._commands_ended(now, code)
        else:
            self._at += 1
            self.start(now)

    def stop(self, now: float, *, at_once: bool = False) -> None:
        """The user wants it to end."""
        if self._last is None:
            self._was_interrupted = True
        if at_once:
            self._kill(now)
        elif self._kill_at is None and self._leave_at is None:
            if self._last is None:
                self._listener.remark("is being stopped; interrupt again to kill it")
            self._terminate(now, GRACE_S)

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def forget_time(self, paused_s: float) -> None:
        """So long nothing ran: it does not count."""
        self._began += paused_s
        self._term_at = None if self._term_at is None else self._term_at + paused_s
        self._kill_at = None if self._kill_at is None else self._kill_at + paused_s

    @property
    def due(self) -> float | None:
        """When to `look` again, whatever happens."""
        times = (self._term_at, self._kill_at, self._leave_at, self._look_at)
        return min((at for at in times if at is not None), default=None)

    def look(self, now: float) -> None:
        """Do what is due by now."""
        if self._last is not None:
            self._see_left(now)
        if self.ended is not None:
            return
        if self._term_at is not None and now >= self._term_at:
            self._time_is_up(now)
        elif self._kill_at is not None and now >= self._kill_at:
            self._listener.remark("does not stop by itself: killed")
            self._kill(now)
        elif self._leave_at is not None and now >= self._leave_at:
            self._leave_at = None
            self.ended = self._last

    def close(self) -> None:
        for fd in (self.output_fd, self._write_fd, self.exit_fd, *self.done_fds):
            if fd is not None:
                os.close(fd)
        self.output_fd = self._write_fd = self.exit_fd = None
        self.done_fds.clear()
        for group in self._leaders:
            self._groups.forget(group)

    def give_up(self) -> None:
        """Kill all and wait: something of ours went wrong."""
        self._signal(signal.SIGKILL)
        for pid in self._leaders:
            process_ends.collect(self._leaders[pid])
        self.close()

    # -- the end of the commands, and of what they left

    def _commands_ended(self, now: float, code: int | None, not_started: str = "") -> None:
        self._last = Ended(
            self._job.commands[self._at],
            code,
            now - self._began,
            timed_out=self._timed_out,
            was_interrupted=self._was_interrupted,
            not_started=not_started,
        )
        if self._write_fd is not None:
            os.close(self._write_fd)
            self._write_fd = None
        for process in self._leaders.values():
            process_ends.collect(process)
        if self._kill_at is None and self._leave_at is None:
            self._term_at = now + _LINGER_S
        self._see_left(now)

    def _see_left(self, now: float) -> None:
        self._alive = {group for group in self._alive if process_ends.is_at_work(group)}
        if not self._alive:
            for _ in range(_LAST_READS):
                if not self.read():
                    break
        if not self._alive and self.output_fd is None:
            self.ended = self._last
        self._look_at = now + self._look_s
        self._look_s = min(self._look_s * 2, _LONGEST_LOOK_S)

    def _time_is_up(self, now: float) -> None:
        if self._last is None:
            self._timed_out = True
            self._listener.remark(
                f"is being stopped: it runs longer than {self._job.timeout_s:g} s"
            )
            self._terminate(now, GRACE_S)
        elif self._alive:
            self._listener.remark("left processes running in the background: they are stopped")
            self._terminate(now, _STRAGGLER_GRACE_S)
        else:
            self._listener.remark("left a process behind that holds its output: not waited for")
            self.ended = self._last

    def _terminate(self, now: float, grace_s: float) -> None:
        self._term_at = None
        self._kill_at = now + grace_s
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)  # what is stopped would not notice before it goes on

    def _kill(self, now: float) -> None:
        self._term_at = self._kill_at = None
        self._leave_at = now + _UNKILLABLE_S
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        for group in list(self._alive):  # a signal handler may be in here too
            with contextlib.suppress(OSError):
                os.killpg(group, number)

    def _exit_code(self, pid: int) -> int | None:
        """Look, but leave it uncollected where that can be: its number cannot go to another group then."""
        if not hasattr(os, "waitid"):
            return self._leaders[pid].returncode
        try:
            found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        except ChildProcessError:  # whoever started us has all children collected
            return None
        assert found is not None
        return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status


def _not_started(exc: OSError | ValueError) -> str:
    if not isinstance(exc, OSError):
        return str(exc)
    named = os.fsdecode(exc.filename) if exc.filename else ""
    return f"{named}: {exc.strerror}" if named else str(exc.strerror)
