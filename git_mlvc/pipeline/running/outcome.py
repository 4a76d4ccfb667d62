"""How a run of a stage's commands ended, as one value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Outcome:
    """One attempt.

    `returncode`: of the command that ended it, as `subprocess` has it: below zero for a signal; None if it
    could not be started (`not_started` says why) or its code was lost. `command`: that command.
    `tail`: the last lines that it wrote. `log`: all that it wrote; None if that could not be kept.
    """

    stage: str
    command: str
    returncode: int | None
    duration_ms: int = 0
    attempt: int = 1
    timed_out: bool = False
    was_interrupted: bool = False
    not_started: str = ""
    log: Path | None = None
    tail: tuple[str, ...] = ()

    @property
    def is_ok(self) -> bool:
        return self.returncode == 0 and not self.timed_out and not self.was_interrupted

    @property
    def signal(self) -> int | None:
        """The number of the signal that ended it, whether or not a shell reported it as 128 + n."""
        code = self.returncode
        if code is None:
            return None
        if code < 0:
            return -code
        return code - 128 if 128 < code <= 128 + 64 else None
