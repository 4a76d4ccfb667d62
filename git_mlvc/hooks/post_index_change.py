"""post-index-change: after every command that wrote the index (git >= 2.22): the one that fires for reset --hard,
stash, cherry-pick, revert, conflicted merges and sparse-checkout as well."""

from __future__ import annotations

from git_mlvc.hooks.fill_stubs import run

__all__ = ["run"]
