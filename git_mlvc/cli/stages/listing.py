"""`git mlvc stage list`: what is written down."""

from __future__ import annotations

import click

from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import help_text, json_option
from git_mlvc.errors import ExitCode


@click.command(
    "list",
    short_help="Show all stages.",
    help=help_text(
        "Show all stages, in an order in which they could run.",
        "STAGE limits it to these; from a folder with a stage file of its own, names are looked up there first.",
        "git mlvc stage list --json",
    ),
)
@click.argument("names", nargs=-1, metavar="[STAGE]...")
@json_option
@click.pass_obj
def list_(invocation: Invocation, names: tuple[str, ...], as_json: bool) -> int:
    from git_mlvc.pipeline import discovery, stage_commands

    workspace, output = invocation.workspace, invocation.output
    graph = discovery.load(workspace.repository).graph
    folder = stage_commands.folder_of(workspace.repository, invocation.cwd)
    order = graph.resolve(names, folder) if names else list(graph.order)
    stages = [graph[address] for address in order]
    if as_json:
        output.json(
            "stages",
            {
                "stages": [
                    {
                        "stage": stage.address,
                        "file": stage.file,
                        "line": stage.line,
                        "commands": stage.commands,
                        "deps": [dep.text for dep in stage.deps],
                        "params": [{"file": p.file, "key": p.key} for p in stage.params],
                        "outs": [{"path": out.path, "kind": out.kind} for out in stage.outs],
                        "after": sorted(graph.makers(stage.address)),
                        "desc": stage.desc,
                        "frozen": stage.is_frozen,
                        "always": stage.is_always,
                    }
                    for stage in stages
                ]
            },
        )
        return ExitCode.OK
    if not stages:
        output.message("there are no stages")
        output.message("hint: git mlvc stage add -h")
        return ExitCode.OK
    rows = []
    for stage in stages:
        what = stage.desc or "makes " + ", ".join(str(out.path) for out in stage.outs)
        marks = "frozen" * stage.is_frozen + "always" * stage.is_always
        rows.append([stage.address, marks, what if stage.desc or stage.outs else "makes nothing"])
    if not any(row[1] for row in rows):
        rows = [[row[0], row[2]] for row in rows]
        output.table(["stage", "what"], rows)
    else:
        output.table(["stage", "", "what"], rows)
    return ExitCode.OK
