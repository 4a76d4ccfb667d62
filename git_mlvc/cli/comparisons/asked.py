"""Which revisions are meant: by name, by range, or every branch and tag. None is the worktree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from git_mlvc.errors import UsageError

if TYPE_CHECKING:
    from git_mlvc.cli.invocation import Invocation
    from git_mlvc.git.repository import Repository

BRANCHES, TAGS = "refs/heads", "refs/tags"
_SHORT_SHA = 12


def shown(
    invocation: Invocation, revs: Sequence[str], kinds: Sequence[str] = ()
) -> list[str | None]:
    """Return what is to be shown: `revs`, and all refs of these kinds; else the worktree, or HEAD of a bare one."""
    repo = invocation.workspace.repository
    named = [_place(rev) for rev in revs]
    if kinds:
        if not named and repo.worktree is not None:
            named = [None]
        named += _refs(repo, kinds)
    if not named:
        named = [None if repo.worktree is not None else "HEAD"]
    return list(dict.fromkeys(named))


def compared(
    invocation: Invocation, verb: str, revs: Sequence[str], kinds: Sequence[str]
) -> list[str | None]:
    """Return what is to be compared: the first (HEAD unless named) with each of the others, one or more.

    With kinds, all refs of these are among the others, and the worktree unless revisions are named.
    Raises UsageError where nothing is left to compare with.
    """
    if not kinds:
        named = revs if len(revs) < 2 else [one for rev in revs for one in ends(invocation, rev)]
        few = len(named) <= 2
        return list(pair(invocation, verb, named)) if few else [_place(one) for one in named]
    first = _place(revs[0]) if revs else "HEAD"
    others = [one for one in shown(invocation, revs[1:], kinds) if one != first]
    if len(revs) == 1:  # a revision is named: the worktree is not asked for
        others = [one for one in others if one is not None]
    if not others:
        raise UsageError(
            f"there is nothing to compare {first or 'the worktree'} with",
            why="no other branch or tag is a commit",
            hint=f"git mlvc {verb} diff REV REV",
        )
    return [first, *others]


def pair(invocation: Invocation, verb: str, revs: Sequence[str]) -> tuple[str | None, str | None]:
    """Return the two revisions that are to be compared. Raises UsageError."""
    named = list(revs)
    if len(named) == 1:
        named = ends(invocation, named[0])
    if len(named) > 2:
        raise UsageError(
            f"{verb} diff compares two revisions, not {len(named)}",
            hint=f"git mlvc {verb} show {' '.join(named)} --only-changed",
        )
    if len(named) < 2:
        named = [named[0] if named else "HEAD", "."]
        if invocation.workspace.repository.worktree is None:
            raise UsageError(
                "there is no worktree to compare with",
                why="a bare repository has none",
                hint=f"git mlvc {verb} diff {named[0]}~1 {named[0]}",
            )
    return _place(named[0]), _place(named[1])


def ends(invocation: Invocation, rev: str) -> list[str]:
    """Return both ends of A..B; of A...B what both have in common, and B; else the word itself. Raises UsageError."""
    first, dots, second = rev.partition("..")
    if not dots or rev.startswith(":/"):
        return [rev]
    old, new = first or "HEAD", second.removeprefix(".") or "HEAD"
    return [_merge_base(invocation, old, new) if second.startswith(".") else old, new]


def _place(rev: str) -> str | None:
    return None if rev == "." else rev


def _refs(repo: Repository, prefixes: Sequence[str]) -> list[str]:
    """Return the short names of all refs below these that are commits; a tag may be of anything."""
    fields = "%(refname:short) %(objecttype) %(*objecttype)"
    said = repo.git.text("for-each-ref", f"--format={fields}", *prefixes)
    rows = [line.split(" ") for line in said.splitlines()]
    return [row[0] for row in rows if "commit" in row[1:]]


def _merge_base(invocation: Invocation, one: str, other: str) -> str:
    """Return what two branches, or experiments, have in common, as `git diff A...B` understands it."""
    from git_mlvc.pipeline.revision import Revisions

    workspace = invocation.workspace
    with Revisions(workspace.repository, workspace.store) as revisions:
        commits = [revisions.at(rev).commit for rev in (one, other)]
    said = workspace.git.run("merge-base", "--end-of-options", *commits, check=False)
    if said.returncode != 0:
        why = said.stderr.decode("utf-8", "replace").strip() or "they have no commit in common"
        raise UsageError(
            f"cannot compare {one}...{other}", why=why, hint="A..B compares A itself with B"
        )
    return said.stdout.decode("ascii").strip()[:_SHORT_SHA]
