"""What `fetch`, `pull` and `push` are about: which contents, of which commits, under which paths.

The transfers themselves are `transfer/`'s. Only data moves here; refs are git's affair.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from git_mlvc.errors import RemoteError, UsageError
from git_mlvc.git import objects, revisions
from git_mlvc.git.attributes import is_included, is_too_large
from git_mlvc.git.revisions import PointerUse
from git_mlvc.git.sparse import SparseCheckout
from git_mlvc.repo_path import RepoPath
from git_mlvc.settings import Settings
from git_mlvc.worktree import pointers
from git_mlvc.worktree.selection import Selection

if TYPE_CHECKING:
    from git_mlvc.formats.pointer import Pointer
    from git_mlvc.git.repository import Repository
    from git_mlvc.transfer.remote_view import RemoteView

_DAY_S = 24 * 60 * 60
_REF_KINDS = ("refs/heads", "refs/remotes", "refs/tags")


class Completeness(Protocol):
    """What is asked of a store here."""

    def incomplete(self, pointers: Iterable[Pointer]) -> list[Pointer]: ...


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose data is meant: of the files checked out, of recent commits as well, or of all history."""

    is_everything: bool = False
    recent_days: int | None = None


_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class Wanted(Generic[_Found]):
    """What is meant, and what is not because it is larger than `fetch.max_size`."""

    found: _Found
    too_large: Mapping[RepoPath, Pointer] = field(default_factory=dict)


def wanted(
    repo: Repository, settings: Settings, selection: Selection, scope: Scope, *, now_s: float
) -> Wanted[list[PointerUse]]:
    """Return the contents that a fetch should bring.

    Paths that a person names are taken at her word; otherwise `[fetch]` counts, and files outside of a sparse
    checkout are left out. Raises InputError for a path that is none.
    """
    if scope.is_everything:
        uses = revisions.pointers_between(repo, ["--all", *_head(repo)])
    else:
        uses = current(repo)
        if scope.recent_days is not None:
            uses += recent(repo, since_s=int(now_s) - scope.recent_days * _DAY_S)
    if not selection.is_everything:
        chosen = set(selection.checked(dict.fromkeys(use.path for use in uses)))
        return Wanted([use for use in uses if use.path in chosen])
    sparse = SparseCheckout.of(repo)
    chosen_uses: list[PointerUse] = []
    too_large: dict[RepoPath, Pointer] = {}
    for use in uses:
        if not is_included(settings, use.path) or (sparse is not None and use.path not in sparse):
            continue
        if is_too_large(settings, use.pointer.size_bytes):
            too_large[use.path] = use.pointer
        else:
            chosen_uses.append(use)
    return Wanted(chosen_uses, too_large)


def current(repo: Repository) -> list[PointerUse]:
    """Return the data files of this worktree's index (outside of a worktree: of HEAD)."""
    if repo.worktree is None:
        return [
            PointerUse(file.pointer, file.path, "HEAD")
            for head in _head(repo)
            for file in objects.data_files(repo, head)
        ]
    return [
        PointerUse(file.pointer, file.path, "")
        for file in pointers.index_files(repo)
        if file.pointer is not None and not file.entry.skip_worktree
    ]


def recent(repo: Repository, *, since_s: int) -> list[PointerUse]:
    """Return what branches and tags changed since then hold, and what their commits since then held."""
    git = repo.git
    tips = []
    shown = git.text(
        "for-each-ref", "--format=%(objectname) %(creatordate:unix) %(*objectname)", *_REF_KINDS
    )
    for line in shown.splitlines():
        sha, date, peeled = line.split(" ", 2)
        if date.isdigit() and int(date) >= since_s:
            tips.append(peeled or sha)
    tips = list(dict.fromkeys(tips))
    if not tips:
        return []
    listed = git.text(
        "rev-list", "--parents", f"--since=@{since_s}", "--stdin", input="\n".join(tips).encode()
    )
    commits: set[str] = set()
    parents: set[str] = set()
    for line in listed.splitlines():
        sha, *above = line.split(" ")
        commits.add(sha)
        parents.update(above)
    uses = revisions.pointers_between(repo, tips, sorted(parents - commits))
    for tip in tips:
        uses += [PointerUse(f.pointer, f.path, tip) for f in objects.data_files(repo, tip)]
    return uses


