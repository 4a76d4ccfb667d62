"""The tree of a worktree as it stands, uncommitted changes and all; its index and files stay untouched.

A copy of git's index gets what `git add -A` would add: modified files, deleted ones, and new ones that git does
not ignore. Data become pointers on the way, by the filter. Four to six git processes.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from git_mlvc.errors import InputError
from git_mlvc.git.process import NO_HOOKS, UNDER_US
from git_mlvc.repo_path import RepoPath, shown
from git_mlvc.worktree.work_folder import work_folder

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

_IN_ONE_FILE = ("-c", "core.splitIndex=false")
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A worktree as it stood: what an experiment is made of.

    `baseline`: the commit of HEAD; `tree`: the name of git's tree. `changed`: the paths that differ between the
    two, ascending; `untracked`: those of them that git did not track. `left_out`: directories that are
    repositories of their own. `dirty_submodules` have changes that their own commits do not hold.
    """

    baseline: str
    tree: str
    changed: tuple[RepoPath, ...] = ()
    untracked: tuple[RepoPath, ...] = ()
    left_out: tuple[RepoPath, ...] = ()
    dirty_submodules: tuple[RepoPath, ...] = ()


def take(repo: Repository) -> Snapshot:
    """Return what stands in the worktree now.

    Raises InputError where nothing is committed yet or a merge left conflicts, GitError.
    """
    top = repo.needed_worktree("there is nothing to try here")
    baseline, committed = _head(repo)
    untracked, nested = _not_tracked(repo)
    with work_folder(repo, "snapshot") as folder:
        env = {"GIT_INDEX_FILE": str(_copy_of_index(repo, folder)), **UNDER_US}
        tree = _tree(repo, nested, env)
        dirty = tuple(_dirty_submodules(repo, top, env))
    changed = [] if tree == committed else differing(repo, baseline, tree)
    new = {path.raw for path in untracked}
    return Snapshot(
        baseline,
        tree,
        tuple(changed),
        tuple(path for path in changed if path.raw in new),
        tuple(nested),
        dirty,
    )


def tree_of(repo: Repository, *, leaving_out: Iterable[RepoPath] = ()) -> str:
    """Return the tree of a worktree that is ours: its own index gets everything. Raises GitError."""
    return _tree(repo, leaving_out, UNDER_US)


def differing(repo: Repository, old: str, new: str) -> list[RepoPath]:
    """Return the paths that two trees or commits have different, ascending."""
    names = repo.git.records("diff-tree", "-r", "-z", "--name-only", "--no-renames", old, new)
    return sorted(RepoPath(name) for name in names)


def large_in_git(repo: Repository, taken: Snapshot, least_bytes: int) -> list[tuple[RepoPath, int]]:
    """Return the untracked files of a snapshot that are no data, but whole in git; with their size in bytes.

    No git process where no untracked file has `least_bytes`. Raises GitError.
    """
    top = repo.needed_worktree("")
    suspected = [path for path in taken.untracked if _size_bytes(top, path) >= least_bytes]
    if not suspected:
        return []
    listed = ("--literal-pathspecs", "ls-tree", "-r", "-l", "-z", "--full-tree", taken.tree, "--")
    sizes = {}
    for record in repo.git.records(*listed, *(path.raw for path in suspected)):
        entry, _, name = record.partition(b"\t")
        sizes[name] = int(entry.split()[3])
    return [(path, sizes[path.raw]) for path in suspected if sizes.get(path.raw, 0) >= least_bytes]


# -- inside


def _size_bytes(top: Path, path: RepoPath) -> int:
    try:
        return os.lstat(os.fsencode(top) + b"/" + path.raw).st_size
    except OSError:  # gone by now
        return 0


def _head(repo: Repository) -> tuple[str, str]:
    """Return the names of the commit of HEAD and its tree."""
    done = repo.git.run("rev-parse", "HEAD^{commit}", "HEAD^{tree}", check=False)
    if done.returncode != 0:
        raise InputError(
            "an experiment needs a commit to stand on, and this repository has none yet",
            hint="git add . && git commit",
        )
    baseline, tree = done.stdout.decode("ascii").split()
    return baseline, tree


def _not_tracked(repo: Repository) -> tuple[list[RepoPath], list[RepoPath]]:
    """Return the files that git neither tracks nor ignores, and directories that are other repositories.

    Raises InputError for paths in conflict.
    """
    conflicts: list[bytes] = []
    files: list[RepoPath] = []
    nested: list[RepoPath] = []
    for record in repo.git.records(
        "ls-files", "-z", "-t", "--unmerged", "--others", "--exclude-standard"
    ):
        kind, name = record[:1], record[2:]
        if kind != b"?":
            conflicts.append(name.partition(b"\t")[2])
        elif name.endswith(b"/"):
            nested.append(RepoPath(name.rstrip(b"/")))
        else:
            files.append(RepoPath(name))
    if conflicts:
        raise _in_conflict(sorted(set(conflicts)))
    return files, nested


def _in_conflict(paths: list[bytes]) -> InputError:
    first = [shown(path) for path in paths[:_SHOWN]]
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    many = "are" if len(paths) > 1 else "is"
    return InputError(
        f"{', '.join(first)}{more} {many} in conflict",
        why="a merge left two versions, and an experiment needs one",
        hint=f"correct {first[0]}, then git add {first[0]}",
    )


def _copy_of_index(repo: Repository, folder: Path) -> Path:
    """Return a copy with the time stamp of the index: it tells git which files it has to look into."""
    copy = folder / "index"
    source = os.path.realpath(repo.index_path)
    if os.path.exists(source):
        shutil.copyfile(source, copy)
        info = os.stat(source)
        os.utime(copy, ns=(info.st_mtime_ns, info.st_mtime_ns))
    return copy


def _tree(repo: Repository, leaving_out: Iterable[RepoPath], env: Mapping[str, str]) -> str:
    ignored = _ignored(repo, paths := list(leaving_out), env)
    excluded = [b":(exclude,top,literal)" + one.raw for one in paths if one.raw not in ignored]
    sparse = ["--sparse"] if (repo.git_dir / "info" / "sparse-checkout").exists() else []
    quiet = (*NO_HOOKS, *_IN_ONE_FILE)
    repo.git.run(*quiet, "add", "--all", *sparse, "--", ".", *excluded, env_extra=env)
    done = repo.git.run(*quiet, "write-tree", env_extra=env)
    return done.stdout.decode("ascii").strip()


def _ignored(repo: Repository, paths: list[RepoPath], env: Mapping[str, str]) -> set[bytes]:
    """Return those that git ignores: it leaves them out by itself, and refuses to have them named."""
    if not paths:
        return set()
    asked = b"".join(path.raw + b"\0" for path in paths)
    done = repo.git.run("check-ignore", "-z", "--stdin", input=asked, env_extra=env, check=False)
    return set(done.stdout.split(b"\0"))


def _dirty_submodules(repo: Repository, top: Path, env: Mapping[str, str]) -> Iterator[RepoPath]:
    """All else is in the index now; what differs still are submodules with changes of their own."""
    if os.path.lexists(top / ".gitmodules"):
        names = repo.git.records(
            *NO_HOOKS, "diff-files", "-z", "--name-only", "--ignore-submodules=none", env_extra=env
        )
        yield from map(RepoPath, names)
