"""`git mlvc drop`: stubs in the place of content that a remote holds."""

from __future__ import annotations

from collections.abc import Sequence

import click

from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import json_option, paths_argument, verb
from git_mlvc.cli.report_lines import named
from git_mlvc.errors import ExitCode
from git_mlvc.formats.pointer import Pointer
from git_mlvc.units import count_text, size_text


@verb("drop", example="git mlvc drop data/old")
@paths_argument
@click.option(
    "--force",
    is_flag=True,
    help="Ask no remote; the local store must have the content. Modified files are never dropped.",
)
@json_option
def drop(invocation: Invocation, paths: tuple[str, ...], force: bool, as_json: bool) -> int:
    """Each content is looked for on the remotes first, and kept where none surely has it. The local store
    keeps its data; see `git mlvc prune`. `git mlvc fill` is the way back.

    Exit code 1 if something was kept.
    """
    from git_mlvc.worktree import exchange, pointers
    from git_mlvc.worktree.drop import drop as put_stubs
    from git_mlvc.worktree.selection import Selection

    workspace, output = invocation.workspace, invocation.output
    workspace.repository.needed_worktree("there is nothing to drop")
    files = pointers.data_files(workspace.repository)
    chosen = Selection.parse(paths, invocation.prefix).checked(files)

    def verified(wanted: Sequence[Pointer]) -> set[Pointer]:
        return exchange.verified_on(workspace.views_to_fetch_from(None)[0], wanted)

    report = put_stubs(
        workspace.repository,
        workspace.store,
        chosen,
        verified=verified,
        force=force,
        progress=output.progress,
    )
    if as_json:
        kept = [{"path": p, "kind": k.kind, "why": k.why} for p, k in report.kept.items()]
        output.json(
            "drop", {"dropped": report.dropped, "size_bytes": report.size_bytes, "kept": kept}
        )
    else:
        output.line(
            f"dropped {count_text(len(report.dropped), 'file')}, {size_text(report.size_bytes)}"
        )
        reasons: dict[str, list[str]] = {}
        for path, kept_because in report.kept.items():
            reasons.setdefault(kept_because.why, []).append(str(path))
        for why, names in reasons.items():
            output.message(f"kept {named(names)}: {why}")
    return ExitCode.ANSWER if report.kept else ExitCode.OK
