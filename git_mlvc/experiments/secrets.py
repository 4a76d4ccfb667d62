"""New files of experiments that look like secrets.

An experiment takes in what the user has not committed, untracked files too; nobody has looked at these as at a
commit. What was committed before is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple, Protocol

from git_mlvc.errors import MlvcError
from git_mlvc.experiments import secret_signs
from git_mlvc.git import changes, objects
from git_mlvc.repo_path import RepoPath

if TYPE_CHECKING:
    from collections.abc import Mapping

    from git_mlvc.formats.pointer import Pointer
    from git_mlvc.git.changes import Entry
    from git_mlvc.git.repository import Repository


class Contents(Protocol):
    """What is asked of a store here."""

    def contents(self, pointers: Iterable[Pointer]) -> Mapping[Pointer, bytes | MlvcError]: ...


class Suspect(NamedTuple):
    """A new file, and what speaks for its being a secret."""

    path: RepoPath
    why: str


def suspicious(
    repo: Repository, commit: str, baseline: str, store: Contents | None = None
) -> list[Suspect]:
    """Return the files that `commit` has and `baseline` ("" for none) has not which look like secrets, by path.

    With `store`, small data files are looked into as well. Raises GitError.
    """
    return suspicious_in(repo, [(commit, baseline)], store).get(commit, [])


def suspicious_in(
    repo: Repository, pairs: Iterable[tuple[str, str]], store: Contents | None = None
) -> dict[str, list[Suspect]]:
    """Return, for those pairs (commit, baseline) that have any, what `suspicious` does; by commit."""
    entries = list(changes.added(repo, pairs))
    named = {entry.path: why for entry in entries if (why := secret_signs.by_name(entry.path))}
    rest = [entry for entry in entries if entry.path not in named]
    said = _by_content(repo, rest, store)
    found: dict[str, list[Suspect]] = {}
    for entry in sorted(entries, key=lambda one: one.path):
        sign = named.get(entry.path) or said.get(entry.blob_sha)
        if sign:
            found.setdefault(entry.commit, []).append(Suspect(entry.path, sign))
    return found


def _by_content(
    repo: Repository, entries: Iterable[Entry], store: Contents | None
) -> dict[str, str]:
    """Return what blobs say that looks like a secret, by blob."""
    sizes = objects.blob_sizes(repo, dict.fromkeys(entry.blob_sha for entry in entries))
    small = [sha for sha, size_bytes in sizes if size_bytes <= secret_signs.MAX_BYTES]
    pointers = objects.pointers(repo, small)
    plain = [sha for sha in small if sha not in pointers]
    found = {
        sha: why
        for sha, data in objects.contents(repo, plain)
        if (why := secret_signs.by_content(data))
    }
    for sha, pointer in pointers.items():
        if store is not None and pointer.size_bytes <= secret_signs.MAX_BYTES:
            data = store.contents([pointer])[pointer]
            why = secret_signs.by_content(data) if isinstance(data, bytes) else ""
            if why:
                found[sha] = why
    return found
