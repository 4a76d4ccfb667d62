"""post-merge: after a merge or pull that succeeded; a conflicted merge fires only post-index-change."""

from __future__ import annotations

from git_mlvc.hooks.fill_stubs import run

__all__ = ["run"]
