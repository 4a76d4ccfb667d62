"""What lineage is read from: the worktree or a commit, the run cache, the trees in the store, and git's history."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from git_mlvc.errors import FormatError, UsageError
from git_mlvc.formats import tree
from git_mlvc.formats.tree import TreeRow
from git_mlvc.git import blob_contents, objects
from git_mlvc.pipeline import fingerprint
from git_mlvc.pipeline.lock_files import lock_listing
from git_mlvc.pipeline.model import Dep, DepKind, FileState, Out, Result, Run
from git_mlvc.pipeline.runs.run_cache import RunCache
from git_mlvc.pipeline.standing.directory import of_rows
from git_mlvc.pipeline.standing.globs import glob
from git_mlvc.pipeline.standing.states import States
from git_mlvc.pipeline.tracing_back.lineage import Commit
from git_mlvc.repo_path import RepoPath

if TYPE_CHECKING:
    from git_mlvc.formats.pointer import Pointer
    from git_mlvc.git.repository import Repository
    from git_mlvc.oid import Oid
    from git_mlvc.store.store import Store

_LOG_FORMAT = "%H%x00%an%x00%aI%x00%s"
_OURS = (b".gitattributes", b".gitignore", b".gitmodules", b"mlvc.toml", b"mlvc.lock")


class _Memory:
    """What the worktree and a commit have in common: results, runs, trees, and the history up to `head`."""

    def __init__(
        self, repo: Repository, store: Store, results: Mapping[str, Result], head: str | None
    ) -> None:
        self._repo = repo
        self._store = store
        self._runs = RunCache(store)
        self._results = results
        self._head = head
        self._trees: dict[FileState, list[TreeRow] | None] = {}
        self._commits: dict[Dep, Commit | None] = {}

    def results(self) -> Mapping[str, Result]:
        return self._results

    def rows(self, state: FileState) -> Sequence[TreeRow] | None:
        if state not in self._trees:
            self._trees[state] = self._read_tree(state)
        return self._trees[state]

    def runs_making(self, path: RepoPath) -> Iterable[Run]:
        return self._runs_by_out.get(path, ())

    def run_of(self, stage: str, result: Result) -> Run | None:
        runs = self._runs.find(fingerprint.key(result.inputs))
        same = [run for run in runs if dict(run.result.outs) == dict(result.outs)]
        return next((run for run in same if run.stage == stage), same[0] if same else None)

    def commit(self, dep: Dep) -> Commit | None:
        if dep not in self._commits:
            self._commits[dep] = self._last_commit(dep)
        return self._commits[dep]

    def _last_commit(self, dep: Dep) -> Commit | None:
        if self._head is None:
            return None
        magic = "glob" if dep.kind is DepKind.GLOB else "literal"
        asked = self._repo.git.run(
            "log", "-1", f"--format={_LOG_FORMAT}", self._head, "--", f":({magic}){dep.text}",
            check=False,
        )  # fmt: skip
        said = asked.stdout.decode("utf-8", "replace").rstrip("\n").split("\0")
        if len(said) != 4:
            return None
        sha, author, date, subject = said
        return Commit(sha, author, date, subject)

    @cached_property
    def _runs_by_out(self) -> dict[RepoPath, list[Run]]:
        found: dict[RepoPath, list[Run]] = {}
        for run in self._runs.all():
            for path, _ in run.result.outs:
                found.setdefault(path, []).append(run)
        for runs in found.values():
            runs.sort(key=lambda run: (run.made_at_ms, run.id), reverse=True)
        return found

    def _read_tree(self, state: FileState) -> list[TreeRow] | None:
        data = self.tree_data(state)
        try:
            return None if data is None else tree.decode(data)
        except FormatError:
            return None

    def tree_data(self, state: FileState) -> bytes | None:
        pointer: Pointer | None = state.pointer if state.is_directory else None
        if pointer is None:
            return None
        data = self._store.contents([pointer])[pointer]
        return data if isinstance(data, bytes) else None


class InWorktree(_Memory):
    """The worktree, and the history of what is checked out."""

    def __init__(self, repo: Repository, store: Store, *, has_modes: bool = True) -> None:
        """Raises FormatError, InputError, ConfigError for a lock file."""
        results = lock_listing.of_worktree(repo)
        super().__init__(repo, store, results, _commit_of(repo, "HEAD"))
        self._states = States(
            repo,
            deps={dep for result in results.values() for dep, _ in result.inputs.deps},
            outs=[Out(path) for result in results.values() for path in result.inputs.out_paths],
            read_tree=self.tree_data,
            has_modes=has_modes,
        )

    def standing(self, path: RepoPath) -> FileState | None:
        return self._standing(Dep(path.text))

    def is_as(self, dep: Dep, state: FileState) -> bool | None:
        return self._standing(dep) == state

    def _standing(self, dep: Dep) -> FileState | None:
        found = self._states.standing(dep)
        if found is not None and found.tree is not None:
            self._trees[found.state] = list(found.rows)
        return None if found is None else found.state

    def commit(self, dep: Dep) -> Commit | None:
        found = super().commit(dep)
        if found is None:
            return None
        if dep.kind is DepKind.GLOB:
            is_edited = any(map(glob(dep.text).matches, self._edited))
        else:
            raw = dep.path.raw
            is_edited = any(one == raw or one.startswith(raw + b"/") for one in self._edited)
        return replace(found, is_edited=is_edited)

    @cached_property
    def _edited(self) -> list[bytes]:
        """All paths that differ from HEAD."""
        return list(self._repo.git.records("diff", "--name-only", "--no-ext-diff", "-z", "HEAD"))

    def __enter__(self) -> InWorktree:
        return self

    def __exit__(self, *_: object) -> None:
        self._states.save()  # what was learnt about files


class AtRevision(_Memory):
    """A commit: nothing of the worktree is looked at."""

    def __init__(self, repo: Repository, store: Store, rev: str) -> None:
        """Raises UsageError for what is no commit, FormatError for a lock file."""
        head = _commit_of(repo, rev)
        if head is None:
            raise UsageError(f"'{rev}' is not a commit, branch or tag here")
        entries = sorted(
            (path.raw, mode, sha) for path, mode, sha in objects.tree_entries(repo, head)
        )
        locks = {sha: RepoPath(raw) for raw, _, sha in entries if _name(raw) == b"mlvc.lock"}
        found = dict(blob_contents.read(repo, locks))
        files = {
            RepoPath(raw): found[sha] for raw, _, sha in entries
            if _name(raw) == b"mlvc.lock" and sha in found
        }  # fmt: skip
        super().__init__(repo, store, lock_listing.of_files(files), head)
        self._entries = entries
        self._names = [raw for raw, _, _ in entries]

    def standing(self, path: RepoPath) -> FileState | None:
        start, stop = self._range(path)
        if self._names[start:stop] == [path.raw]:
            rows = self._rows_of(start, stop, skip=0)
            row = rows[0] if rows else None
            return row and FileState(row.oid, row.size_bytes, is_executable=row.is_executable)
        return self._directory(self._below(path))

    def is_as(self, dep: Dep, state: FileState) -> bool | None:
        """What git ignores is in no commit: a directory that has only lost files may be whole elsewhere."""
        rows = self._matches(dep) if dep.kind is DepKind.GLOB else self._below(dep.path)
        standing = self._directory(rows) if rows else None
        if standing is None and dep.kind is DepKind.PATH:
            standing = self.standing(dep.path)
        if standing is None or standing == state:
            return None if standing is None else True
        if not (standing.is_directory and state.is_directory):
            return False
        recorded = self.rows(state)
        if recorded is None:
            return None
        here = {row.path: row for row in rows}
        same = all(here.get(row.path, row) == row for row in recorded)
        return None if same and here.keys() <= {row.path for row in recorded} else False

    def _directory(self, rows: list[TreeRow]) -> FileState | None:
        if not rows:
            return None
        state = of_rows(rows).state
        self._trees[state] = rows
        return state

    def _matches(self, dep: Dep) -> list[TreeRow]:
        pattern = glob(dep.text)
        start, skip = pattern.folder and pattern.folder + b"/", len(pattern.folder)
        found = bisect_left(self._names, start)
        stop = bisect_left(self._names, pattern.folder + b"0") if start else len(self._names)
        rows = []
        for at in range(found, stop):
            if pattern.matches(self._names[at]) and _name(self._names[at]) not in _OURS:
                rows += self._rows_of(at, at + 1, skip=skip + 1 if start else 0)
        return rows

    def _below(self, path: RepoPath) -> list[TreeRow]:
        start, stop = self._range(path)
        if self._names[start:stop] == [path.raw]:
            return []
        rows = self._rows_of(start, stop, skip=len(path.raw) + 1)
        return [row for row in rows if _name(row.path) not in _OURS]

    def _range(self, path: RepoPath) -> tuple[int, int]:
        """Return where the entry of a file stands, or those of all files below a directory."""
        at = bisect_left(self._names, path.raw)
        if at < len(self._names) and self._names[at] == path.raw:
            return at, at + 1
        # "0" is the character after the slash.
        return bisect_left(self._names, path.raw + b"/"), bisect_left(self._names, path.raw + b"0")

    def _rows_of(self, start: int, stop: int, *, skip: int) -> list[TreeRow]:
        chosen = self._entries[start:stop]
        unknown = [sha for _, _, sha in chosen if sha not in self._contents]
        if unknown:
            self._contents.update(blob_contents.states(self._repo, unknown))
        return [
            TreeRow(raw[skip:], *self._contents[sha], bool(mode & 0o100))
            for raw, mode, sha in chosen
            if sha in self._contents
        ]

    @cached_property
    def _contents(self) -> dict[str, tuple[Oid, int]]:
        """What the blobs are that lock files name: asked of git at once."""
        named: set[RepoPath] = set()
        for result in self._results.values():
            named.update(result.inputs.out_paths)
            named.update(dep.path for dep, _ in result.inputs.deps if dep.kind is DepKind.PATH)
        shas = [sha for path in named for _, _, sha in self._entries[slice(*self._range(path))]]
        return blob_contents.states(self._repo, shas)


def _commit_of(repo: Repository, rev: str) -> str | None:
    named = repo.git.run(
        "rev-parse", "-q", "--verify", "--end-of-options", f"{rev}^{{commit}}", check=False
    )
    return named.stdout.decode("ascii").strip() if named.returncode == 0 else None


def _name(raw: bytes) -> bytes:
    return raw.rpartition(b"/")[2]
