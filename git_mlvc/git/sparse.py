"""Which paths a sparse checkout takes, also of those that git's index does not hold.

Git 2.41 can be asked (`sparse-checkout check-rules`), older ones cannot; so the rules are read here, with cones
(which are written as patterns too) and without.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from git_mlvc.git.path_rules import Rule, rule
from git_mlvc.repo_path import RepoPath

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository


class SparseCheckout:
    """The rules of one worktree: the nearest decision counts, of the path, then of each directory above."""

    def __init__(self, rules: Sequence[Rule], *, ignore_case: bool = False) -> None:
        self._rules = list(reversed(rules))
        self._ignore_case = ignore_case
        self._directories: dict[bytes, bool] = {b"": False}

    @classmethod
    def of(cls, repo: Repository) -> SparseCheckout | None:
        """Return the rules of the worktree; None if all of it is checked out."""
        if repo.worktree is None or not _is_true(repo, "core.sparseCheckout"):
            return None
        try:
            data = (repo.git_dir / "info" / "sparse-checkout").read_bytes()
        except OSError:
            return None  # then git takes everything
        return cls(parsed(data), ignore_case=_is_true(repo, "core.ignoreCase"))

    def __contains__(self, path: RepoPath) -> bool:
        decided = self._decided(path, is_directory=False)
        return self._holds(path.raw.rpartition(b"/")[0]) if decided is None else decided

    def _holds(self, directory: bytes) -> bool:
        known = self._directories.get(directory)
        if known is None:
            decided = self._decided(RepoPath(directory), is_directory=True)
            above = directory.rpartition(b"/")[0]
            known = self._holds(above) if decided is None else decided
            self._directories[directory] = known
        return known

    def _decided(self, path: RepoPath, *, is_directory: bool) -> bool | None:
        for one in self._rules:
            if one.matches(path, is_directory=is_directory, ignore_case=self._ignore_case):
                return not one.is_negated
        return None


def parsed(data: bytes) -> list[Rule]:
    """Read the lines of a file of patterns as git does."""
    found = []
    for raw in data.removeprefix(b"\xef\xbb\xbf").split(b"\n"):
        line = raw.removesuffix(b"\r")
        line = re.sub(rb"(?<!\\) +\Z", b"", line)
        if line and not line.startswith(b"#"):
            found.append(rule(line.decode("utf-8", "surrogateescape")))
    return found


def _is_true(repo: Repository, key: str) -> bool:
    said = repo.git.run("config", "--type=bool", "--get", key, check=False).stdout
    return said.strip() == b"true"
