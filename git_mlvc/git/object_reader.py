"""Objects one after another: revisions, trees and small blobs, in any order, by one git process for all.

`objects.py` reads many blobs that are known beforehand; here each question follows from the last answer.
What a partial clone was promised and does not have is absent, never fetched.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from git_mlvc.errors import GitError
from git_mlvc.git import objects
from git_mlvc.git.conversation import Answer

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

MAX_BYTES = 256 << 20
"""What is larger is nothing that anybody reads as a whole."""
_MAX_CACHED_TREES = 1 << 14
_LINK = 0o120000
_DIRECTORY = 0o040000
_SUBMODULE = 0o160000
_MODE = re.compile(rb"[0-7]{5,6}\Z")
_KINDS = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}  # as libgit2 numbers them


class Entry(NamedTuple):
    """One name in a tree."""

    name: bytes
    mode: int
    sha: str

    @property
    def is_directory(self) -> bool:
        return self.mode == _DIRECTORY

    @property
    def is_link(self) -> bool:
        return self.mode == _LINK

    @property
    def is_file(self) -> bool:
        return self.mode not in (_DIRECTORY, _LINK, _SUBMODULE)


class ObjectReader:
    """Reads the objects of one repository. Usable by several threads; `close` it, or use `with`."""

    def __init__(self, repo: Repository) -> None:
        self._repo = repo
        self._hash_size = repo.hash_size
        self._libgit: Any = objects.libgit_database(repo) if objects.needs_libgit(repo) else None
        self._git = repo.git.conversation("cat-file", "--batch", env_extra=objects.NO_LAZY_FETCH)
        self._trees: dict[str, dict[bytes, Entry] | None] = {}
        self._names: dict[bytes | None, dict[str, tuple[bytes, ...]]] = {}
        self._lock = threading.RLock()

    def __enter__(self) -> ObjectReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            self._git.close()

    def commit(self, rev: str) -> str | None:
        """Return the full sha of the commit that a name means, as git understands it; None if it is none."""
        if not rev or "\n" in rev or "\0" in rev:
            return None
        # What follows :/ is searched for as it stands.
        found = self._named(rev if rev.startswith(":/") else f"{rev}^{{commit}}")
        return found.sha if found is not None and found.kind == "commit" else None

    def tree_of(self, commit: str) -> str | None:
        """Return the sha of a commit's tree; None if it is not here."""
        found = self._one(commit)
        if found is None or found.kind != "commit" or not found.data:
            return None
        return found.data.partition(b"\n")[0].removeprefix(b"tree ").decode("ascii")

    def tree(self, sha: str) -> dict[bytes, Entry] | None:
        """Return what is in a tree, by name, in git's order; None if it is not here."""
        with self._lock:
            if sha not in self._trees:
                if len(self._trees) >= _MAX_CACHED_TREES:
                    self._trees.clear()
                found = self._one(sha)
                is_tree = found is not None and found.kind == "tree" and found.data is not None
                self._trees[sha] = self._entries(found.data or b"") if found and is_tree else None
            return self._trees[sha]

    def names_in(self, tree: str, name: bytes | None = None) -> tuple[bytes, ...]:
        """Return the paths of all files and links in a tree and those in it; with `name`, of those so called.

        A tree that is not here counts as empty. Each tree is looked through once: history shares most of them.
        """
        with self._lock:
            known = self._names.setdefault(name, {})
            if tree not in known:
                if len(known) >= _MAX_CACHED_TREES:
                    known.clear()
                known[tree] = tuple(self._look_for(tree, name))
            return known[tree]

    def blob(self, sha: str, max_bytes: int = MAX_BYTES) -> Answer | None:
        """Return a blob, without its data where that is too large; None if it is not here."""
        found = self._one(sha, max_bytes)
        return found if found is not None and found.kind == "blob" else None

    def each(self, shas: Iterable[str], max_bytes: int = MAX_BYTES) -> list[Answer | None]:
        """Return what each sha is, in their order: many at once are cheaper."""
        if self._libgit is not None:
            return [self._of_libgit(sha, max_bytes) for sha in shas]
        with self._lock:
            return list(self._git.ask((sha.encode("ascii") for sha in shas), max_bytes))

    def _look_for(self, tree: str, name: bytes | None) -> Iterator[bytes]:
        for entry in (self.tree(tree) or {}).values():
            if entry.is_directory:
                for inner in self.names_in(entry.sha, name):
                    yield entry.name + b"/" + inner
            elif (entry.is_file or entry.is_link) and name in (None, entry.name):
                yield entry.name

    def _one(self, sha: str, max_bytes: int = MAX_BYTES) -> Answer | None:
        return self.each([sha], max_bytes)[0]

    def _named(self, name: str) -> Answer | None:
        raw = name.encode("utf-8", "surrogateescape")
        if self._libgit is None:
            with self._lock:
                return next(self._git.ask([raw], MAX_BYTES))
        words = ("rev-parse", "--verify", "-q", "--end-of-options", raw)
        said = self._repo.git.run(*words, check=False, env_extra=objects.NO_LAZY_FETCH)
        sha = said.stdout.decode("ascii", "replace").strip()
        return self._of_libgit(sha, MAX_BYTES) if said.returncode == 0 and sha else None

    def _of_libgit(self, sha: str, max_bytes: int) -> Answer | None:
        try:
            kind, data = self._libgit.read(sha)
        except (KeyError, ValueError):
            return None
        data = bytes(data)
        kept = data if len(data) <= max_bytes else None
        return Answer(sha, _KINDS.get(int(kind), ""), len(data), kept)

    def _entries(self, data: bytes) -> dict[bytes, Entry]:
        return {entry.name: entry for entry in _parsed(data, self._hash_size)}


def _parsed(data: bytes, hash_size: int) -> Iterator[Entry]:
    at = 0
    while at < len(data):
        space = data.find(b" ", at)
        nul = data.find(b"\0", space)
        end = nul + 1 + hash_size
        mode = data[at:space]
        if space < 0 or nul < 0 or end > len(data) or not _MODE.match(mode):
            raise GitError(("git", "cat-file", "tree"), 1, "a tree is damaged", hint="git fsck")
        yield Entry(data[space + 1 : nul], int(mode, 8), data[nul + 1 : end].hex())
        at = end
