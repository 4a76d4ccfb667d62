"""`git mlvc init`: set up this repository or fresh clone and fill its stubs."""

from __future__ import annotations

from git_mlvc.cli.filling import filling
from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.kept_here import tell_kept
from git_mlvc.cli.options import verb
from git_mlvc.cli.report_lines import show_fill, show_install
from git_mlvc.cli.too_large import tell_too_large
from git_mlvc.cli.trust import settled
from git_mlvc.errors import ExitCode


@verb("init", example="git clone URL project && cd project && git mlvc init")
def init(invocation: Invocation) -> int:
    """Installs the filter and the hooks for this repository (as `git mlvc install --local`), writes an
    mlvc.toml if there is none, and fills stubs. Can be run again at any time.

    Exit code 1 if stubs are left or hooks could not be installed.
    """
    from git_mlvc.hooks import install as hooks
    from git_mlvc.worktree import exchange, settings_file
    from git_mlvc.worktree.fill import fill
    from git_mlvc.worktree.fill_report import LeftKind
    from git_mlvc.worktree.selection import Selection

    workspace, output = invocation.workspace, invocation.output
    repo = workspace.repository
    report = hooks.install_local(
        repo, workspace.git, invocation.launcher, permissions=workspace.permissions
    )
    code = show_install(output, report)
    if repo.worktree is None:
        return code
    if settings_file.create_if_absent(repo.worktree):
        output.line(f"settings: written to {settings_file.NAME}")
    if workspace.settings.skip_smudge:
        return code
    meant = exchange.stubs_to_fill(repo, workspace.settings, Selection(), workspace.store)
    tell_too_large(invocation, meant.too_large)
    stubs = meant.found
    if not stubs:
        return code
    if exchange.lacking(workspace.store, stubs.values()):
        workspace = settled(invocation, None)
    with filling(invocation):
        filled = fill(
            repo,
            workspace.store,
            stubs.items(),
            fetch=workspace.fetcher(output.progress),
            progress=output.progress,
        )
    missing = [path for path, left in filled.left.items() if left.kind is LeftKind.MISSING]
    kept = tell_kept(output, repo, missing)
    return ExitCode.ANSWER if show_fill(output, filled, told=kept) else code