def pushed(
    repo: Repository, refs: Sequence[str], *, everything: bool, each_path: bool = False
) -> list[PointerUse]:
    """Return what commits `refs` (HEAD if none; all refs with `everything`) and those before them hold.

    Each blob once, or, with `each_path`, at each path where it ever stood.

    All of history, not only what the remote's branches lack: so a push also mends what an earlier one,
    made without our hook, has left out. Raises UsageError for a name that is no commit.
    """
    between = _each_path if each_path else revisions.pointers_between
    names = pushed_commits(repo, refs, everything=everything)
    return between(repo, names) if names else []


def pushed_commits(repo: Repository, refs: Sequence[str], *, everything: bool) -> list[str]:
    """Return what `pushed` looks at, and the commits before it: none in a repository without commits."""
    if everything:
        return ["--all", *_head(repo)]
    names = []
    for ref in refs or ["HEAD"]:
        found = repo.git.run(
            "rev-parse", "-q", "--verify", "--end-of-options", f"{ref}^{{}}", check=False
        )
        if found.returncode != 0:
            if not refs:
                return []  # HEAD of a repository without commits
            raise UsageError(f"'{ref}' is not a commit, branch or tag here")
        names.append(found.stdout.decode("ascii").strip())
    return names


def stubs_to_fill(
    repo: Repository, settings: Settings, selection: Selection, store: Completeness
) -> Wanted[dict[RepoPath, Pointer]]:
    """Return the stubs in the worktree that are meant; named paths at the person's word, as in `wanted`.

    What is too large to be fetched and is in `store` is meant all the same. With them go files that were filled
    and of which git was not told, so that a fill mends its index. Raises InputError for a path that is no data file.
    """
    if not selection.is_everything:
        named = set(selection.checked(pointers.data_files(repo)))
        return Wanted(pointers.unfilled(repo, among=named))
    found = pointers.unfilled(repo)
    found = {path: pointer for path, pointer in found.items() if is_included(settings, path)}
    large = [p for p in found.values() if is_too_large(settings, p.size_bytes)]
    left = set(store.incomplete(dict.fromkeys(large)))
    return Wanted(
        {path: pointer for path, pointer in found.items() if pointer not in left},
        {path: pointer for path, pointer in found.items() if pointer in left},
    )


def lacking(store: Completeness, wanted: Iterable[Pointer]) -> list[Pointer]:
    """Return the contents that are not complete in the store, each once."""
    return store.incomplete(dict.fromkeys(wanted))


def verified_on(views: Sequence[RemoteView], wanted: Sequence[Pointer]) -> set[Pointer]:
    """Return those that some remote was just seen to hold in full.

    Raises RemoteError if one did not answer that could hold what no other does (law 9).
    """
    from git_mlvc.transfer import verify

    found: set[Pointer] = set()
    silent: RemoteError | None = None
    for view in views:
        remaining = [pointer for pointer in wanted if pointer not in found]
        if not remaining:
            break
        try:
            found |= verify.copies_on(view, remaining, for_deletion=True)
        except RemoteError as exc:
            silent = silent or exc
    if silent is not None and any(pointer not in found for pointer in wanted):
        raise silent
    return found


def contents(uses: Iterable[PointerUse]) -> list[Pointer]:
    """Return each content once, in order."""
    return list(dict.fromkeys(use.pointer for use in uses))


def _each_path(repo: Repository, include: Sequence[str]) -> list[PointerUse]:
    from git_mlvc.git import changes

    return changes.placed(repo, include, ())


def _head(repo: Repository) -> list[str]:
    found = repo.git.run("rev-parse", "-q", "--verify", "HEAD", check=False)
    return ["HEAD"] if found.returncode == 0 else []
