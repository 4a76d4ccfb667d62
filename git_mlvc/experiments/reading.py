"""Looking at a commit, or the worktree, for what it has to show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from git_mlvc.errors import ExitCode, MlvcError
from git_mlvc.experiments.findings import Findings, Place
from git_mlvc.metrics import goals, numbers
from git_mlvc.pipeline.model import Param
from git_mlvc.pipeline.parameters.params import DEFAULT_NAMES
from git_mlvc.pipeline.revision import MissingData
from git_mlvc.repo_path import RepoPath

if TYPE_CHECKING:
    from git_mlvc.pipeline.revision import At

_LASTING = (ExitCode.USAGE, ExitCode.FORMAT, ExitCode.INPUT)


def read(at: At) -> Findings:
    """Return what is to be seen there. What is broken is told as a problem; raises nothing of ours."""
    return _Look(at).findings()


class _Look:
    def __init__(self, at: At) -> None:
        self._at = at
        self._problems: dict[str, None] = {}
        self._is_final = True

    def findings(self) -> Findings:
        params = self._params()
        metrics, directions = self._metrics()
        return Findings(params, metrics, directions, tuple(self._problems), is_final=self._is_final)

    def _params(self) -> dict[Place, object]:
        """Return what stages name; where none names any, all that the default file at the top holds."""
        found: dict[Place, object] = {}
        try:
            values = self._at.params()
            if not values:
                files = [RepoPath.parse(name) for name in DEFAULT_NAMES]
                values = self._at.values(Param(one, "") for one in files if self._at.exists(one))
        except MlvcError as exc:
            self._tell(exc)
            return {}
        for param, value in values.items():
            if isinstance(value, MlvcError):
                self._tell(value)
            else:
                found[param.file.text, param.key] = value
        return found

    def _metrics(self) -> tuple[dict[Place, int | float], dict[Place, str]]:
        found: dict[Place, int | float] = {}
        directions: dict[Place, str] = {}
        try:
            files = self._at.metric_files()
        except MlvcError as exc:
            self._tell(exc)
            return {}, {}
        for path, out in files:
            try:
                data = self._at.read(path)
                values = {} if data is None else numbers.of(data, str(path))
            except MlvcError as exc:
                self._tell(exc)
                continue
            by_key = goals.of(out.options.get("goal"), values)
            found |= {(path.text, key): value for key, value in values.items()}
            directions |= {(path.text, key): goal for key, goal in by_key.items()}
        return found, directions

    def _tell(self, exc: MlvcError) -> None:
        self._problems[str(exc)] = None
        # A file that does not parse stays so; data, objects and stores may come.
        if isinstance(exc, MissingData) or exc.exit_code not in _LASTING:
            self._is_final = False
