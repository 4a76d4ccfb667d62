"""post-commit: after commit, cherry-pick and revert: a second chance where the index was locked before."""

from __future__ import annotations

from git_mlvc.hooks.fill_stubs import run

__all__ = ["run"]
