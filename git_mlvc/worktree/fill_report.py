"""What became of the files of a fill."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from git_mlvc.errors import CorruptChunk, MissingChunk, MlvcError
from git_mlvc.repo_path import RepoPath


class LeftKind(StrEnum):
    """Why a file is still a stub."""

    MISSING = "missing"  # its data is not to be had, here or on a remote that answered
    CORRUPT = "corrupt"  # its data is here and damaged
    CHANGED = "changed"  # somebody wrote to the file meanwhile
    UNSAFE = "unsafe"  # its path leads out of the worktree
    FAILED = "failed"  # the disk refused


@dataclass(frozen=True, slots=True)
class Left:
    """A file that was not filled; as text it is the reason."""

    kind: LeftKind
    why: str
    hint: str = ""

    def __str__(self) -> str:
        return self.why


@dataclass(slots=True)
class FillReport:
    """What became of the files: filled, left as stubs, or not stubs (any more) and so not touched."""

    filled: list[RepoPath] = field(default_factory=list)
    left: dict[RepoPath, Left] = field(default_factory=dict)
    skipped: list[RepoPath] = field(default_factory=list)
    size_bytes: int = 0
    untold: list[RepoPath] = field(default_factory=list)  # git takes them for modified: fill again

    def add_filled(self, before: FillReport) -> None:
        """Add what an earlier attempt has filled; this one was about the others."""
        self.filled = sorted([*self.filled, *before.filled])
        self.size_bytes += before.size_bytes
        self.untold = sorted([*self.untold, *before.untold])


def why_left(error: MlvcError, *, otherwise: LeftKind = LeftKind.FAILED) -> Left:
    kinds = ((MissingChunk, LeftKind.MISSING), (CorruptChunk, LeftKind.CORRUPT))
    kind = next((kind for cls, kind in kinds if isinstance(error, cls)), otherwise)
    return Left(kind, str(error), error.hint)
