"""Loose objects, read in this process: for small ones git's own program takes four times as long.

Only files of the object directory git writes to. What stands in a pack or an alternate, what has been
replaced (`git replace`), and whatever looks odd is left to git, which knows better.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

SMALL_BYTES = 1024
_READ_BYTES = 4096
_MAX_HEADER_BYTES = 32
_MAX_PACKED_REFS_BYTES = 64 << 20
_FANOUT = 256
_MANY_NAMES = (
    1024  # more than so many in a folder are not remembered: most that is asked for is loose
)


class Loose(NamedTuple):
    """A loose object: kind and size as its header says; `content` if it is small, verified."""

    kind: bytes
    size_bytes: int
    content: bytes | None


class LooseObjects:
    """The loose objects of one directory, as of the first look at each of its folders."""

    def __init__(self, directory: str, *, hash_size: int) -> None:
        self._directory = directory
        self._hash = hashlib.sha1 if hash_size == 20 else hashlib.sha256
        self._folders: dict[str, frozenset[str] | None] = {}  # None: look and see

    @classmethod
    def of(cls, repo: Repository) -> LooseObjects | None:
        """Return those of a repository; None where only git can tell what an object is."""
        if repo.env.get("GIT_OBJECT_DIRECTORY") or _has_replacements(repo):
            return None
        return cls(str(repo.common_dir / "objects"), hash_size=repo.hash_size)

    def read(self, sha: str) -> Loose | None:
        """Return an object, None if it is not loose or not as it should be: git is asked then."""
        folder = sha[:2]
        if folder not in self._folders:
            self._folders[folder] = self._listed(folder)
        names = self._folders[folder]
        if names is not None and sha[2:] not in names:
            return None
        try:
            fd = os.open(f"{self._directory}/{folder}/{sha[2:]}", os.O_RDONLY | os.O_CLOEXEC)
            try:
                packed = os.read(fd, _READ_BYTES)
            finally:
                os.close(fd)
            head = zlib.decompressobj().decompress(packed, SMALL_BYTES + _MAX_HEADER_BYTES)
        except (OSError, zlib.error):
            return None
        header, nul, content = head.partition(b"\0")
        kind, _, size = header.partition(b" ")
        if not nul or not size.isdigit():
            return None
        size_bytes = int(size)
        if size_bytes > SMALL_BYTES:
            return Loose(kind, size_bytes, None)
        if self._hash(head, usedforsecurity=False).hexdigest() != sha:
            return None
        return Loose(kind, size_bytes, content)

    def _listed(self, folder: str) -> frozenset[str] | None:
        try:
            names = os.listdir(f"{self._directory}/{folder}")
        except OSError:
            return frozenset()
        return frozenset(names) if len(names) <= _MANY_NAMES else None


def count(repo: Repository) -> int:
    """Return about how many objects are loose, as git itself guesses: one folder stands for all."""
    try:
        return len(os.listdir(repo.common_dir / "objects" / "17")) * _FANOUT
    except OSError:
        return 0


def packed_count(repo: Repository) -> int:
    """Return about how many objects stand in packs, by the sizes of the packs' indexes."""
    least_row_bytes = repo.hash_size + 8
    try:
        with os.scandir(repo.common_dir / "objects" / "pack") as entries:
            sizes = [entry.stat().st_size for entry in entries if entry.name.endswith(".idx")]
    except OSError:
        return 0
    return sum(sizes) // least_row_bytes


def _has_replacements(repo: Repository) -> bool:
    """True if some object may stand for another, or if that cannot be told by looking at files."""
    common_dir = repo.common_dir
    if repo.env.get("GIT_REPLACE_REF_BASE") or (common_dir / "reftable").exists():
        return True
    try:
        if os.listdir(common_dir / "refs" / "replace"):
            return True
    except OSError:
        pass
    packed_refs = common_dir / "packed-refs"
    try:
        if packed_refs.stat().st_size > _MAX_PACKED_REFS_BYTES:
            return True
        return b" refs/replace/" in packed_refs.read_bytes()
    except OSError:
        return False
