"""Content that commits hold themselves although their own attributes say it should be pointers.

Looked for in what HEAD and the branches point to: what lies behind them cannot be mended without
rewriting history.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from git_mlvc.git import attributes, objects
from git_mlvc.repo_path import RepoPath
from git_mlvc.settings import Settings

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

_BATCH = 1 << 12


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


def not_pointers(
    repo: Repository, settings: Settings, files: Iterable[tuple[RepoPath, str]]
) -> Iterator[RepoPath]:
    """Yield those of `files` (path, blob) that are content, so large that it may be asked to be data.

    They are looked up a batch at a time; attributes are left to be asked of these few.
    """
    loose = objects.loose_objects(repo)
    source = iter(files)
    while batch := list(islice(source, _BATCH)):
        content = {
            blob.sha: blob.size_bytes
            for blob in objects.blobs(repo, dict.fromkeys(sha for _, sha in batch), loose=loose)
            if blob.pointer is None
        }
        for path, sha in batch:
            size_bytes = content.get(sha, 0)
            if size_bytes and size_bytes >= attributes.min_size_bytes(settings, path):
                yield path


def _raw_in(repo: Repository, settings: Settings, commit: str) -> Iterator[RepoPath]:
    asked: list[bytes] = []  # the attributes' own files, as lines for an index

    def files() -> Iterator[tuple[RepoPath, str]]:
        for path, mode, sha in objects.tree_entries(repo, commit):
            if path.raw.rpartition(b"/")[2] == b".gitattributes":
                asked.append(b"%o %s 0\t%s\0" % (mode, sha.encode("ascii"), path.raw))
            yield path, sha

    content = list(not_pointers(repo, settings, files()))
    return _in_care(repo, asked, content) if content else iter(())


def _in_care(
    repo: Repository, lines: Sequence[bytes], paths: Sequence[RepoPath]
) -> Iterator[RepoPath]:
    """Ask git by the attributes in `lines`: through an index, which every git can read them from.

    Only they go into it. A tree may hold paths that git takes into no index.
    """
    with tempfile.TemporaryDirectory(prefix="git-mlvc-") as made:
        extra = {"GIT_INDEX_FILE": str(Path(made) / "index")}
        git = repo.git.at(repo.git.cwd or repo.git_dir, extra=extra)
        no_hooks = ("-c", f"core.hooksPath={made}")
        git.run(*no_hooks, "update-index", "-z", "--index-info", input=b"".join(lines))
        yield from attributes.ours(git, paths, cached=True)
