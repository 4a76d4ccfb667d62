"""`git mlvc demo`: the whole main job on real content, in a temporary place."""

from __future__ import annotations

from pathlib import Path

import click

from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import verb
from git_mlvc.errors import ExitCode
from git_mlvc.units import seconds_text, size_text


@verb("demo", example="git mlvc demo --dir /tmp/mlvc-demo --keep")
@click.option(
    "--dir", "directory", type=click.Path(path_type=Path), help="Work in a new directory in DIR."
)
@click.option("--keep", is_flag=True, help="Leave everything in place and say where it is.")
def demo(invocation: Invocation, directory: Path | None, keep: bool) -> int:
    """Tracks, commits, edits, pushes, clones and goes back with plain git commands, printing each.

    Your repositories and git configuration are not touched. Exit code 1 if any byte differs.
    """
    from git_mlvc.cli.demonstration import Demonstration, place

    output = invocation.output
    with place(directory, keep=keep) as top:
        outcome = Demonstration(top, invocation.launcher, invocation.environment, output.line).run()
        output.line()
        output.table(
            ["step", ">data", ">stored", ">sent", ">time"],
            [
                [
                    row.step,
                    size_text(row.data_bytes),
                    size_text(row.stored_bytes),
                    size_text(row.sent_bytes),
                    seconds_text(row.seconds),
                ]
                for row in outcome.rows
            ],
        )
        if keep:
            output.line(f"everything is in {top}")
    return ExitCode.ANSWER if outcome.differences else ExitCode.OK
