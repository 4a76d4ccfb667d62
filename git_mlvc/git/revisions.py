"""Which pointers history holds: between two sets of commits, or from every root there is.

The walk is git's own (`rev-list --objects`), so shallow and grafted history, replaced objects and both
hashes are right, and objects that a partial clone lacks are skipped and never fetched.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from git_mlvc.errors import UsageError
from git_mlvc.formats.pointer import MAX_POINTER_BYTES, Pointer
from git_mlvc.git import loose, objects
from git_mlvc.repo_path import RepoPath

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

_Row = TypeVar("_Row")

_OPTIONS = re.compile(r"--(all|reflog|branches|tags|remotes)(=.*)?\Z")
_HEAD_FILE = re.compile(r"[A-Z_]*HEAD|AUTO_MERGE|BISECT_[A-Z_]+")
_SHA = re.compile(rb"\b[0-9a-f]{7,64}\b")
_STATE_FILES = (
    "rebase-merge/*",
    "rebase-apply/*",
    "sequencer/*",
)
_MAX_STATE_BYTES = 4 << 20
_MANY_USES = 200
_BATCH = 1 << 12  # blobs looked at together: about 4 MB
_CHEAPER_PACKED = 7  # times: what a loose object costs git more than a packed one


@dataclass(frozen=True, slots=True)
class PointerUse:
    """A pointer, one path it stands at, one commit that has it there ("" for an index), and its blob.

    `blob_sha` is "" where nobody needed it.
    """

    pointer: Pointer
    path: RepoPath
    commit: str
    blob_sha: str = field(default="", compare=False)


def pointers_between(
    repo: Repository, include: Sequence[str], exclude: Sequence[str] = ()
) -> list[PointerUse]:
    """Return every pointer reachable from `include` and not from `exclude`. As `each_between`."""
    return list(each_between(repo, include, exclude))


def each_between(
    repo: Repository, include: Sequence[str], exclude: Sequence[str] = ()
) -> Iterator[PointerUse]:
    """Yield every pointer reachable from `include` and not from `exclude`, each blob once.

    Both hold commits, tags, trees or blobs (names or shas), and `--all`, `--reflog`, `--branches`,
    `--tags`, `--remotes` with or without `=PATTERN`. What of `exclude` is not here is ignored, as it
    cannot be reached; what of `include` is not here raises GitError. Memory stays bounded.
    """
    paths = ExactPaths(repo)
    loose_objects = objects.loose_objects(repo)
    for batch in _batches(_listed(repo, include, exclude)):
        rows = {sha: (path, commit) for sha, path, commit in batch}
        found = objects.pointers(repo, rows, loose=loose_objects)
        yield from paths.uses([(sha, pointer, *rows[sha]) for sha, pointer in found.items()])


def pointers_in(
    repo: Repository, commits: Sequence[str], *, each_path: bool = False
) -> list[PointerUse]:
    """Return the pointers in the trees of commits, whatever came before them: each blob once, or with `each_path`
    at each path where it stands. Raises GitError.
    """
    if not each_path:
        return pointers_between(repo, [f"{commit}^{{tree}}" for commit in commits])
    return [
        PointerUse(file.pointer, file.path, commit, file.blob_sha)
        for commit in commits
        for file in objects.data_files(repo, commit)
    ]


def all_pointers(repo: Repository) -> list[PointerUse]:
    """Return every pointer that anything in the clone still holds on to. As `each_pointer`."""
    return list(each_pointer(repo))


def each_pointer(repo: Repository) -> Iterator[PointerUse]:
    """Yield every pointer that anything in the clone still holds on to, each blob at least once.

    That is what can be reached from `roots`, and the index of every worktree.
    """
    yield from each_between(repo, roots(repo))
    yield from index_pointers(repo)


def roots(repo: Repository) -> list[str]:
    """Return what reaches all that the clone still holds on to but for its indexes, as `each_between` takes it.

    All refs, all reflogs, HEAD of every worktree, stashes with their index and untracked parents, and what
    a merge, rebase, cherry-pick, revert, am or bisect under way remembers.
    """
    remembered = objects.existing(repo, sorted(_remembered(repo)))
    head = repo.git.run("rev-parse", "-q", "--verify", "HEAD", check=False).stdout
    return ["--all", "--reflog", *remembered, *head.decode("ascii").split()]


def index_pointers(repo: Repository) -> Iterator[PointerUse]:
    """Yield the pointers in the index of every worktree; merge conflicts with all their sides."""
    loose_objects = objects.loose_objects(repo)
    for batch in _batches(index_rows(repo)):
        rows = dict(batch)
        for sha, pointer in objects.pointers(repo, rows, loose=loose_objects).items():
            path = objects.as_path(rows[sha])
            if path is not None:
                yield PointerUse(pointer, path, "", sha)


def worktree_git_dirs(repo: Repository) -> list[Path]:
    """Return the git dirs of all worktrees of the clone, the main one first."""
    try:
        linked = sorted((repo.common_dir / "worktrees").iterdir())
    except (FileNotFoundError, NotADirectoryError):
        linked = []
    found = [repo.common_dir, *(path for path in linked if (path / "HEAD").exists())]
    return found if repo.git_dir in found else [*found, repo.git_dir]


def _size_filter(repo: Repository) -> list[str]:
    """Leave it to git to leave out large blobs, unless most are loose: it would open each to see.

    A packed object's size costs git next to nothing; a loose one's costs as much as reading it does here.
    """
    if not repo.is_partial() and loose.packed_count(repo) < _CHEAPER_PACKED * loose.count(repo):
        return []
    return [f"--filter=blob:limit={MAX_POINTER_BYTES + 1}"]


def _parted(names: Iterable[str]) -> tuple[list[str], list[str]]:
    revisions: list[str] = []
    options: list[str] = []
    for name in names:
        if _OPTIONS.match(name):
            options.append(name)
        elif not name or name.startswith(("-", "^")) or "\n" in name:
            raise UsageError(f"{name!r} is not a revision")
        else:
            revisions.append(name)
    return revisions, options


def _remembered(repo: Repository) -> set[str]:
    """Return what looks like an object name in the files where git keeps unfinished business."""
    found: set[str] = set()
    for git_dir in worktree_git_dirs(repo):
        files = [path for path in git_dir.iterdir() if _HEAD_FILE.fullmatch(path.name)]
        for pattern in _STATE_FILES:
            files += git_dir.glob(pattern)
        if git_dir != repo.common_dir:  # refs that only this worktree sees
            files += (git_dir / "refs").rglob("*")
        for path in files:
            found |= _shas_in(path)
    return found


def _shas_in(path: Path) -> set[str]:
    try:
        if not path.is_file() or path.stat().st_size > _MAX_STATE_BYTES:
            return set()
        return {sha.decode("ascii") for sha in _SHA.findall(path.read_bytes())}
    except OSError:
        return set()


def _listed(
    repo: Repository, include: Sequence[str], exclude: Sequence[str]
) -> Iterator[tuple[str, bytes, str]]:
    """Yield (sha, path as rev-list shows it, commit) of what may be a pointer."""
    wanted, wanted_options = _parted(include)
    unwanted, unwanted_options = _parted(exclude)
    if not wanted and not wanted_options:
        return
    present = set(objects.existing(repo, unwanted)) if unwanted else set()
    fed = [sha.encode("utf-8", "surrogateescape") + b"\n" for sha in wanted]
    fed += [b"^" + sha.encode("ascii") + b"\n" for sha in sorted(present)]
    negated = ["--not", *unwanted_options, "--not"] if unwanted_options else []
    lines = repo.git.records(
        "rev-list",
        "--objects",
        "--in-commit-order",
        "--missing=print",
        *_size_filter(repo),
        *wanted_options,
        *negated,
        "--stdin",
        input=fed,
        separator=b"\n",
        env_extra=objects.NO_LAZY_FETCH,
    )
    commit = ""
    for line in lines:
        sha, space, path = line.partition(b" ")
        if space:
            yield sha.decode("ascii"), path, commit
        elif not line.startswith(b"?"):
            commit = line.decode("ascii")


def index_rows(repo: Repository) -> Iterator[tuple[str, bytes]]:
    """Yield (blob, path) of all that is in the index of any worktree."""
    for git_dir in worktree_git_dirs(repo):
        if not (git_dir / "index").exists():
            continue
        git = repo.git.at(git_dir, extra={"GIT_DIR": str(git_dir)})
        git.env = {k: v for k, v in git.env.items() if k not in ("GIT_INDEX_FILE", "GIT_WORK_TREE")}
        for record in git.records("ls-files", "-s", "-z", env_extra=objects.NO_LAZY_FETCH):
            head, _, path = record.partition(b"\t")
            yield head.split(b" ")[1].decode("ascii"), path


def _batches(rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    source = iter(rows)
    while batch := list(islice(source, _BATCH)):
        yield batch


class ExactPaths:
    """Mends the paths: rev-list cuts a name at its first newline, and gives none to a tagged blob."""

    def __init__(self, repo: Repository) -> None:
        self._repo = repo
        self._commit = ""  # the last that had very many files
        self._tree: objects.TreeContents | None = None

    def uses(self, rows: list[tuple[str, Pointer, bytes, str]]) -> Iterator[PointerUse]:
        """Yield what `rows` (sha, pointer, path, commit) stand for, in any order."""
        by_commit: dict[str, list[tuple[str, Pointer, bytes]]] = {}
        for sha, pointer, path, commit in rows:
            by_commit.setdefault(commit, []).append((sha, pointer, path))
        few: list[tuple[str, PointerUse]] = []
        for commit, found in by_commit.items():
            tree = self._tree_of(commit, len(found)) if commit else None
            for sha, pointer, raw in found:
                exact = tree.odd_names.get(sha, raw) if tree is not None else raw
                name = objects.as_path(exact)
                use = PointerUse(pointer, name or RepoPath(sha.encode("ascii")), commit, sha)
                if not commit or (tree is not None and name is not None and sha in tree):
                    yield use
                else:
                    few.append((sha, use))
        yield from _confirmed(self._repo, few)

    def _tree_of(self, commit: str, count: int) -> objects.TreeContents | None:
        """Look through the tree of a commit that has many of the files; kept while it is the same."""
        if commit != self._commit and count > _MANY_USES and not self._repo.is_partial():
            self._commit, self._tree = commit, objects.tree_contents(self._repo, commit)
        return self._tree if commit == self._commit else None


def _confirmed(repo: Repository, few: list[tuple[str, PointerUse]]) -> Iterator[PointerUse]:
    if not few:
        return
    if repo.is_partial():  # asking for a path could fetch a tree
        yield from (use for _, use in few)
        return
    answers = repo.git.records(
        "cat-file",
        "--batch-check=%(objectname)",
        "--buffer",
        input=(use.commit.encode("ascii") + b":" + use.path.raw + b"\n" for _, use in few),
        separator=b"\n",
    )
    trees: dict[str, dict[str, RepoPath]] = {}
    for (sha, use), answer in zip(few, answers, strict=True):
        if answer.decode("utf-8", "replace") != sha:
            if use.commit not in trees:
                entries = objects.tree_entries(repo, use.commit)
                trees = {use.commit: {blob: path for path, _, blob in entries}}
            use = replace(use, path=trees[use.commit].get(sha, use.path))
        yield use
