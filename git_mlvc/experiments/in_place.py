"""Parameters that an experiment sets in the user's own worktree, and putting them back where it does not end.

Before anything is written, a journal in the worktree's git dir says what the files were and what they become. A
failure or Ctrl-C puts them back at once, after a SIGKILL the next command does. A file that somebody has edited
since is left as it is, and what it was before is kept beside.
"""

from __future__ import annotations

import base64
import json
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from git_mlvc.errors import FormatError, InputError
from git_mlvc.experiments import claims
from git_mlvc.fs import safe_path
from git_mlvc.fs.atomic import Permissions, write_file
from git_mlvc.fs.owner import Owner
from git_mlvc.pipeline.outs.replaced import Kept, Replaced
from git_mlvc.repo_path import RepoPath

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Setting:
    """A params file: its bytes before, and with the parameters that were set."""

    path: RepoPath
    before: bytes
    after: bytes


@dataclass(frozen=True, slots=True)
class Journal:
    """Which experiment sets what, and who makes it."""

    owner: Owner
    name: str
    settings: tuple[Setting, ...]


@dataclass(frozen=True, slots=True)
class PutBack:
    """`files` are again what they were. Others were edited since: they stay, and what they were is where `kept` says."""

    name: str
    files: tuple[RepoPath, ...] = ()
    kept: tuple[Kept, ...] = ()


def read(repo: Repository) -> Journal | None:
    """Return what is written down; None if nothing is. Raises FormatError."""
    place = claims.in_place(repo)
    try:
        value = json.loads(place.read_bytes())
        if value["version"] != _VERSION:
            raise ValueError(f"version {value['version']}")
        return Journal(
            Owner.decode(value["owner"].encode("latin-1")),
            str(value["name"]),
            tuple(
                Setting(RepoPath.parse(path), base64.b64decode(before), base64.b64decode(after))
                for path, before, after in value["files"]
            ),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, FormatError) as exc:
        raise FormatError(
            "cannot read which parameters a killed experiment had set here",
            why=f"{place}: {exc}",
            hint=f"look at the params files, then rm '{place}'",
        ) from exc


@contextmanager
def changed(
    repo: Repository,
    name: str,
    settings: tuple[Setting, ...],
    told: Callable[[PutBack], None],
) -> Iterator[None]:
    """Set parameters in the worktree; put them back, and tell, where the block does not end well.

    The caller holds the worktree's lock. Raises InputError, OSError.
    """
    if claims.is_in_place(repo):
        raise InputError(
            "an experiment was killed in this worktree, and what it set is not put back",
            hint="git mlvc exp status   puts it back",
        )
    top = repo.needed_worktree("")
    journal = Journal(Owner.current(), name, settings)
    try:
        if settings:
            _write(repo, journal)
        for one in settings:
            _replace(safe_path.resolve_inside(top, one.path), one.after)
        yield
    except BaseException:
        if settings:
            told(put_back(repo, journal))
        raise
    claims.in_place(repo).unlink(missing_ok=True)


def put_back(repo: Repository, journal: Journal) -> PutBack:
    """Have the files as they were before. The caller holds the worktree's lock. Raises OSError, InputError."""
    top = repo.needed_worktree("")
    replaced = Replaced(repo)
    files, kept = [], []
    for one in journal.settings:
        place = safe_path.resolve_inside(top, one.path)
        now = _bytes_of(place)
        if now == one.after:
            _replace(place, one.before)
            files.append(one.path)
        elif now != one.before:
            kept.append(_kept(repo, replaced, one))
    claims.in_place(repo).unlink(missing_ok=True)
    return PutBack(journal.name, tuple(files), tuple(kept))


def forget(repo: Repository) -> None:
    """The experiment has been made: what it set stays."""
    claims.in_place(repo).unlink(missing_ok=True)


# -- inside


def _write(repo: Repository, journal: Journal) -> None:
    value = {
        "version": _VERSION,
        "owner": journal.owner.encode().decode("latin-1"),
        "name": journal.name,
        "files": [
            [
                one.path.text,
                base64.b64encode(one.before).decode("ascii"),
                base64.b64encode(one.after).decode("ascii"),
            ]
            for one in journal.settings
        ],
    }
    place = claims.in_place(repo)
    place.parent.mkdir(parents=True, exist_ok=True)
    write_file(place, json.dumps(value).encode("ascii"))


def _replace(place: Path, data: bytes) -> None:
    mode = stat.S_IMODE(os.stat(place).st_mode)
    write_file(place, data, permissions=Permissions(file_mode=mode))


def _bytes_of(place: Path) -> bytes | None:
    try:
        return place.read_bytes()
    except OSError:
        return None


def _kept(repo: Repository, replaced: Replaced, one: Setting) -> Kept:
    """Keep what a file was, since somebody has gone on from what it became."""
    draft = repo.state_dir / f"exp-before-{os.getpid()}"
    write_file(draft, one.before)
    return replaced.keep(draft, one.path)
