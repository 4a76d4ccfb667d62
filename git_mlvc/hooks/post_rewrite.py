"""post-rewrite: after commit --amend and at the end of a rebase."""

from __future__ import annotations

from git_mlvc.hooks.fill_stubs import run

__all__ = ["run"]
