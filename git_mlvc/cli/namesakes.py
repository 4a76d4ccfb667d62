"""Names that git and an experiment share: git's goes first, and that is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from git_mlvc.cli.output import Output
    from git_mlvc.pipeline.revision import Revisions


def tell(output: Output, revisions: Revisions) -> None:
    """Warn of those that were asked for, as git does of ambiguous names."""
    for name in dict.fromkeys(revisions.namesakes):
        output.message(f"warning: {name} is taken for git's; the experiment is mlvc/exp/{name}")
