"""`git mlvc exp run`: repro with changed parameters in a worktree of its own, recorded as a commit; or many of it."""

from __future__ import annotations

import click

from git_mlvc.cli.experiments.declare import name_option, subcommand
from git_mlvc.cli.experiments.sweep_options import Many, sweep_options
from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import json_option
from git_mlvc.errors import ExitCode, UsageError


@subcommand(
    "run",
    example="""\
    git mlvc exp run -S train.lr=0.1
    git mlvc exp run train -S lr=0.1 -S 'layers=[64, 32]' --name wide -m 'wider layers'
    git mlvc exp run --seed-from best -S epochs=20
    git mlvc exp run -S lr=0.1,0.01 -S 'seed=range(5)' -j 2              # a grid of ten
    git mlvc exp run -S 'lr=loguniform(1e-5,1e-1)' --random 20 --queue   # later: exp start""",
)
@click.argument("stages", nargs=-1, metavar="[STAGE]...")
@click.option(
    "-S",
    "--set",
    "assignments",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set a parameter: KEY or FILE:KEY as in stage files; the end of a KEY if no other ends so. Several values"
    " with commas between them: a sweep.",
)
@name_option
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(1),
    default=1,
    metavar="N",
    help="Run up to N independent stages at once (1); of a sweep, up to N experiments.",
)
@click.option(
    "--in-place",
    is_flag=True,
    help="Run in this worktree: parameters and outs stay, if it ends well.",
)
@click.option(
    "--seed-from",
    metavar="REV",
    help="Begin with the outs of another experiment or revision.",
)
@click.option("-m", "--message", metavar="MSG", default="", help="What is tried, and why.")
@sweep_options
@json_option
def run(
    invocation: Invocation,
    stages: tuple[str, ...],
    assignments: tuple[str, ...],
    name: str,
    jobs: int,
    in_place: bool,
    seed_from: str | None,
    message: str,
    random_count: int | None,
    optuna_count: int | None,
    maximize: str | None,
    minimize: str | None,
    seed: int | None,
    is_queued: bool,
    as_json: bool,
) -> int:
    """It runs as `repro` does: what is stale for it, and all else is restored from earlier runs. Your worktree stays
    as it is; its uncommitted changes, and new files that git does not ignore, are part of the experiment.
    What git ignores is not; [exp] link = [".venv"] in mlvc.toml lends it.

    The result is a commit, refs/mlvc/exp/NAME. One that is equal to an earlier experiment (baseline and content) is
    that one. VALUE is read as TOML, else as text. --seed-from takes outs and mlvc.lock of REV, and all else from
    here: a stage that runs and whose out is `persist = true` goes on from there.

    Several values for a parameter, 0.1,0.01 or range(5) or range(0,1,0.25), make a sweep: an experiment for each
    combination, called NAME-1, NAME-2, …; or for --random N of them, drawn from uniform(a,b) and loguniform(a,b) too.
    The same command line again goes on where it was. A comma in quotes or brackets belongs to a value.

    Exit code 9 if a stage failed: then nothing is left but the log. The others of a sweep go on.
    """
    from git_mlvc.cli.experiments import made_lines
    from git_mlvc.cli.means import folder, opened
    from git_mlvc.cli.repro_lines import Telling
    from git_mlvc.experiments import dimensions, old_logs, overrides, snapshot, states
    from git_mlvc.experiments import run as use_case
    from git_mlvc.experiments import seed as seeding
    from git_mlvc.pipeline import discovery, named_stages

    if in_place and seed_from is not None:
        raise UsageError(
            "--in-place and --seed-from exclude each other",
            why="what stands here would be replaced by what another experiment made",
        )
    if in_place and is_queued:
        raise UsageError("--in-place and --queue exclude each other")
    output, means, here = invocation.output, opened(invocation), folder(invocation)
    repo = means.repo
    if name and not is_queued:
        states.check_free(repo, name)
    taken = snapshot.take(repo)
    pipeline = discovery.load(repo)
    parameters = overrides.Parameters(pipeline, here)
    assigned = dimensions.assigned(parameters, assignments)
    many = Many(random_count, optuna_count, maximize, minimize, seed, is_queued)
    many.check(is_sweep=bool(assigned.varied), jobs=jobs)
    if in_place and assigned.varied:
        raise UsageError("--in-place is for one experiment, and these are several")
    request = use_case.RunRequest(
        taken,
        name=name,
        overrides=assigned.fixed,
        stages=stages,
        folder=here,
        jobs=jobs,
        seed_from="" if seed_from is None else seeding.resolve(repo, seed_from),
        message=message,
    )
    old_logs.remove(repo, newest=means.settings.experiment_logs)
    if not as_json:
        made_lines.say_begin(output, means, taken)
        left = named_stages.left_out(pipeline, stages, here)
        made_lines.say_left_out(output, left, stages)
    if assigned.varied:
        from git_mlvc.cli.experiments import several

        return several.run_sweep(invocation, means, request, assigned.varied, many, as_json)
    if is_queued:
        from git_mlvc.cli.experiments import several

        return several.run_queue(invocation, means, request, as_json)
    lines = None if as_json else output.stage_lines(jobs)
    telling = Telling(output, lines)

    def told(called: str) -> None:
        if not as_json:
            output.message(f"experiment {called}, on {taken.baseline[:7]}")

    if in_place:
        from git_mlvc.cli.experiments import left_in_place

        outcome = use_case.run_here(
            means,
            request,
            telling,
            watcher=lines,
            put_back=lambda done: left_in_place.tell(output, done),
        )
    else:
        outcome = use_case.run(means, request, telling, watcher=lines, named=told)
    if as_json:
        output.json("exp-run", made_lines.fields(outcome, taken))
    else:
        made_lines.show(output, means, outcome, taken)
    return ExitCode.OK
