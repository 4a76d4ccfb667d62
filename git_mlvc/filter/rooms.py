"""What clean and smudge need, taken from a workspace: each opened at its first use."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from git_mlvc.errors import MlvcError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from git_mlvc.filter.clean import Cleaner, Ingest
    from git_mlvc.filter.held import Index
    from git_mlvc.filter.smudge import Smudger, Stubs
    from git_mlvc.formats.pointer import Pointer
    from git_mlvc.progress import Progress
    from git_mlvc.workspace import Workspace
    from git_mlvc.worktree.advice import Advisor

Messages = Callable[[str], None]
_MOST_DAMAGED_BYTES = 1 << 16


def cleaner(
    workspace: Workspace,
    messages: Messages,
    *,
    open_session: Callable[[], Ingest] | None = None,
) -> Cleaner:
    """Return a cleaner for one process's run. `open_session`: where it is not to open one itself."""
    from git_mlvc.filter.clean import Cleaner
    from git_mlvc.filter.held import Held

    repository = workspace.repository
    index_path = os.fspath(repository.index_path)
    advisor: Advisor | None = None

    def open_index() -> Index | None:
        # A new repository has none, and is asked for each of its files.
        if not os.access(index_path, os.F_OK):
            return None
        from git_mlvc.git.index_search import IndexSearch

        def joined(path: Path) -> bytes:
            from git_mlvc.worktree.pointers import joined_index

            return joined_index(repository, path)

        try:
            return IndexSearch.open(
                repository.index_path, hash_size=repository.hash_size, join=joined
            )
        except (OSError, MlvcError):  # git itself will say what is wrong with it
            return None

    def blob(sha: str) -> tuple[Pointer | None, int | None]:
        from git_mlvc.git import objects

        try:
            found = next(objects.blobs(repository, [sha]), None)
        except MlvcError:
            found = None
        return (None, None) if found is None else (found.pointer, found.size_bytes)

    def is_here(pointer: Pointer) -> bool:
        """Only what the repository's own index holds is safe from being cleaned away meanwhile."""
        if repository.index_path != repository.git_dir / "index":
            return False
        try:
            return workspace.store.is_complete(pointer)
        except MlvcError:
            return False

    def note_damaged(path: bytes) -> None:
        """Have the pre-commit hook look: its shim asks nothing but whether this file has content."""
        try:
            repository.state_dir.mkdir(parents=True, exist_ok=True)
            with open(repository.state_dir / "damaged", "ab") as file:
                if file.tell() < _MOST_DAMAGED_BYTES:
                    file.write(path + b"\0")
        except OSError:
            pass  # read-only: then nothing is committed from here either

    def advise(path: bytes, head: bytes, tail: bytes) -> None:
        nonlocal advisor
        if not workspace.settings.advice:
            return
        if advisor is None:
            from git_mlvc.worktree.advice import Advisor

            advisor = Advisor(repository.state_dir, messages)
        advisor.consider(path, head, tail)

    return Cleaner(
        settings=lambda: workspace.settings,
        open_session=open_session or (lambda: workspace.store.session()),
        restore=lambda pointer, write: workspace.store.restore(pointer, write),
        held=Held(open_index, blob, repository.object_format),
        messages=messages,
        is_here=is_here,
        note_damaged=note_damaged,
        advise=advise,
        spool_dir=repository.git_dir,
    )


def smudger(
    workspace: Workspace,
    messages: Messages,
    *,
    progress: Progress,
    are_hooks_verified: Callable[[], bool],
    skip: bool,
) -> Smudger:
    """Return a smudger for one process's run."""
    from git_mlvc.filter.smudge import Smudger

    state_dir = workspace.repository.state_dir

    def listed(name: str) -> Callable[[], Stubs]:
        def open_list() -> Stubs:
            from git_mlvc.worktree.pending import Pending

            return Pending(state_dir, name)

        return open_list

    def fetch(pointers: Sequence[Pointer]) -> Mapping[Pointer, MlvcError]:
        return workspace.fetcher(progress)(pointers)

    return Smudger(
        settings=lambda: workspace.settings,
        store=lambda: workspace.store,
        fetch=fetch,
        is_sequencing=workspace.repository.is_sequencing,
        are_hooks_verified=are_hooks_verified,
        pending=listed("pending"),
        absent=listed("absent"),
        messages=messages,
        skip=skip,
    )
