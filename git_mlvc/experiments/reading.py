"""Looking at a commit, or the worktree, for what it has to show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from git_mlvc.errors import ExitCode, MlvcError
from git_mlvc.experiments import values_at
from git_mlvc.experiments.findings import Findings, Place
from git_mlvc.pipeline.revision import MissingData

if TYPE_CHECKING:
    from git_mlvc.experiments.values_at import Reading
    from git_mlvc.pipeline.revision import At

_LASTING = (ExitCode.USAGE, ExitCode.FORMAT, ExitCode.INPUT)


def read(at: At) -> Findings:
    """Return what is to be seen there. What is broken is told as a problem; raises nothing of ours."""
    params, metrics = values_at.params(at), values_at.metrics(at)
    failures = (*params.failures, *metrics.failures)
    return Findings(
        _values(params),
        {
            place: value
            for place, value in _values(metrics).items()
            if isinstance(value, int | float)
        },
        {(file.path.text, key): goal for file in metrics.files for key, goal in file.goals.items()},
        tuple(dict.fromkeys(map(str, failures))),
        is_final=all(map(_lasts, failures)),
    )


def _values(found: Reading) -> dict[Place, object]:
    return {
        (file.path.text, key): value for file in found.files for key, value in file.values.items()
    }


def _lasts(exc: MlvcError) -> bool:
    """A file that does not parse stays so; data, objects and stores may come."""
    return exc.exit_code in _LASTING and not isinstance(exc, MissingData)
