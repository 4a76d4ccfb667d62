"""Files of one name, in every version that anything in a clone still holds on to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from git_mlvc.git import changes, objects, revisions

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository


def versions(repo: Repository, name: str) -> Iterator[bytes]:
    """Yield the content of each file called `name`: of the commits that anything reaches, of the index of every
    worktree, and as it stands there. What a partial clone does not have is left out.
    """
    patterns = (name, f"**/{name}")
    blobs = dict.fromkeys(
        entry.blob_sha
        for entry in changes.outgoing(repo, revisions.roots(repo), [], paths=patterns)
    )
    last = f"/{name}".encode()
    blobs.update(
        (sha, None) for sha, path in revisions.index_rows(repo) if (b"/" + path).endswith(last)
    )
    for _, data in objects.contents(repo, blobs):
        yield data
    for top in _worktrees(repo):
        yield from _standing(repo, top, patterns)


def _worktrees(repo: Repository) -> list[Path]:
    lines = repo.git.records("worktree", "list", "--porcelain", separator=b"\n", check=False)
    tops = [
        Path(line[9:].decode("utf-8", "surrogateescape"))
        for line in lines
        if line[:9] == b"worktree "
    ]
    if repo.worktree is not None and repo.worktree not in tops:
        tops.append(repo.worktree)
    return [top for top in tops if (top / ".git").exists()]


def _standing(repo: Repository, top: Path, patterns: tuple[str, ...]) -> Iterator[bytes]:
    git = repo.git.at(top, clean=True)
    names = git.records(
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
        "--",
        *(f":(top,glob){pattern}" for pattern in patterns),
        check=False,
    )
    for raw in set(names):
        path = top / raw.decode("utf-8", "surrogateescape")
        try:
            if path.is_file() and not path.is_symlink():
                yield path.read_bytes()
        except OSError:
            continue  # gone, or not ours to read
