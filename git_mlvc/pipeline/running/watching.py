"""What is told while stages run: for the command line, a page, a queue of experiments."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from git_mlvc.pipeline.running.outcome import Outcome


class Watcher(Protocol):
    """Told of every stage that runs, always from the same thread. Raises nothing.

    What it does keeps all running stages waiting, so it is quick. `tick_s`: how often to call `tick`, in
    seconds; None: never.
    """

    tick_s: float | None

    def started(self, stage: str, attempt: int, log: Path | None) -> None:
        """Called before the first command."""
        ...

    def output(self, stage: str, data: bytes) -> None:
        """Take what a stage wrote, as it came: any bytes, cut anywhere."""
        ...

    def remark(self, stage: str, text: str) -> None:
        """Take something worth knowing about a stage, in a few words: "is being stopped: …"."""
        ...

    def ended(self, stage: str, outcome: Outcome) -> None: ...

    def tick(self) -> None:
        """Called now and then while something runs."""
        ...


class Unwatched:
    """A watcher that nothing reaches."""

    tick_s: float | None = None

    def started(self, stage: str, attempt: int, log: Path | None) -> None:
        pass

    def output(self, stage: str, data: bytes) -> None:
        pass

    def remark(self, stage: str, text: str) -> None:
        pass

    def ended(self, stage: str, outcome: Outcome) -> None:
        pass

    def tick(self) -> None:
        pass
