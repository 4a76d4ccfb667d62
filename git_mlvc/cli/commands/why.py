"""`git mlvc why`: which stages made a file, and from what, back to the sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import json_option, verb
from git_mlvc.errors import InputError, UsageError

if TYPE_CHECKING:
    from git_mlvc.pipeline.tracing_back.lineage import Lineage


@verb("why", example="git mlvc why models/cnn.bin\ngit mlvc why metrics.json --rev v1.0")
@click.argument("path")
@click.option("--rev", metavar="REV", help="As it was in this commit; without, in the worktree.")
@json_option
def why(invocation: Invocation, path: str, rev: str | None, as_json: bool) -> None:
    """Shows the stage that made PATH, its command, params and deps, and who made those, back to files that no
    stage made, with the commit that last changed them. PATH may be a directory, or a file in a directory that a
    stage makes. Contents are compared: where something else stands there now, it says so.

    With --rev nothing of the worktree is looked at, and the data need not be here.
    """
    from git_mlvc.cli import lineage_text, tree_lines
    from git_mlvc.git import config
    from git_mlvc.pipeline.tracing_back import sight, tracing
    from git_mlvc.repo_path import RepoPath
    from git_mlvc.worktree.selection import Selection

    workspace, output = invocation.workspace, invocation.output
    raw = Selection.parse([path], invocation.prefix).patterns[0]
    if not raw:
        raise UsageError("why needs a file, or a directory below the top")
    wanted = RepoPath(raw)
    repo, store = workspace.repository, workspace.store
    if rev is None and repo.worktree is None:
        rev = "HEAD"
    if rev is not None:
        found = tracing.trace(wanted, sight.AtRevision(repo, store, rev))
    else:
        has_modes = config.is_true(workspace.config, "core.filemode", unset=True)
        with sight.InWorktree(repo, store, has_modes=has_modes) as seen:
            found = tracing.trace(wanted, seen)
    if found.standing is None and not found.links:
        where = "in the worktree" if rev is None else f"in {rev}"
        raise InputError(
            f"there is no {wanted} {where}",
            why="and no stage whose result is known makes it",
            hint="git mlvc why PATH --rev REV looks at another commit",
        )
    if as_json:
        output.json("why", _json(found, rev))
        return
    root = lineage_text.tree(found, rev)
    for line in tree_lines.lines(root, width=output.width, can_draw=output.can_draw):
        output.line(line)


def _json(found: Lineage, rev: str | None) -> dict[str, object]:
    return {
        "path": found.path,
        "rev": rev,
        "standing": found.standing,
        "made": found.made,
        "is_changed": found.is_changed,
        "made_by": found.links,
        "commit": found.commit,
        "stages": [
            {
                "id": making.id,
                "stage": making.stage,
                "commands": making.result.inputs.commands,
                "wdir": making.result.inputs.wdir,
                "env": dict(making.result.inputs.env),
                "params": [
                    {"file": param.file, "key": param.key, "value": value}
                    for param, value in making.result.inputs.params
                ],
                "params_made_by": making.param_links,
                "deps": [
                    {
                        "kind": need.dep.kind,
                        "dep": need.dep.text,
                        "state": need.state,
                        "made_by": need.links,
                        "is_source": need.is_source,
                        "is_changed": need.is_changed,
                        "commit": need.commit,
                        "names": need.names,
                    }
                    for need in making.needs
                ],
                "outs": [
                    {"path": path, "state": making.result.out(path)}
                    for path in making.result.inputs.out_paths
                ],
                "run": None
                if making.run is None
                else {
                    "made_at_ms": making.run.made_at_ms,
                    "duration_ms": making.run.duration_ms,
                    "host": making.run.host,
                },
            }
            for making in found.makings
        ],
    }
