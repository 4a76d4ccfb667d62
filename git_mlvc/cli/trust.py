"""Asking once, on a terminal, whether an address that came with the repository may be contacted (law 12)."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from git_mlvc.cli.invocation import Invocation
    from git_mlvc.workspace import Workspace
    from git_mlvc.worktree.remotes import Definitions


def definitions(workspace: Workspace) -> Definitions:
    """Return what is needed to change the remotes of a repository."""
    from git_mlvc.worktree.remotes import Definitions

    return Definitions(
        workspace.settings,
        workspace.git,
        workspace.repository.worktree,
        workspace.places.is_trusted,
        workspace.environment,
    )


def settled(invocation: Invocation, remote: str | None) -> Workspace:
    """Return the workspace after asking about the addresses that a fetch from `remote` would contact.

    Without a terminal nothing is asked, and nothing is trusted that was not before.
    """
    from git_mlvc.git import config
    from git_mlvc.settings import without_secrets
    from git_mlvc.worktree import remotes

    workspace, output = invocation.workspace, invocation.output
    if not output.can_ask:
        return workspace
    places = workspace.places.for_reading() if remote is None else [workspace.places.named(remote)]
    refused = set(workspace.config.get(remotes.REFUSED, []))
    is_new = False
    for place in places:
        if workspace.places.is_trusted(place) or place.address in refused:
            continue
        if workspace.places.problem(place) is not None:
            continue  # whatever the answer, it would not be contacted
        is_new = True
        url = _visible(without_secrets(place.address))
        if output.ask(
            f"remote '{_visible(place.name)}' came with the repository: {url}\ncontact it?"
        ):
            remotes.trust(definitions(workspace), place)
        else:
            config.add_value(workspace.git, remotes.REFUSED, place.address)
            output.message(
                f"hint: `git mlvc remote trust {quote(place.name)}` if you change your mind"
            )
    if is_new:
        invocation.workspace = invocation.reopened()
    return invocation.workspace


def _visible(text: str) -> str:
    """What a stranger wrote must not move the cursor or hide a part of itself."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
