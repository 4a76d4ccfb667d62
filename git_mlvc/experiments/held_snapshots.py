"""What experiments are made of, held by refs so that neither git's gc nor ours takes it before they are made.

The queue holds each of its own under `refs/mlvc/queue/`; a sweep in a terminal holds one for all its points, under
`refs/mlvc/sweep/ID`, with a file of that name in `<git common dir>/mlvc/exp/sweeps` that says whose it is. When that
process was killed, the next `exp` command lets go of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from git_mlvc.errors import FormatError
from git_mlvc.experiments import claims
from git_mlvc.fs.atomic import write_file
from git_mlvc.fs.owner import Owner, is_alive

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

PREFIX = "refs/mlvc/sweep/"


def commit_of(repo: Repository, tree: str, baseline: str) -> str:
    """Return a commit of a snapshot on its baseline, for a ref to hold. Raises GitError."""
    message = b"what experiments of git-mlvc are made of\n"
    return repo.git.text("commit-tree", tree, "-p", baseline, "-F", "-", input=message)


def update(repo: Repository, steps: Sequence[str]) -> None:
    """Make and delete refs by steps of `git update-ref -z --stdin`, all or none. Raises GitError."""
    if steps:
        fed = "".join(steps).encode("utf-8", "surrogateescape")
        repo.git.run("update-ref", "-z", "--stdin", input=fed)


@contextmanager
def held(repo: Repository, tree: str, baseline: str) -> Iterator[None]:
    """Hold a snapshot for as long as the block lasts. Raises GitError."""
    name = f"{os.getpid()}-{os.urandom(6).hex()}"
    file = _folder(repo) / name
    file.parent.mkdir(parents=True, exist_ok=True)
    write_file(file, Owner.current().encode(), durable=False)  # first: a ref without is nobody's
    try:
        update(repo, [f"create {PREFIX}{name}\0{commit_of(repo, tree, baseline)}\0"])
        yield
    finally:
        _let_go(repo, [file])


def dead(repo: Repository) -> list[Path]:
    """Return the files of those whose process has certainly ended."""
    return [file for file in sorted(_folder(repo).glob("[!.]*")) if _has_ended(file)]


def let_go_of_dead(repo: Repository) -> None:
    """Stop holding what killed sweeps were made of. Raises GitError."""
    gone = dead(repo)
    if gone:
        _let_go(repo, gone)


# -- inside


def _let_go(repo: Repository, files: Sequence[Path]) -> None:
    update(repo, [f"delete {PREFIX}{file.name}\0\0" for file in files])
    for file in files:
        file.unlink(missing_ok=True)


def _folder(repo: Repository) -> Path:
    return claims.home(repo) / "sweeps"


def _has_ended(file: Path) -> bool:
    try:
        return is_alive(Owner.decode(file.read_bytes())) is False
    except (OSError, FormatError):
        return False
