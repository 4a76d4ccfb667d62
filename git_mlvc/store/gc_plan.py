"""What gc would do, as a value: which packs go, which are written anew without their waste, and why.

Pure: the same plan is printed by a dry run, tested, and carried out by `gc.py`.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from enum import Enum

from git_mlvc.formats.pack import iter_rows

DEFAULT_GRACE_S = 14 * 24 * 3600
REPACK_WASTE = 0.3
SMALL_PACK_BYTES = 4 << 20
SMALL_PACKS = 16


class Action(Enum):
    """What happens to one pack."""

    KEEP = "keep"
    DROP = "drop"
    REPACK = "repack"


@dataclass(frozen=True, slots=True)
class PackContents:
    """A sealed pack as the plan sees it. `rows` is its own table."""

    id: bytes
    size_bytes: int
    mtime_s: float
    rows: bytes


@dataclass(frozen=True, slots=True)
class Step:
    """One pack's fate. `mtime_s` is what was seen: a pack used since then is left alone."""

    pack: bytes
    action: Action
    reason: str
    size_bytes: int
    live_bytes: int
    mtime_s: float

    @property
    def freed_bytes(self) -> int:
        return 0 if self.action is Action.KEEP else self.size_bytes - self.live_bytes


@dataclass(frozen=True, slots=True)
class Plan:
    """All packs, in the order they were given."""

    steps: tuple[Step, ...]

    @property
    def freed_bytes(self) -> int:
        return sum(step.freed_bytes for step in self.steps)

    def packs(self, action: Action) -> tuple[bytes, ...]:
        return tuple(step.pack for step in self.steps if step.action is action)


def plan(
    live: Container[bytes],
    packs: Iterable[PackContents],
    *,
    now_s: float,
    grace_s: float = DEFAULT_GRACE_S,
) -> Plan:
    """Decide for each pack, given the ids that some pointer still needs.

    A pack written to or promised from within `grace_s` stays whole: its pointer may be on its way
    into git this very moment.
    """
    steps = [_step(live, pack, now_s=now_s, grace_s=grace_s) for pack in packs]
    small = [s for s in steps if _is_small_and_settled(s, now_s, grace_s)]
    if len(small) >= SMALL_PACKS:
        merged = {step.pack for step in small}
        steps = [
            _changed(step, Action.REPACK, f"one of {len(small)} small packs")
            if step.pack in merged
            else step
            for step in steps
        ]
    return Plan(tuple(steps))


def _step(live: Container[bytes], pack: PackContents, *, now_s: float, grace_s: float) -> Step:
    live_bytes = live_records = records = 0
    for record in iter_rows(pack.rows):
        records += 1
        if record.id in live:
            live_records += 1
            live_bytes += record.stored_len
    step = Step(pack.id, Action.KEEP, "in use", pack.size_bytes, live_bytes, pack.mtime_s)
    if live_records == records and records:
        return step
    if now_s - pack.mtime_s < grace_s:
        return _changed(step, Action.KEEP, "used too recently to tell")
    if live_records == 0:
        return _changed(step, Action.DROP, f"none of its {records} records is needed")
    waste = 1 - live_bytes / pack.size_bytes
    if waste < REPACK_WASTE:
        return _changed(step, Action.KEEP, f"only {waste:.0%} of it is waste")
    return _changed(step, Action.REPACK, f"{waste:.0%} of it is waste")


def _is_small_and_settled(step: Step, now_s: float, grace_s: float) -> bool:
    return (
        step.action is Action.KEEP
        and step.size_bytes < SMALL_PACK_BYTES
        and now_s - step.mtime_s >= grace_s
    )


def _changed(step: Step, action: Action, reason: str) -> Step:
    return Step(step.pack, action, reason, step.size_bytes, step.live_bytes, step.mtime_s)
