"""`git mlvc exp run` for many experiments, or for the queue."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from git_mlvc.cli.experiments import sweep_lines
from git_mlvc.cli.invocation import Invocation
from git_mlvc.errors import ExitCode, StageFailed
from git_mlvc.experiments import held_snapshots, queueing, run, sweep, sweeping
from git_mlvc.experiments.crew import Command, Crew
from git_mlvc.experiments.run import logs_of
from git_mlvc.experiments.states import State
from git_mlvc.experiments.sweeping import Listed, Search, Sweep

if TYPE_CHECKING:
    from collections.abc import Mapping

    from git_mlvc.cli.experiments.sweep_options import Many
    from git_mlvc.experiments.run import RunRequest
    from git_mlvc.experiments.sweep import Dimension
    from git_mlvc.pipeline.scene import Means


def run_sweep(
    invocation: Invocation,
    means: Means,
    request: RunRequest,
    varied: Mapping[str, Dimension],
    many: Many,
    as_json: bool,
) -> int:
    """Make all points of a sweep, `request.jobs` at a time; or queue them."""
    points = _points(varied, many)
    template = _template(request)
    kind = "optuna" if many.optuna_count else "random" if many.random_count else "grid"
    goal = [many.maximize, many.minimize]
    made_of: list[object] = [template.baseline, template.tree, list(template.stages)]
    made_of += [template.folder, template.seed_from, dict(template.overrides)]
    made_of += [sweep.described(varied), kind, many.seed or 0, goal]
    template = replace(template, sweep=sweep.identity(made_of), jobs=1)
    whole = sweeping.of(means.repo, template, request.name)
    if many.is_queued:
        return _queue_sweep(invocation, means, whole, points or [], as_json)
    search = _search(means, whole, varied, points, many)
    told = sweep_lines.Telling(None if as_json else invocation.output)
    run.check_identity(means.repo)
    with (
        held_snapshots.held(means.repo, template.tree, template.baseline),
        Crew(command(invocation, "--handed"), request.jobs) as crew,
    ):
        try:
            ended = sweeping.carry_out(whole, search, crew, told)
        except KeyboardInterrupt:
            told.interrupted(whole)
            raise
    if as_json:
        invocation.output.json("exp-sweep", sweep_lines.fields(whole, ended))
    else:
        sweep_lines.show(invocation.output, whole, ended)
    failed = sweeping.failures(ended)
    if failed:
        logged = [one.name for one in failed if logs_of(means.repo, one.name).is_dir()]
        raise StageFailed(
            f"{len(failed)} of {len(ended)} experiments failed",
            why=", ".join(one.name for one in failed),
            hint=f"git mlvc exp logs {logged[0]}" if logged else failed[0].answer.hint,
        )
    return ExitCode.OK


def run_queue(invocation: Invocation, means: Means, request: RunRequest, as_json: bool) -> int:
    """Put one experiment into the queue."""
    state, is_new = queueing.put_one(means.repo, _template(request))
    output = invocation.output
    if as_json:
        output.json("exp-queued", {"experiments": [sweep_lines.state_fields(state)]})
    elif is_new:
        output.line(f"experiment {state.name} is queued (git mlvc exp start)")
    else:
        output.line(f"experiment {state.name} is equal to this and is {state.phase} already")
    return ExitCode.OK


def command(invocation: Invocation, *words: str) -> Command:
    """Return how another process of this program is started, as a worker."""
    from git_mlvc.pipeline.running.stage_environment import user_environment

    repo = invocation.workspace.repository
    top = repo.needed_worktree("experiments are made from a worktree")
    argv = (*shlex.split(invocation.launcher), "exp", "start", *words)
    return Command(argv, top, user_environment(repo))


# -- inside


def _queue_sweep(
    invocation: Invocation,
    means: Means,
    whole: Sweep,
    points: list[dict[str, object]],
    as_json: bool,
) -> int:
    new, there = queueing.put_sweep(means.repo, whole, points)
    output = invocation.output
    if as_json:
        listed = [sweep_lines.state_fields(state) for state in new]
        output.json("exp-queued", {"experiments": listed, "there": there})
        return ExitCode.OK
    if there:
        output.message(f"queued, running or made already: {', '.join(there)}")
    names = f": {new[0].name} to {new[-1].name}" if len(new) > 1 else ""
    many = f"{len(new)} experiments are" if len(new) != 1 else f"experiment {new[0].name} is"
    output.line(
        f"{many} queued{names} (git mlvc exp start -j N)" if new else "nothing new to queue"
    )
    return ExitCode.OK


def _points(varied: Mapping[str, Dimension], many: Many) -> list[dict[str, object]] | None:
    """Return the points that are known from the start; None for a search that chooses as it goes."""
    if many.optuna_count is not None:
        return None
    if many.random_count is not None:
        import random

        return sweep.sample(varied, many.random_count, random.Random(many.seed or 0).random)
    return sweep.grid(varied)


def _search(
    means: Means,
    whole: Sweep,
    varied: Mapping[str, Dimension],
    points: list[dict[str, object]] | None,
    many: Many,
) -> Search:
    if points is not None:
        return Listed(points)
    from git_mlvc.experiments.optuna_search import OptunaSearch
    from git_mlvc.experiments.point_metric import PointMetric

    assert many.optuna_count is not None
    metric = PointMetric(means.repo, means.store, many.maximize or many.minimize or "")
    search = OptunaSearch(
        varied,
        many.optuna_count,
        metric.of,
        is_maximized=many.maximize is not None,
        seed=many.seed or 0,
    )
    for one in whole.there.values():
        number = one.name.rpartition("-")[2]
        point = {key: one.record.overrides[key] for key in varied if key in one.record.overrides}
        search.goes_on_from(int(number) if number.isdigit() else 0, point, one.commit)
    return search


def _template(request: RunRequest) -> State:
    return State(
        name=request.name,
        baseline=request.snapshot.baseline,
        tree=request.snapshot.tree,
        overrides=dict(request.overrides),
        stages=request.stages,
        folder=request.folder.text if request.folder is not None else "",
        message=request.message,
        seed_from=request.seed_from,
        jobs=request.jobs,
    )
