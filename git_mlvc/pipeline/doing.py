"""What a course has done for it, and who looks on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from git_mlvc.errors import MlvcError
from git_mlvc.pipeline.plan import Step
from git_mlvc.pipeline.report import Ended


@dataclass(frozen=True, slots=True)
class Admission:
    """Steps for which there is room, each with what runs it on another thread, gives its room back itself, and
    raises MlvcError where the stage fails. `waits`: by stage, who else keeps it waiting: "waits for gpu: …"; empty:
    not for long.
    """

    works: Sequence[tuple[Step, Callable[[], Ended]]]
    waits: Mapping[str, str] = field(default_factory=dict)


class Doing(Protocol):
    """What a course has done for it. All but what `admit` returns is called on the thread of the course."""

    def obtain(self, steps: Sequence[Step]) -> bool:
        """Bring the data of results that are to be restored; True if all of it is here.

        What turns out to be nowhere is added to the planner's `lost`, and asked for no more. Raises
        MlvcError where nobody knows (law 9).
        """
        ...

    def restore(self, steps: Sequence[Step]) -> Mapping[str, MlvcError]:
        """Put results in place and record them. Return what failed, by stage."""
        ...

    def admit(self, ready: Sequence[Step], before: Mapping[str, Step]) -> Admission:
        """Take room for those for which there is some.

        With nothing running there is room for one at least, or one waits for somebody else.
        """
        ...

    def give_back(self, stage: str) -> None:
        """Let go of the room of a stage that is not to be run after all."""
        ...

    def stop(self) -> None:
        """End all commands that run. What `admit` gave then ends, in order."""
        ...


class Watch(Protocol):
    """Who looks on. Called on the thread of the course."""

    def planned(self, steps: Sequence[Step]) -> None: ...

    def waits(self, stage: str, why: str) -> None:
        """Told once of a stage that somebody else keeps waiting: "waits for gpu: …"."""
        ...

    def began(self, step: Step) -> None: ...

    def ended(self, end: Ended) -> None: ...
