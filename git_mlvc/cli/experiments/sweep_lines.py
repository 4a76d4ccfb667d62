"""What is told of many experiments: each as it begins and ends, and the sum; for people and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from git_mlvc.experiments.record import canonical
from git_mlvc.units import count_text

if TYPE_CHECKING:
    from git_mlvc.cli.output import Output
    from git_mlvc.experiments.states import State
    from git_mlvc.experiments.sweeping import Ended, Sweep


class Telling:
    """`sweeping.Told`; without output nothing is told."""

    def __init__(self, output: Output | None) -> None:
        self._output = output

    def began(self, state: State) -> None:
        self._say(f"{state.name}: runs ({short(state.overrides)})")

    def waits(self, state: State, why: str) -> None:
        self._say(f"{state.name}: {why}")

    def ended(self, point: Ended) -> None:
        if point.was_there:
            self._say(f"{point.name}: was there ({short(point.overrides)})")
            return
        self._say(f"{point.name}: {point.answer.said()}")
        if point.answer.hint:
            self._say(f"{point.name}: {point.answer.hint}")

    def interrupted(self, whole: Sweep) -> None:
        self._say(f"sweep {whole.name} is interrupted; the same command line goes on with it")

    def _say(self, text: str) -> None:
        if self._output is not None:
            self._output.message(text)


def short(overrides: Mapping[str, object]) -> str:
    """Return e.g. "lr=0.1 seed=3"."""
    return " ".join(
        f"{key.rpartition(':')[2].rpartition('.')[2]}={shown(value)}"
        for key, value in overrides.items()
    )


def shown(value: object) -> str:
    return value if isinstance(value, str) else canonical(value)


def show(output: Output, whole: Sweep, ended: Sequence[Ended]) -> None:
    """Show e.g. "sweep lr: 6 experiments, 4 of them new (git mlvc exp show)"."""
    new = sum(one.answer.is_new and not one.answer.error for one in ended)
    how = "none of them new" if not new else f"{new} of them new" if new < len(ended) else "all new"
    failed = sum(bool(one.answer.error) for one in ended)
    how += f", {failed} failed" if failed else ""
    output.line(
        f"sweep {whole.name}: {count_text(len(ended), 'experiment')}, {how} (git mlvc exp show)"
    )


def fields(whole: Sweep, ended: Sequence[Ended]) -> dict[str, object]:
    return {
        "sweep": whole.template.sweep,
        "name": whole.name,
        "experiments": [_point_fields(one) for one in ended],
    }


def state_fields(state: State, waits: str | None = None) -> dict[str, object]:
    """Return what is queued, running, failed or interrupted as JSON shows it. `waits`: for what, if it does."""
    return {
        "name": state.name,
        "state": str(state.phase),
        "waits": waits,
        "since_s": state.since_s,
        "params": dict(state.overrides),
        "stages": list(state.stages),
        "sweep": state.sweep or None,
        "message": state.message or None,
        "baseline": state.baseline,
        "process": None if state.owner is None else state.owner.pid,
        "log": state.log or None,
        "error": state.error or None,
        "is_from_queue": state.is_from_queue,
    }


def _point_fields(one: Ended) -> dict[str, object]:
    answer = one.answer
    return {
        "point": one.name,
        "name": answer.experiment or None,
        "commit": answer.commit or None,
        "params": dict(one.overrides),
        "was_there": one.was_there,
        "is_new": answer.is_new and not answer.error,
        "duration_s": answer.duration_s,
        "error": f"{answer.error}: {answer.why}" if answer.why else answer.error or None,
    }
