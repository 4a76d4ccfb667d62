"""pre-commit: a damaged stub must not become history.

Git calls it only to find, in a few milliseconds of sh, that the filter has passed no damaged stub on
(`<git dir>/mlvc/damaged` is not there or empty); otherwise this looks at what is staged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from git_mlvc.git.changes import Entry
    from git_mlvc.progress import Progress
    from git_mlvc.workspace import Workspace

DAMAGED = "damaged"
_MOST_NAMES = 20


def run(
    workspace: Workspace,
    argv: Sequence[str],
    stdin: bytes,
    messages: Callable[[str], None],
    progress: Progress | None = None,
) -> int:
    """Return 1 and name the files and what mends them if damaged stubs are staged, else 0."""
    from git_mlvc.git import changes
    from git_mlvc.hooks import held_by_git

    repo = workspace.repository
    held = held_by_git.inspect(repo, workspace.settings, changes.staged(repo))
    if held.damaged:
        what, why, hint = refusal(held.damaged, "staged")
        hint = hint.replace("\n", "\n      ")
        messages(f"error: {what}\n  why: {why}\nhint: {hint}")
        return 1
    if repo.index_path.name in ("index", "index.lock"):  # and not one made for `git commit PATH`
        (repo.state_dir / DAMAGED).unlink(missing_ok=True)
    return 0


def refusal(damaged: Sequence[Entry], where: str) -> tuple[str, str, str]:
    """Return what, why and hint."""
    from git_mlvc.hooks.shim import quote

    paths = list(dict.fromkeys(entry.path for entry in damaged))
    noun = "file is a damaged stub" if len(paths) == 1 else "files are damaged stubs"
    example = str(paths[0]) if str(paths[0]).startswith('"') else quote(str(paths[0]))
    return (
        f"{len(paths)} {where} {noun}: {names(paths)}",
        "a stub was edited or merged as if it were the file itself, so its data cannot be found",
        f"git mlvc fill --keep-appended {example}   fills it and keeps what was added\n"
        f"git checkout HEAD -- {example}   gives it back as it was committed",
    )


def names(paths: Sequence[object]) -> str:
    """Return the first few names, and how many more there are."""
    from git_mlvc.units import names_text

    return names_text([str(path) for path in paths], most=_MOST_NAMES)
