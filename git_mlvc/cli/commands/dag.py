"""`git mlvc dag`: the graph of the stages, drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import json_option, verb
from git_mlvc.errors import ExitCode

if TYPE_CHECKING:
    from git_mlvc.cli.output import Output
    from git_mlvc.pipeline.drawing.diagram import Diagram
    from git_mlvc.pipeline.drawing.rails import Row, Style
    from git_mlvc.pipeline.stale import Look

_MOST_RAILS = 0.5  # of the terminal's width


@verb(
    "dag",
    example="git mlvc dag\ngit mlvc dag --format mermaid >> README.md\ngit mlvc dag --outs evaluate",
)
@click.argument("stages", nargs=-1, metavar="[STAGE]...")
@click.option(
    "--format",
    "form",
    type=click.Choice(["ascii", "dot", "mermaid", "json"]),
    default="ascii",
    help="A drawing (ascii), Graphviz (dot), a Mermaid flowchart, or JSON.",
)
@click.option("--outs", is_flag=True, help="Show what goes in and comes out in place of stages.")
@click.option(
    "--all", "is_whole", is_flag=True, help="Do not fold the variants of a stage into one."
)
@json_option
def dag(
    invocation: Invocation,
    stages: tuple[str, ...],
    form: str,
    outs: bool,
    is_whole: bool,
    as_json: bool,
) -> int:
    """From top to bottom; what `repro` would not skip is marked with what it would do, and why. STAGE shows
    these and all that they need.

    Where a drawing would be too wide, the variants of a stage (train@…) are one.
    """
    from git_mlvc.cli.stages.looking import look
    from git_mlvc.pipeline.drawing import diagram

    found = look(invocation, stages)
    output = invocation.output
    if not found.order and not as_json and form != "json":
        output.message("there are no stages")
        output.message("hint: git mlvc stage add -h")
        return ExitCode.OK
    make = diagram.of_paths if outs else diagram.of_stages
    drawn = make(found.graph, found.order, found.steps)
    if as_json or form == "json":
        _as_json(output, found, drawn, outs=outs)
    elif form == "ascii":
        _draw(output, drawn, is_whole=is_whole)
    else:
        output.line(diagram.dot(drawn) if form == "dot" else diagram.mermaid(drawn))
    for stage, why in found.problems.items():
        output.message(f"unknown: {stage}: {why}")
    return ExitCode.OK


def _draw(output: Output, drawn: Diagram, *, is_whole: bool) -> None:
    from git_mlvc import text_width
    from git_mlvc.pipeline.drawing import rails
    from git_mlvc.pipeline.drawing.diagram import folded

    columns = output.width
    style = rails.Style(is_plain=not (columns and output.can_draw))
    rows = _rows(drawn, style)
    if not is_whole and rails.width(rows) > (columns or 100) * _MOST_RAILS:
        drawn = folded(drawn)
        rows = _rows(drawn, style)
    names = {node.name: node for node in drawn.nodes}
    indent = rails.width(rows) + 2
    for row in rows:
        if row.node is None:
            output.line(row.rails)
            continue
        node = names[row.node]
        mark = f"  {node.mark}" if node.is_stale else ""
        text = f"{row.rails.ljust(indent)}{node.name}{mark}"
        output.line(text_width.cut(text, columns) if columns else text)


def _rows(drawn: Diagram, style: Style) -> list[Row[str]]:
    from git_mlvc.pipeline.drawing import rails

    following = drawn.following
    return rails.draw(
        rails.in_depth([node.name for node in drawn.nodes], following), following, style
    )


def _as_json(output: Output, found: Look, drawn: Diagram, *, outs: bool) -> None:
    output.json(
        "dag",
        {
            "of": "paths" if outs else "stages",
            "nodes": [
                {
                    "name": node.name,
                    "stages": node.stages,
                    "stale": node.is_stale,
                    "steps": [
                        {
                            "stage": step.stage,
                            "action": step.action,
                            "reasons": step.reasons,
                            "waits_for": step.waits_for,
                        }
                        for step in node.steps
                    ],
                }
                for node in drawn.nodes
            ],
            "edges": drawn.edges,
            "unknown": {stage: str(why) for stage, why in found.problems.items()},
        },
    )
