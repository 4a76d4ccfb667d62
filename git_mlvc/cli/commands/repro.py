"""`git mlvc repro`: run what is stale, restore what was made before, leave all else alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from git_mlvc.cli import around_repro
from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.means import folder, opened
from git_mlvc.cli.options import json_option, verb
from git_mlvc.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from git_mlvc.pipeline.repro import Request
    from git_mlvc.pipeline.scene import Means


@verb(
    "repro",
    example="""\
    git mlvc repro --plan          # what would be done, and why
    git mlvc repro -j 4            # do it, four stages at a time
    git mlvc repro train           # train and all that it needs
    git mlvc repro -f --single train@cnn-0.1
    git mlvc repro --pull          # in a fresh clone: what others have made need not run""",
)
@click.argument("stages", nargs=-1, metavar="[STAGE]...")
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(1),
    default=1,
    metavar="N",
    help="Run up to N independent stages at once (1).",
)
@click.option(
    "-n",
    "--plan",
    "--dry-run",
    "is_plan",
    is_flag=True,
    help="Say what would be done; 1 if there is work.",
)
@click.option(
    "-f", "--force", is_flag=True, help="Run the named stages in any case; or all, but frozen ones."
)
@click.option(
    "-s", "--single", is_flag=True, help="Only the named stages; what they need as it stands."
)
@click.option("--downstream", is_flag=True, help="The named stages and all that need them.")
@click.option(
    "-k", "--keep-going", is_flag=True, help="After a failure go on with what does not need it."
)
@click.option(
    "--pull",
    "pulls",
    is_flag=True,
    help="Fetch missing data and earlier runs; fill outs that are stubs.",
)
@click.option(
    "--allow-missing",
    is_flag=True,
    help="Do without data that is absent, where its id is known and unchanged.",
)
@click.option("--no-run-cache", is_flag=True, help="Neither look up nor remember runs.")
@click.option("--accept", is_flag=True, help="Record the outs that are there, without running.")
@click.option("--wait", is_flag=True, help="Wait for another repro in this worktree to end.")
@json_option
def repro(
    invocation: Invocation,
    stages: tuple[str, ...],
    jobs: int,
    is_plan: bool,
    force: bool,
    single: bool,
    downstream: bool,
    keep_going: bool,
    pulls: bool,
    allow_missing: bool,
    no_run_cache: bool,
    accept: bool,
    wait: bool,
    as_json: bool,
) -> int:
    """A stage is stale if its command, the content of its deps or the values of its params are not those of its
    last result in mlvc.lock. If it ever ran with the same, here or (--pull) elsewhere, that result is
    restored; else it runs. What it made before comes back if it fails or is interrupted.

    STAGE is a name as in the mlvc.toml around the current directory ('train' means each train@…), one from
    the top ('sub:train'), or the path of an out; with none, all stages of the repository are meant. A plan says
    *skip*, *restore*, *run*, or *depends* where the new outs of stages before it decide.

    Exit code 9 if a stage failed; with --plan 1 if there is work.
    """
    from git_mlvc.pipeline.repro import Request

    if single and downstream:
        raise UsageError("--single and --downstream exclude each other")
    if (single or downstream) and not stages:
        option = "--single" if single else "--downstream"
        raise UsageError(f"{option} needs a stage", hint="git mlvc stage list")
    if accept and (is_plan or force or downstream):
        raise UsageError("--accept runs nothing, and goes with none of --plan, -f, --downstream")
    request = Request(
        stages,
        folder(invocation),
        jobs=jobs,
        is_forced=force,
        is_single=single,
        has_downstream=downstream,
        keeps_going=keep_going,
        pulls=pulls,
        allows_missing=allow_missing,
        uses_run_cache=not no_run_cache,
    )
    _look_for_killed(invocation, is_plan)
    if not is_plan:
        around_repro.set_up_if_new(invocation)
    means = opened(invocation, pulls=pulls)
    if is_plan:
        return _plan(invocation, means, request, as_json)
    return _repro(invocation, means, request, accept, wait, as_json)


def _look_for_killed(invocation: Invocation, is_plan: bool) -> None:
    """An experiment in this worktree that was killed has left its parameters here: they go back first."""
    from git_mlvc.experiments import claims

    if not claims.is_in_place(invocation.workspace.repository):
        return
    if is_plan:
        invocation.output.message(
            "warning: `exp run --in-place` runs here, or was killed; then `git mlvc repro` puts its parameters back first"
        )
    else:
        from git_mlvc.cli.experiments import left_in_place

        left_in_place.recover(invocation)


def _plan(invocation: Invocation, means: Means, request: Request, as_json: bool) -> int:
    from git_mlvc.cli import repro_lines
    from git_mlvc.pipeline import repro as use_case
    from git_mlvc.pipeline.plan import has_work

    steps = use_case.plan(means, request)
    if as_json:
        invocation.output.json("repro-plan", repro_lines.plan_fields(steps))
    else:
        repro_lines.show_plan(invocation.output, steps)
    return ExitCode.ANSWER if has_work(steps) else ExitCode.OK


def _repro(
    invocation: Invocation,
    means: Means,
    request: Request,
    accept: bool,
    wait: bool,
    as_json: bool,
) -> int:
    from git_mlvc.cli import repro_lines
    from git_mlvc.pipeline import repro as use_case

    output = invocation.output

    def waiting(holder: str) -> None:
        output.message(f"waiting for another repro in this worktree: {holder}")

    waits = waiting if wait or output.can_ask else None
    if accept:
        report = use_case.accept(means, request, waiting=waits)
    else:
        lines = None if as_json else output.stage_lines(request.jobs)
        watch = repro_lines.Telling(output, lines)
        report = use_case.repro(
            means,
            request,
            watch,
            watcher=lines,
            waiting=waits,
            interrupted=lambda kept: repro_lines.show_kept(output, kept),
        )
    if as_json:
        output.json("repro", repro_lines.report_fields(report))
    else:
        repro_lines.show(output, report)
    failure = report.failure()
    if failure is not None:
        raise failure
    if request.pulls and not request.allows_missing:
        around_repro.fill_outs(
            invocation, {path for end in report if end.result for path, _ in end.result.outs}
        )
    return ExitCode.OK
