"""`git mlvc exp run`: repro with changed parameters in a worktree of its own, recorded as a commit."""

from __future__ import annotations

import click

from git_mlvc.cli.experiments.declare import subcommand
from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import json_option
from git_mlvc.errors import ExitCode, UsageError


@subcommand(
    "run",
    example="""\
    git mlvc exp run -S train.lr=0.1
    git mlvc exp run train -S lr=0.1 -S 'layers=[64, 32]' --name wide -m 'wider layers'
    git mlvc exp run --seed-from best -S epochs=20""",
)
@click.argument("stages", nargs=-1, metavar="[STAGE]...")
@click.option(
    "-S",
    "--set",
    "assignments",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set a parameter: KEY or FILE:KEY as in stage files; the end of a KEY if no other ends so.",
)
@click.option("--name", metavar="NAME", default="", help="What it is called; without, two words.")
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(1),
    default=1,
    metavar="N",
    help="Run up to N independent stages at once (1).",
)
@click.option(
    "--in-place", is_flag=True, help="Run in this worktree: parameters and outs stay there."
)
@click.option(
    "--seed-from",
    metavar="REV",
    default="",
    help="Begin with the outs of another experiment or revision.",
)
@click.option("-m", "--message", metavar="MSG", default="", help="What is tried, and why.")
@json_option
def run(
    invocation: Invocation,
    stages: tuple[str, ...],
    assignments: tuple[str, ...],
    name: str,
    jobs: int,
    in_place: bool,
    seed_from: str,
    message: str,
    as_json: bool,
) -> int:
    """It runs as `repro` does: what is stale for it, and all else is restored from earlier runs. Your worktree stays
    as it is; its uncommitted changes, and new files that git does not ignore, are part of the experiment.
    What git ignores is not; [exp] link = [".venv"] in mlvc.toml lends it.

    The result is a commit, refs/mlvc/exp/NAME. One that is equal to an earlier experiment (baseline and content) is
    that one. VALUE is read as TOML, else as text. --seed-from takes outs and mlvc.lock of REV, and all else from
    here: a stage that runs and whose out is `persist = true` goes on from there.

    Exit code 9 if a stage failed: then nothing is left but the log.
    """
    from git_mlvc.cli.experiments import made_lines
    from git_mlvc.cli.means import folder, opened
    from git_mlvc.cli.repro_lines import Telling
    from git_mlvc.experiments import names, overrides, seed, snapshot, states
    from git_mlvc.experiments import run as use_case
    from git_mlvc.pipeline import discovery

    if in_place and seed_from:
        raise UsageError(
            "--in-place and --seed-from exclude each other",
            why="what stands here would be replaced by what another experiment made",
        )
    output, means, here = invocation.output, opened(invocation), folder(invocation)
    repo = means.repo
    if name:
        states.check_free(repo, names.check(name))
    taken = snapshot.take(repo)
    parameters = overrides.Parameters(discovery.load(repo), here)
    request = use_case.RunRequest(
        taken,
        name=name,
        overrides=parameters.assigned(assignments),
        stages=stages,
        folder=here,
        jobs=jobs,
        seed_from=seed.resolve(repo, seed_from) if seed_from else "",
        message=message,
    )
    if not as_json:
        made_lines.say_begin(output, taken)
    lines = None if as_json else output.stage_lines(jobs)
    telling = Telling(output, lines)
    if in_place:
        outcome = use_case.run_here(means, request, telling, watcher=lines)
    else:
        outcome = use_case.run(means, request, telling, watcher=lines)
    if as_json:
        output.json("exp-run", made_lines.fields(outcome, taken))
    else:
        made_lines.show(output, means, outcome, taken)
    return ExitCode.OK
