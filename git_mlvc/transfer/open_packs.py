"""Contents that a repository on this machine has in a pack still open: no segment names them yet.

So it is while its filter runs, for instance in a post-commit hook that has another repository pull, and
after a filter was killed. A foreign open pack is read, never moved (docs/formats/store.md).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from git_mlvc.errors import MlvcError
from git_mlvc.formats.pointer import Pointer
from git_mlvc.store.session import Session
from git_mlvc.store.store import Store


def take(session: Session, directory: Path, pointers: Iterable[Pointer], spool_dir: Path) -> None:
    """Take in what the store at `directory` holds in full, if it has open packs. Verified (law 3).

    What it does not hold, or cannot give, is not taken. Raises StoreError when `session` cannot take it.
    """
    try:
        store = Store.open(directory, create=False)
        if not store.layout.journal_names():
            return
        held = [pointer for pointer in pointers if store.is_complete(pointer)]
    except (MlvcError, OSError):
        return
    for pointer in held:
        with tempfile.TemporaryFile(dir=spool_dir, buffering=0) as spool:
            try:
                store.restore_file(pointer, spool.fileno())
            except (MlvcError, OSError):
                continue
            spool.seek(0)
            session.ingest_file(spool.fileno())
