"""Advice on files that are stored whole in each version: one line for each kind, once in a worktree."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from git_mlvc.formats.compressed import Compressed, compressed
from git_mlvc.repo_path import shown

_WHY = "a small edit changes all that follows it, so each version is stored whole"
_TEXTS = {
    Compressed.GZIP: f"is gzip: {_WHY}; kept uncompressed, only what changes is stored, compressed",
    Compressed.ARRAYS: f"holds deflated arrays: {_WHY}; `np.savez` instead of"
    " `np.savez_compressed` stores what changes, compressed",
    Compressed.MEMBERS: f"is a zip of deflated files: {_WHY}; `zip -0`, or the files themselves, store"
    " what changes, compressed",
    Compressed.PAGES: "is Parquet, and nothing in it says that its pages are cut by content: then a"
    " changed row moves all pages behind it; pyarrow 21 does it with"
    " `use_content_defined_chunking=True`",
}
_ENDING = "(`git config mlvc.advice false` ends this)"


class Advisor:
    """Says what would help, and remembers in `<git dir>/mlvc/advised` what was said."""

    def __init__(self, state_dir: Path, say: Callable[[str], None]) -> None:
        self._path = state_dir / "advised"
        self._say = say
        self._said: set[str] | None = None

    def consider(self, path: bytes, head: bytes, tail: bytes) -> None:
        """Advise on a content of at least 1 MiB that git is given for the first time."""
        kind = compressed(head, tail)
        if kind is None:
            return
        if self._said is None:
            self._said = self._remembered()
        if kind.name not in self._said:
            self._said.add(kind.name)
            self._remember(kind.name)
            self._say(f"hint: {shown(path)} {_TEXTS[kind]} {_ENDING}")

    def _remembered(self) -> set[str]:
        try:
            return set(self._path.read_text("ascii", "replace").split())
        except OSError:
            return set()

    def _remember(self, name: str) -> None:
        try:
            os.makedirs(self._path.parent, exist_ok=True)
            with open(self._path, "a", encoding="ascii") as file:
                file.write(f"{name}\n")
        except OSError:
            pass  # read-only: then it is said once in each process
