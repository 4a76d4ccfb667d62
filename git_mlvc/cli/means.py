"""What commands that run or look at stages are given: all that `pipeline` needs, opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from git_mlvc.cli.invocation import Invocation

if TYPE_CHECKING:
    from git_mlvc.pipeline.scene import Means, Remotes
    from git_mlvc.repo_path import RepoPath


def opened(invocation: Invocation, *, pulls: bool = False) -> Means:
    """Open git, store and settings; remotes are asked when something is looked for there."""
    import socket
    from functools import cache

    from git_mlvc.git.config import is_true
    from git_mlvc.pipeline.scene import Means, Remotes

    workspace, output = invocation.workspace, invocation.output
    if pulls:
        from git_mlvc.cli.trust import settled

        workspace = settled(invocation, None)

    @cache
    def remotes() -> Remotes:
        opened, failures = workspace.views_for_reading()
        if failures and not opened:
            raise failures[0]
        for failure in failures:
            output.message(f"not asked: {failure}")
        return Remotes(tuple(opened), tuple(failures))

    return Means(
        workspace.repository,
        workspace.store,
        workspace.settings,
        fetch=workspace.fetcher(output.progress),
        remotes=remotes,
        progress=output.progress,
        host=socket.gethostname(),
        open_folder=workspace.folder,
        has_modes=is_true(workspace.config, "core.filemode", unset=True),
    )


def folder(invocation: Invocation) -> RepoPath | None:
    """Return where the user stands, from the top; None: at the top."""
    from git_mlvc.repo_path import RepoPath

    prefix = invocation.prefix.rstrip(b"/")
    return RepoPath(prefix) if prefix else None
