"""What `git mlvc repro` sees to around the stages: git knows the filter before, and stubs of outs are filled after."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from git_mlvc.errors import MlvcError

if TYPE_CHECKING:
    from git_mlvc.cli.invocation import Invocation
    from git_mlvc.repo_path import RepoPath


def set_up_if_new(invocation: Invocation) -> None:
    """Set up a repository or fresh clone in which nobody has: git passes over attributes of filters that it does
    not know, and the next `git add` would take all that stages make into git itself.
    """
    workspace, output = invocation.workspace, invocation.output
    repo = workspace.repository
    if repo.worktree is None or "filter.mlvc.process" in workspace.config:
        return
    from git_mlvc.hooks import install
    from git_mlvc.pipeline import presence

    if not presence.may_have_stages(repo.worktree, workspace.git):
        return
    try:
        report = install.install_local(
            repo, workspace.git, invocation.launcher, permissions=workspace.permissions
        )
    except MlvcError as exc:
        output.message(
            f"warning: git does not know the filter, and would keep all content itself\n  why: {exc}"
        )
        output.message("hint: git mlvc init   before `git add`")
        return
    output.message("git knew nothing of git-mlvc here; as by `git mlvc init`:")
    for line in report.lines:
        output.message(f"  {line}")
    for conflict in report.conflicts:
        output.message(f"warning: {conflict}")


def fill_outs(invocation: Invocation, outs: Collection[RepoPath]) -> None:
    """Fetch and fill those of `outs` that stand here as stubs, as far as `[fetch]` in the settings allows.

    What is not to be had is told: the stages are as they should be without it.
    """
    from git_mlvc.cli.filling import filling
    from git_mlvc.cli.kept_here import tell_kept
    from git_mlvc.cli.too_large import tell_too_large
    from git_mlvc.pipeline.runs import run_travel
    from git_mlvc.units import count_text, size_text
    from git_mlvc.worktree import exchange
    from git_mlvc.worktree.fill import fill
    from git_mlvc.worktree.fill_report import LeftKind
    from git_mlvc.worktree.selection import Selection
    from git_mlvc.worktree.stub_message import still_stubs

    workspace, output = invocation.workspace, invocation.output
    repo = workspace.repository
    meant = exchange.stubs_to_fill(repo, workspace.settings, Selection(), workspace.store)
    stubs = {path: p for path, p in meant.found.items() if run_travel.is_in(path, outs)}
    tell_too_large(
        invocation, {path: p for path, p in meant.too_large.items() if run_travel.is_in(path, outs)}
    )
    if not stubs:
        return
    with filling(invocation):
        report = fill(
            repo,
            workspace.store,
            stubs.items(),
            fetch=workspace.fetcher(output.progress),
            progress=output.progress,
        )
    if report.filled:
        output.message(
            f"filled {count_text(len(report.filled), 'file')}, {size_text(report.size_bytes)}"
        )
    missing = [path for path, left in report.left.items() if left.kind is LeftKind.MISSING]
    kept = tell_kept(output, repo, missing)
    rest = {path: left for path, left in report.left.items() if path not in kept}
    if rest:
        first = next(iter(rest.values()))
        output.message(still_stubs([str(path) for path in rest], why=first.why, hint=first.hint))
