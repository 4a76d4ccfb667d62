"""`git mlvc runs`: what stages made, and from what."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from git_mlvc import text_width
from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import json_option, verb
from git_mlvc.units import names_text, seconds_text

if TYPE_CHECKING:
    from git_mlvc.cli.output import Output
    from git_mlvc.pipeline.model import Dep, State
    from git_mlvc.pipeline.runs.run_listing import ListedRun

_COLUMNS = ["made", "stage", ">took", "host", "differs in", "outs", "here"]
_MOST_SHOWN = 3
_MOST_COLUMNS = 40


@verb("runs", example="git mlvc runs\ngit mlvc runs train -n 5")
@click.argument("stages", metavar="[STAGE]...", nargs=-1)
@click.option("-n", "most", type=click.IntRange(min=1), metavar="N", help="Only the N newest.")
@json_option
def runs(invocation: Invocation, stages: tuple[str, ...], most: int | None, as_json: bool) -> None:
    """Every result of a stage is remembered; `git mlvc repro` restores one instead of running when all it is made
    from is the same again, whatever the branch. Of several results of the same inputs the newest counts.

    Shows in which parameters, deps or commands the runs of one stage differ, what they made, and whether all of
    that is here. `git mlvc prune --runs-older DAYS` forgets.
    """
    from git_mlvc.pipeline.runs.run_cache import RunCache
    from git_mlvc.pipeline.runs.run_listing import listing
    from git_mlvc.repo_path import RepoPath

    cache, output = RunCache(invocation.workspace.store), invocation.output
    folder = RepoPath(invocation.prefix.rstrip(b"/")) if invocation.prefix else None
    found = listing(cache.all(), cache.is_here, stages, folder, most)
    if as_json:
        output.json("runs", {"runs": [_fields(one) for one in found]})
    elif found:
        _show(output, [_row(one) for one in found])
    else:
        output.message("no run of a stage is remembered here")


def _show(output: Output, rows: list[list[str]]) -> None:
    """A table, or where it is wider than the terminal, some lines for each."""
    widths = [text_width.widest(row[at] for row in rows) for at in range(len(_COLUMNS))]
    if output.width is None or sum(widths) + 2 * len(widths) <= output.width:
        output.table(_COLUMNS, rows)
        return
    for made, stage, took, host, differs, outs, here in rows:
        output.line(f"{stage}  {made}, in {took}" + (f", on {host}" if host != "-" else ""))
        output.line(f"  from  {differs}")
        output.line(f"  made  {outs}" + ("" if here == "yes" else "; not all of it is here"))


def _row(one: ListedRun) -> list[str]:
    run = one.run
    outs = [f"{path} {state.oid.digest.hex()[:8]}" for path, state in run.result.outs]
    differs = [f"{name}={_cut(value)}" for name, value in one.differs.items()]
    return [
        time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(run.made_at_ms / 1000)),
        run.stage if one.is_newest else f"{run.stage} (older result)",
        seconds_text(run.duration_ms / 1000),
        run.host or "-",
        names_text(differs, most=_MOST_SHOWN, noun="input") or "-",
        names_text(outs, most=_MOST_SHOWN, noun="out") or "-",
        "yes" if one.is_here else "no",
    ]


def _cut(value: str) -> str:
    return text_width.cut(value.partition("\n")[0], _MOST_COLUMNS)


def _fields(one: ListedRun) -> dict[str, object]:
    run, inputs = one.run, one.run.result.inputs
    return {
        "id": f"blake3:{run.id.hex()}",
        "key": f"blake3:{run.key.hex()}",
        "stage": run.stage,
        "made_at_ms": run.made_at_ms,
        "duration_ms": run.duration_ms,
        "host": run.host,
        "is_newest": one.is_newest,
        "is_here": one.is_here,
        "commands": list(inputs.commands),
        "params": [
            {"file": param.file, "key": param.key, "value": _value(text)}
            for param, text in inputs.params
        ],
        "deps": [_dep(dep, state) for dep, state in inputs.deps],
        "outs": [
            {
                "path": path,
                "oid": state.oid,
                "size_bytes": state.size_bytes,
                "files": state.files,
                "is_pushed": path not in run.unpushed,
            }
            for path, state in run.result.outs
        ],
    }


def _value(text: str) -> object:
    import json

    return json.loads(text, parse_constant=str)  # JSON has no NaN and no infinity


def _dep(dep: Dep, state: State) -> dict[str, object]:
    from git_mlvc.pipeline.model import FileState

    if isinstance(state, FileState):
        return {"dep": dep.text, "oid": state.oid, "size_bytes": state.size_bytes}
    return {"dep": dep.text, "url": state.version, "size_bytes": state.size_bytes}
