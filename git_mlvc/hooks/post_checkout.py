"""post-checkout: after checkout, switch, clone and worktree add; not after reset, stash, merge or cherry-pick."""

from __future__ import annotations

from git_mlvc.hooks.fill_stubs import run

__all__ = ["run"]
