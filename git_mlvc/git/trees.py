"""Trees of git as wholes: how two differ, what merging two gives, what the worktree would be as one.

All of it happens in git's object store and an index of our own: neither the user's index nor a file is touched.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from git_mlvc.errors import GitError
from git_mlvc.git.objects import as_path
from git_mlvc.repo_path import RepoPath

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

_RAW = ("--raw", "-r", "-z", "--no-abbrev", "--no-renames", "--no-ext-diff")
_COPY = "index-"
_OLD_S = 60 * 60
_NOBODY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (
        ("NAME", "git-mlvc"),
        ("EMAIL", "git-mlvc@localhost"),
        ("DATE", "1000000000 +0000"),
    )
}


@dataclass(frozen=True, slots=True)
class Change:
    """What a tree has at a path where another one has something else; `mode` "000000": nothing.

    `was`: what the other one has there, as "MODE SHA".
    """

    path: RepoPath
    mode: str
    sha: str
    was: str

    @property
    def now(self) -> str:
        return f"{self.mode} {self.sha}"

    @property
    def is_deletion(self) -> bool:
        return self.mode == "000000"

    @property
    def was_sha(self) -> str:
        return self.was.partition(" ")[2]

    @property
    def is_text_edit(self) -> bool:
        """True if a regular file has other content, and nothing else is different."""
        return self.mode.startswith("100") and self.was.startswith(self.mode)

    @property
    def letter(self) -> str:
        """A, D or M, as git shows it."""
        if self.is_deletion:
            return "D"
        return "A" if self.was.startswith("000000") else "M"


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge gives; where there are `conflicts`, their files in `tree` are of no use."""

    tree: str
    conflicts: frozenset[RepoPath]


def empty(repo: Repository) -> str:
    """Return the tree that has nothing."""
    return repo.git.text("mktree", input=b"")


def changes(repo: Repository, old: str, new: str) -> list[Change]:
    """Return how tree (or commit) `new` differs from `old`, by path. Raises GitError."""
    fields = repo.git.run("diff-tree", *_RAW, old, new).stdout.split(b"\0")
    found = []
    for head, raw_path in zip(fields[::2], fields[1::2], strict=False):
        was_mode, mode, was_sha, sha, _ = head.lstrip(b":").decode("ascii").split(" ")
        path = as_path(raw_path)
        if path is not None:
            found.append(Change(path, mode, sha, f"{was_mode} {was_sha}"))
    return found


def merged(repo: Repository, base: str, ours: str, theirs: str) -> Merged:
    """Merge three trees as git merges commits, with its attributes and merge drivers. Raises GitError."""
    root = _commit(repo, base)
    sides = [_commit(repo, tree, root) for tree in (ours, theirs)]
    done = repo.git.run("merge-tree", "--write-tree", "-z", "--name-only", *sides, check=False)
    if done.returncode not in (0, 1):
        said = done.stderr.decode("utf-8", "replace")
        raise GitError(done.argv, done.returncode, said, hint="git 2.38 or later can do this")
    tree, *rest = done.stdout.split(b"\0")
    names = rest[: rest.index(b"")] if b"" in rest else rest
    paths = [path for name in names if (path := as_path(name)) is not None]
    return Merged(tree.decode("ascii"), frozenset(paths) if done.returncode else frozenset())


class WorktreeIndex:
    """A copy of the index to try things in; get one from `copied_index`."""

    def __init__(self, repo: Repository, path: Path) -> None:
        self._repo = repo
        self._env = {"GIT_INDEX_FILE": str(path)}

    def take_in(self, paths: Iterable[RepoPath]) -> None:
        """Record how these files stand in the worktree: there, changed or gone. Raises GitError."""
        take_in(self._repo, paths, self._env)

    def put(self, some: Iterable[Change]) -> None:
        """Record what trees have at some paths, whatever stands in the worktree."""
        lines = [f"{one.mode} {one.sha}\t".encode("ascii") + one.path.raw for one in some]
        fed = b"".join(line + b"\0" for line in lines)
        self._run("update-index", "-z", "--index-info", input=fed)

    def tree(self) -> str:
        """Return the tree that it stands for. Raises GitError where a merge is not finished."""
        return self._run("write-tree").decode("ascii").strip()

    def _run(self, *args: str, input: bytes = b"") -> bytes:
        return self._repo.git.run(*args, input=input, env_extra=self._env).stdout


@contextmanager
def copied_index(repo: Repository) -> Iterator[WorktreeIndex]:
    """Give a copy of the index of the worktree, for as long as the block lasts."""
    repo.state_dir.mkdir(parents=True, exist_ok=True)
    for left in repo.state_dir.glob(f"{_COPY}*"):  # by a process that was killed
        if time.time() - left.stat().st_mtime > _OLD_S:
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=repo.state_dir, prefix=_COPY) as folder:
        path = Path(folder) / "index"
        if os.path.exists(repo.index_path):
            shutil.copy2(repo.index_path, path)
        yield WorktreeIndex(repo, path)


def take_in(repo: Repository, paths: Iterable[RepoPath], env: dict[str, str] | None = None) -> None:
    """Have the index (or that of `env`) record how these files stand in the worktree. Raises GitError."""
    top = repo.needed_worktree("there are no files")
    fed = b"".join(
        path.raw + b"\0" for path in paths if not _is_folder(top / os.fsdecode(path.raw))
    )
    repo.git.run(
        *("update-index", "--add", "--remove", "--ignore-skip-worktree-entries", "-z", "--stdin"),
        input=fed,
        env_extra=env,
    )


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _commit(repo: Repository, tree: str, *parents: str) -> str:
    """Make a commit for git's merge to work on; nothing refers to it."""
    options = [word for parent in parents for word in ("-p", parent)]
    done = repo.git.run("commit-tree", tree, *options, input=b"merge\n", env_extra=_NOBODY)
    return done.stdout.decode("ascii").strip()
