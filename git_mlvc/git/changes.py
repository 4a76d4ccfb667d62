"""Which files commits add or change, by their names, as git's raw diffs tell it."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from git_mlvc.git import objects
from git_mlvc.git.revisions import PointerUse, pointers_between
from git_mlvc.repo_path import RepoPath

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

_COMMIT = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")
_BATCH = 1 << 12
_RAW = ("--raw", "-z", "--no-abbrev", "--no-renames")


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in a commit ("" for the index), the blob that git holds for it, and those of the parents."""

    path: RepoPath
    blob_sha: str
    commit: str = ""
    before: tuple[str, ...] = field(default=(), compare=False)


def staged(repo: Repository) -> Iterator[Entry]:
    """Yield what the index being committed adds or changes; GIT_INDEX_FILE counts."""
    options = ["--cached", "--diff-filter=AMT", "--no-ext-diff"]
    yield from _entries(repo.git.records("diff", *options, *_RAW))


def outgoing(
    repo: Repository,
    include: Sequence[str],
    exclude: Sequence[str],
    *,
    known: Container[str] = frozenset(),
    paths: Sequence[str] = (),
) -> Iterator[Entry]:
    """Yield each file that the commits between `exclude` and `include` add or change.

    Both hold shas, and options such as `--all` and `--remotes=NAME`. Of a merge, what differs from all parents.
    Blobs in `known` are left out, and so is what none of `paths` (git's patterns, from the top) fits, if there are any.
    """
    shas = [name for name in exclude if not name.startswith("-")]
    options = [name for name in exclude if name.startswith("-")]
    wanted = [name for name in include if name.startswith("-")]
    fed = [sha.encode("ascii") + b"\n" for sha in include if not sha.startswith("-")]
    fed += [b"^" + sha.encode("ascii") + b"\n" for sha in objects.existing(repo, shas)]
    negated = ["--not", *options, "--not"] if options else []
    records = repo.git.records(
        *(
            "log",
            "-c",
            "--diff-filter=AMT",
            "--root",
            "--no-ext-diff",
            "--no-textconv",
            "--format=%H",
        ),
        *(*_RAW, *wanted, *negated, "--stdin"),
        *(["--", *(f":(top,glob){path}" for path in paths)] if paths else []),
        input=fed,
        check=False,
        env_extra=objects.NO_LAZY_FETCH,
    )
    yield from _entries(records, known)


def added(repo: Repository, pairs: Iterable[tuple[str, str]]) -> Iterator[Entry]:
    """Yield the files that each commit of pairs (commit, the one it is compared with; "" for none) has anew.

    One git for all; `Entry.commit` is the first of its pair. Raises GitError for a commit that is not here.
    """
    fed = [f"{new} {old}".rstrip().encode("ascii") + b"\n" for new, old in pairs]
    if fed:
        options = ("--stdin", "--root", "-r", "--diff-filter=A", "--no-ext-diff")
        yield from _entries(
            repo.git.records(
                "diff-tree", *options, *_RAW, input=fed, env_extra=objects.NO_LAZY_FETCH
            )
        )


def called(repo: Repository, commits: Iterable[str], name: str) -> Iterator[Entry]:
    """Yield the files called `name` in the trees of commits, each blob once. Raises GitError."""
    fed = [f"{commit}^{{tree}}\n".encode("ascii") for commit in commits]
    last = b"/" + name.encode()
    if not fed:
        return
    lines = repo.git.records(
        "rev-list",
        "--objects",
        "--missing=print",
        "--stdin",
        input=fed,
        separator=b"\n",
        env_extra=objects.NO_LAZY_FETCH,
    )
    for line in lines:
        sha, _, raw_path = line.partition(b" ")
        if (b"/" + raw_path).endswith(last):
            path = objects.as_path(raw_path)
            if path is not None:
                yield Entry(path, sha.decode("ascii"))


def placed(repo: Repository, include: Sequence[str], exclude: Sequence[str]) -> list[PointerUse]:
    """Return every pointer that these commits hold, at each path where one of them puts it.

    `include` and `exclude` as in `revisions.pointers_between`, which names one path for each.
    """
    uses = {(use.blob_sha, use.path): use for use in pointers_between(repo, include, exclude)}
    changed = outgoing(repo, include, exclude)
    loose = objects.loose_objects(repo)
    while batch := list(islice(changed, _BATCH)):
        found = objects.pointers(repo, dict.fromkeys(e.blob_sha for e in batch), loose=loose)
        for entry in batch:
            pointer = found.get(entry.blob_sha)
            if pointer is not None:
                use = PointerUse(pointer, entry.path, entry.commit, entry.blob_sha)
                uses.setdefault((entry.blob_sha, entry.path), use)
    return list(uses.values())


def _entries(records: Iterable[bytes], known: Container[str] = frozenset()) -> Iterator[Entry]:
    """Read git's raw diff format; a merge has one colon, mode and sha more for each parent."""
    commit = ""
    fields = iter(records)
    for record in fields:
        text = record.strip(b"\n")
        if _COMMIT.match(text):
            commit = text.decode("ascii")
        elif text.startswith(b":"):
            parents = len(text) - len(text.lstrip(b":"))
            words = text.lstrip(b":").split(b" ")
            raw_path = next(fields, b"")
            sha = words[2 * parents + 1].decode("ascii")
            if sha in known or not words[parents].startswith(b"100"):
                continue
            path = objects.as_path(raw_path)
            if path is not None:
                before = tuple(old.decode("ascii") for old in words[parents + 1 : 2 * parents + 1])
                yield Entry(path, sha, commit, before)
