"""`git mlvc stage add`, `remove`, `freeze` and `unfreeze`: editing stage files."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import click

from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import Function, help_text, json_option
from git_mlvc.cli.registry import VERBS
from git_mlvc.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from git_mlvc.pipeline.stage_commands import TypedOut
    from git_mlvc.repo_path import RepoPath


def _many(*names: str, metavar: str, help: str) -> Callable[[Function], Function]:
    return click.option(*names, multiple=True, metavar=metavar, help=help)


@click.command(
    "add",
    short_help="Write down a stage.",
    context_settings={"allow_interspersed_args": False},
    help=help_text(
        "Write down a stage in the nearest mlvc.toml, or in a new one at the top of the repository.",
        "Paths are typed as seen from here, and the command will run here. Everything after the options is the"
        " command; quote what the shell should not touch now. A path with a slash at its end is a directory.\n\n"
        "Refused, with nothing written: stages that would wait for each other in a circle, two that make one path,"
        " and outs that git tracks already as sources. The rest of the file stays as it is.",
        "git mlvc stage add -n train -d src/train.py -d data/ -p train -o models/net.pt -M metrics.json"
        " python src/train.py",
    ),
)
@click.option("-n", "--name", required=True, metavar="NAME", help="What it is called.")
@_many("-d", "--dep", "deps", metavar="PATH", help="What it needs: a file, directory, glob or URL.")
@_many(
    "-p", "--param", "params", metavar="KEY", help="A parameter: KEY, FILE:KEY, or a whole FILE."
)
@_many("-o", "--out", "outs", metavar="PATH", help="What it makes, kept as data.")
@_many(
    "-O", "--out-no-store", "raw_outs", metavar="PATH", help="What it makes, left to git as it is."
)
@_many(
    "--out-persist", "kept_outs", metavar="PATH", help="What it makes, and finds again next time."
)
@_many(
    "-M", "--metric", "metrics", metavar="PATH", help="Numbers it makes, left to git as they are."
)
@_many(
    "-m", "--metric-store", "stored_metrics", metavar="PATH", help="Numbers it makes, kept as data."
)
@_many("--plot", "plots", metavar="PATH", help="A table or image to be plotted.")
@click.option("-w", "--wdir", metavar="DIR", help="Where the command runs; without, here.")
@click.option("--desc", metavar="TEXT", default="", help="A line about it.")
@click.option("--always", is_flag=True, help="Run it at each `repro`, whatever is known.")
@click.option(
    "-f", "--force", is_flag=True, help="Replace a stage of that name; take over sources."
)
@click.option("--run", "is_run", is_flag=True, help="Run it at once: `git mlvc repro NAME`.")
@json_option
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="CMD...")
@click.pass_obj
def add(
    invocation: Invocation,
    name: str,
    deps: tuple[str, ...],
    params: tuple[str, ...],
    outs: tuple[str, ...],
    raw_outs: tuple[str, ...],
    kept_outs: tuple[str, ...],
    metrics: tuple[str, ...],
    stored_metrics: tuple[str, ...],
    plots: tuple[str, ...],
    wdir: str | None,
    desc: str,
    always: bool,
    force: bool,
    is_run: bool,
    as_json: bool,
    command: tuple[str, ...],
) -> int:
    from git_mlvc.pipeline import stage_commands
    from git_mlvc.pipeline.stage_commands import TypedStage

    if is_run and as_json:
        raise UsageError("--run and --json do not go together", hint="git mlvc repro --json")
    typed = TypedStage(
        name=name,
        commands=(command[0] if len(command) == 1 else shlex.join(command),),
        deps=deps,
        params=params,
        outs=(*_outs(outs), *_outs(raw_outs, store=False), *_outs(kept_outs, persist=True)),
        metrics=(*_outs(metrics), *_outs(stored_metrics, store=True)),
        plots=tuple(_outs(plots)),
        wdir=wdir,
        desc=desc,
        is_always=always,
    )
    workspace, output = invocation.workspace, invocation.output
    made = stage_commands.add(workspace.repository, invocation.cwd, typed, replace=force)
    file = made[0].file
    if as_json:
        output.json("stage-add", {"file": file, "stages": [stage.address for stage in made]})
        return ExitCode.OK
    output.line(f"stage '{made[0].address}' is in {file}")
    addresses = tuple(stage.address for stage in made)
    if not is_run:
        output.message(f"next: git mlvc repro {addresses[0]}")
        return ExitCode.OK
    context = click.get_current_context()
    whole = context.find_root().command
    assert isinstance(whole, click.Group)
    repro = whole.get_command(context, "repro")
    assert repro is not None
    answer: int = context.invoke(repro, stages=addresses)
    return answer


def _outs(paths: Iterable[str], **options: bool) -> list[TypedOut]:
    from git_mlvc.pipeline.stage_commands import TypedOut

    return [TypedOut(path, tuple(options.items())) for path in paths]


@click.command(
    "remove",
    short_help="Take stages out of their files.",
    help=help_text(
        "Take stages out of their files.",
        "What they made stays where it is, as do their results in the run cache: a stage that is written again as it"
        " was is restored, not run.",
        "git mlvc stage remove train",
    ),
)
@click.argument("names", nargs=-1, required=True, metavar="STAGE...")
@json_option
@click.pass_obj
def remove(invocation: Invocation, names: tuple[str, ...], as_json: bool) -> int:
    from git_mlvc.pipeline import stage_commands

    done = stage_commands.remove(invocation.workspace.repository, invocation.cwd, names)
    _say(invocation, "removed", done, as_json=as_json)
    return ExitCode.OK


def _freezing(name: str, summary: str, example: str, *, is_frozen: bool) -> click.Command:
    """Return the command, which stands beside `stage` as well as below it."""

    @click.command(
        name,
        short_help=summary,
        help=help_text(
            summary,
            "`repro` leaves a frozen stage alone, whatever changed; stages after it take what it made as it"
            " stands. It is a line of the stage file: `frozen = true`.",
            example,
        ),
    )
    @click.argument("names", nargs=-1, required=True, metavar="STAGE...")
    @json_option
    @click.pass_obj
    def command(invocation: Invocation, names: tuple[str, ...], as_json: bool) -> int:
        from git_mlvc.pipeline import stage_commands

        done = stage_commands.freeze(
            invocation.workspace.repository, invocation.cwd, names, is_frozen=is_frozen
        )
        _say(invocation, "frozen" if is_frozen else "unfrozen", done, as_json=as_json)
        return ExitCode.OK

    return command


freeze = _freezing("freeze", VERBS["freeze"].summary, "git mlvc freeze prepare", is_frozen=True)
unfreeze = _freezing(
    "unfreeze", VERBS["unfreeze"].summary, "git mlvc unfreeze prepare", is_frozen=False
)


def _say(
    invocation: Invocation, what: str, done: list[tuple[RepoPath, str]], *, as_json: bool
) -> None:
    if as_json:
        stages = [{"file": file, "stage": name} for file, name in done]
        invocation.output.json(f"stages-{what}", {"stages": stages})
        return
    for file in dict.fromkeys(file for file, _ in done):
        names = ", ".join(name for at, name in done if at == file)
        invocation.output.line(f"{what} in {file}: {names}")
