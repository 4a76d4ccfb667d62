"""`git mlvc logs`: what stages wrote while they ran."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.log_fields import fields
from git_mlvc.cli.options import json_option, verb
from git_mlvc.errors import InputError, UsageError
from git_mlvc.nearest import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from git_mlvc.pipeline.running.run_logs import RunLogs


@verb(
    "logs",
    example="git mlvc logs\ngit mlvc logs train@cnn-0.1 -f\nless $(git mlvc logs train --path)",
)
@click.argument("stage", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on while the stage runs.")
@click.option(
    "--back",
    default=0,
    type=click.IntRange(0),
    metavar="N",
    help="Not the last run, but the one N runs before it.",
)
@click.option("--path", "only_path", is_flag=True, help="Say where the log is, and no more.")
@json_option
def logs(
    invocation: Invocation,
    stage: str | None,
    follow: bool,
    back: int,
    only_path: bool,
    as_json: bool,
) -> None:
    """Shows the log of a stage's last run; without STAGE, which stages have run here and how that ended. The
    logs of the last 10 runs of each stage are kept, for each worktree, in the git directory; git never sees
    them.
    """
    from git_mlvc.pipeline.running.run_logs import RunLogs

    logs = RunLogs.of_worktree(invocation.workspace.repository)
    if stage is None:
        if follow or back or only_path:
            raise UsageError("of which stage?", hint="git mlvc logs STAGE")
        _list(invocation, logs, as_json)
        return
    path = _chosen(logs, _address(logs.all(), stage, invocation), back)
    if as_json:
        invocation.output.json("log", fields(path))
    elif only_path:
        invocation.output.line(str(path))
    else:
        _print(invocation, path, follow=follow)


def _list(invocation: Invocation, logs: RunLogs, as_json: bool) -> None:
    found = [fields(path) for path in logs.all().values()]
    if as_json:
        invocation.output.json("logs", {"stages": found})
        return
    if not found:
        invocation.output.message("no stage has run in this worktree")
        return
    invocation.output.table(
        ["stage", "began (UTC)", ">attempt", "how it ended"],
        [
            [str(one["stage"]), str(one["began"]), str(one["attempt"]), str(one["ended"])]
            for one in found
        ],
    )


def _address(last: Mapping[str, Path], name: str, invocation: Invocation) -> str:
    """Which stage is meant is read from the logs: a `mlvc.toml` that does not parse is no hindrance."""

    folder = invocation.prefix.decode("utf-8", "surrogateescape").rstrip("/")
    for address in ([f"{folder}:{name}"] if folder else []) + [name.removeprefix(":")]:
        if address in last:
            return address
        variants = [one for one in last if one.startswith(f"{address}@")]
        if len(variants) == 1:
            return variants[0]
        if variants:
            raise UsageError(
                f"'{name}' is {len(variants)} stages",
                why=", ".join(variants[:8]) + (", …" if len(variants) > 8 else ""),
                hint=f"git mlvc logs {variants[0]}",
            )
    near = nearest(name, last)
    raise InputError(
        f"stage '{name}' has no log in this worktree",
        why="it never ran here" if last else "no stage ever ran here",
        hint=f"did you mean '{near}'?" if near else "git mlvc logs",
    )


def _chosen(logs: RunLogs, address: str, back: int) -> Path:
    found = logs.of(address)
    if back >= len(found):
        raise InputError(
            f"stage '{address}' has logs of its last {len(found)} runs only",
            hint=f"git mlvc logs {address} --back {len(found) - 1}",
        )
    return found[-1 - back]


def _print(invocation: Invocation, path: Path, *, follow: bool) -> None:
    from git_mlvc.pipeline.running import run_logs

    if follow:
        for block in run_logs.follow(path):
            invocation.output.data(block)
        return
    with open(path, "rb") as file:
        while block := file.read(1 << 16):
            invocation.output.data(block)
