"""What verbs that fetch say of files they left as stubs because of `fetch.max_size`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from git_mlvc.cli.invocation import Invocation
    from git_mlvc.formats.pointer import Pointer
    from git_mlvc.repo_path import RepoPath


def tell_too_large(invocation: Invocation, left: Mapping[RepoPath, Pointer]) -> None:
    """Say once which are not here; those that are here need no word."""
    if not left:
        return
    from git_mlvc.worktree import stub_message

    workspace = invocation.workspace
    lacking = set(workspace.store.incomplete(dict.fromkeys(left.values())))
    names = sorted(str(path) for path, pointer in left.items() if pointer in lacking)
    if names:
        limit = workspace.settings.fetch_max_size_bytes
        invocation.output.message(stub_message.too_large(names, limit))
