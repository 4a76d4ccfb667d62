"""Content that commits hold themselves although their own attributes say it should be pointers.

Looked for in what HEAD and the branches point to: what lies behind them cannot be mended without
rewriting history.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from git_mlvc.git import attributes, objects
from git_mlvc.repo_path import RepoPath
from git_mlvc.settings import Settings

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository


@dataclass(frozen=True, slots=True, order=True)
class RawFile:
    """A file in a commit, and the branch that points there ("HEAD" for a detached one)."""

    path: RepoPath
    commit: str
    branch: str


def at_tips(repo: Repository, settings: Settings) -> list[RawFile]:
    """Return the files of HEAD and of all branches that should be pointers and are not."""
    return sorted(
        RawFile(path, commit, branch)
        for commit, branch in _tips(repo)
        for path in _raw_in(repo, settings, commit)
    )


def _tips(repo: Repository) -> list[tuple[str, str]]:
    """Return (commit, name), one for each tree."""
    head = repo.git.run("rev-parse", "-q", "--verify", "HEAD^{commit}", check=False).stdout
    listed = repo.git.text(
        "for-each-ref", "--format=%(objectname) %(tree) %(refname:short)", "refs/heads"
    )
    by_tree: dict[str, tuple[str, str]] = {}
    commits: set[str] = set()
    for line in listed.splitlines():
        commit, tree, name = line.split(" ", 2)
        by_tree.setdefault(tree, (commit, name))
        commits.add(commit)
    tips = list(by_tree.values())
    detached = head.decode("ascii").strip()
    if detached and detached not in commits:
        tips.append((detached, "HEAD"))
    return tips


def _raw_in(repo: Repository, settings: Settings, commit: str) -> Iterator[RepoPath]:
    entries = list(objects.tree_entries(repo, commit))
    if not entries:
        return
    care = _in_care(repo, entries)
    ours = {path: sha for path, _, sha in entries if path in care}
    seen = list(objects.blobs(repo, dict.fromkeys(ours.values())))
    sizes = {blob.sha: blob.size_bytes for blob in seen}
    known = {blob.sha: blob.pointer for blob in seen if blob.pointer is not None}
    for path, sha in ours.items():
        least = max(1, attributes.min_size_bytes(settings, path))
        if sha not in known and sizes.get(sha, 0) >= least:
            yield path


def _in_care(repo: Repository, entries: list[tuple[RepoPath, int, str]]) -> set[RepoPath]:
    """Ask git by the attributes among `entries`: through an index, which every git can read them from.

    Only they go into it. A tree may hold paths that git takes into no index.
    """
    lines = [
        b"%o %s 0\t%s\0" % (mode, sha.encode("ascii"), path.raw)
        for path, mode, sha in entries
        if path.raw.rpartition(b"/")[2] == b".gitattributes"
    ]
    with tempfile.TemporaryDirectory(prefix="git-mlvc-") as made:
        extra = {"GIT_INDEX_FILE": str(Path(made) / "index")}
        git = repo.git.at(repo.git.cwd or repo.git_dir, extra=extra)
        no_hooks = ("-c", f"core.hooksPath={made}")
        git.run(*no_hooks, "update-index", "-z", "--index-info", input=b"".join(lines))
        return set(attributes.ours(git, [path for path, _, _ in entries], cached=True))
