"""`git mlvc stage schema`: what an editor needs to know of stage files."""

from __future__ import annotations

import click

from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import help_text
from git_mlvc.errors import ExitCode


@click.command(
    "schema",
    short_help="Print the JSON schema of mlvc.toml, for editors.",
    help=help_text(
        "Print the JSON schema of mlvc.toml, for editors.",
        "An editor that knows JSON schemas for TOML completes keys and marks mistakes while you type.",
        "git mlvc stage schema > .mlvc.schema.json\n"
        "sed -i '1i #:schema ./.mlvc.schema.json' mlvc.toml",
    ),
)
@click.pass_obj
def schema(invocation: Invocation) -> int:
    from importlib import resources

    text = (resources.files("git_mlvc.pipeline.stage_files") / "schema.json").read_text("utf-8")
    invocation.output.line(text.removesuffix("\n"))
    return ExitCode.OK
