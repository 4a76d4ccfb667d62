"""What became of an experiment that another process made: a value, and the line of JSON that tells it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from git_mlvc.pipeline.report import Fate
from git_mlvc.units import seconds_text

if TYPE_CHECKING:
    from git_mlvc.experiments.run import Outcome


@dataclass(frozen=True, slots=True)
class Answer:
    """`name` was asked for. `is_recorded`: all is done; else only its stages have run, or `waits` says what they wait
    for. `experiment` and `commit`: what it is now; of another name where an equal one was there before (`is_new` is
    False then). `ran`: how many stages. Or `error`, with why and hint.
    """

    name: str
    experiment: str = ""
    commit: str = ""
    is_new: bool = True
    ran: int = 0
    duration_s: float | None = None
    error: str = ""
    why: str = ""
    hint: str = ""
    is_recorded: bool = True
    waits: str = ""

    def said(self) -> str:
        """Return e.g. "done in 3.2 s", "is equal to brisk-otter"."""
        if self.error:
            return f"failed: {self.error}: {self.why}" if self.why else f"failed: {self.error}"
        if not self.is_new:
            return f"is equal to {self.experiment}"
        took = f" in {seconds_text(self.duration_s)}" if self.duration_s is not None else ""
        return f"done{took}" if self.ran else f"done{took}, from earlier runs"


def of(name: str, outcome: Outcome) -> Answer:
    """Return the answer for an experiment that is finished."""
    made, report = outcome.experiment, outcome.report
    ran = 0 if report is None else len([*report.of(Fate.RAN)])
    return Answer(name, made.name, made.commit, outcome.is_new, ran, made.record.duration_s)


def ran(name: str) -> Answer:
    """Return the answer for one of which no stage runs any more, and that is still to be recorded."""
    return Answer(name, is_recorded=False)


def waits(name: str, stage: str, why: str) -> Answer:
    """Return the answer for one of which a stage waits: `why` as in `doing.Watch`."""
    return Answer(name, is_recorded=False, waits=f"{stage} {why}")


def encode(answer: Answer) -> bytes:
    """Return one line."""
    return json.dumps(asdict(answer)).encode("ascii") + b"\n"


def decode(line: bytes) -> Answer:
    """Read what `encode` wrote, in another process of the same program."""
    return Answer(**json.loads(line))
