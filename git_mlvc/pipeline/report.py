"""What became of each stage: what `repro` tells whoever called it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from git_mlvc.errors import MlvcError, StageFailed
from git_mlvc.pipeline.model import Result
from git_mlvc.pipeline.outs.replaced import Kept
from git_mlvc.repo_path import RepoPath


class Fate(Enum):
    """How a stage ended. `CHANGED`: it ran, but what it read changed meanwhile, so nothing is recorded."""

    UNCHANGED = "unchanged"
    RESTORED = "restored"
    RAN = "ran"
    ACCEPTED = "accepted"
    CHANGED = "changed while it ran"
    FAILED = "failed"
    NOT_RUN = "not run"


_GOOD = frozenset({Fate.UNCHANGED, Fate.RESTORED, Fate.RAN, Fate.ACCEPTED})


@dataclass(frozen=True, slots=True)
class Ended:
    """A stage and its end. `because_of`: of one that was not run, the stages before it that failed.

    `result` is what it left, where that is known. `duration_ms` is that of its commands.
    """

    stage: str
    fate: Fate
    reasons: tuple[str, ...] = ()
    duration_ms: int | None = None
    error: MlvcError | None = None
    because_of: tuple[str, ...] = ()
    result: Result | None = None

    @property
    def is_good(self) -> bool:
        return self.fate in _GOOD

    @property
    def reason(self) -> str:
        return "; ".join(self.reasons)


@dataclass(frozen=True, slots=True)
class Report:
    """All stages that were asked for, makers before users.

    `kept`: what was in the way of results and nobody else has, and where it is now. `attributes`: the
    `.gitattributes` files that got lines for outs.
    """

    ended: tuple[Ended, ...]
    kept: tuple[Kept, ...] = ()
    attributes: tuple[RepoPath, ...] = ()

    def __iter__(self) -> Iterator[Ended]:
        return iter(self.ended)

    def of(self, *fates: Fate) -> list[Ended]:
        return [one for one in self.ended if one.fate in fates]

    @property
    def is_good(self) -> bool:
        return all(one.is_good for one in self.ended)

    def failure(self) -> MlvcError | None:
        """Return what to end with: the one failure itself, or one that names them all; None: all is well."""
        failed = [one for one in self.ended if one.error is not None]
        idle = [one.stage for one in self.ended if one.fate is Fate.NOT_RUN]
        if not failed:
            return None
        rest = f"not run because of it: {_named(idle)}" if idle else ""
        first = failed[0].error
        assert first is not None
        if len(failed) == 1:
            return _with_rest(first, rest)
        return StageFailed(
            f"{len(failed)} stages failed: {_named(one.stage for one in failed)}",
            why=rest.replace("because of it", "because of them"),
            hint="git mlvc logs STAGE shows all that one wrote",
        )


def _with_rest(failure: MlvcError, rest: str) -> MlvcError:
    why = "\n".join(part for part in (failure.why, rest) if part)
    told = StageFailed(failure.what, why=why, hint=failure.hint)
    told.__cause__ = failure
    return told


def _named(stages: Iterable[str], most: int = 20) -> str:
    names = list(stages)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
