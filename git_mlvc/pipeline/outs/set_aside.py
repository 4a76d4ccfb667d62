"""The previous outs of a stage, out of the way while it runs.

They are renamed into the worktree's git dir, or beside where they stood if that is another file system. If the
stage fails or is interrupted they come back as they were, and what it made moves to `replaced/`; if it succeeds
they go, but for what nobody else has (law 11). All of it is written down first (`aside_journal`), so that
after a SIGKILL at any point the next command puts it right (law 10).
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from git_mlvc.errors import InputError
from git_mlvc.fs.owner import Owner, is_alive
from git_mlvc.fs.safe_path import resolve_inside
from git_mlvc.git.index_refresh import StatUpdate
from git_mlvc.pipeline.model import FileState, Out, Stage, below
from git_mlvc.pipeline.outs import aside_journal
from git_mlvc.pipeline.outs.aside import SetAside, States
from git_mlvc.pipeline.outs.aside_journal import Item, Journal
from git_mlvc.pipeline.outs.replaced import Kept, Replaced
from git_mlvc.repo_path import RepoPath
from git_mlvc.store.disk import store_error

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

FOLDER = "aside"


def begin(repo: Repository, stage: Stage, states: States) -> SetAside:
    """Set aside what stands where the stage makes something, and make the directories its outs go to.

    Raises InputError for an out that leads elsewhere or is no file or directory, StoreError if the disk refuses;
    then everything is as before.
    """
    top = repo.needed_worktree("there is nowhere to run a stage")
    standing = [(out, _standing(top, stage, out)) for out in stage.outs]
    owner = Owner.current()
    folder = repo.state_dir / FOLDER
    what = f"cannot set aside the outs of stage '{stage.address}'"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stem = folder / f"{owner.pid}-{os.urandom(6).hex()}"
        items = tuple(
            _planned(top, stem, number, out, info, states)
            for number, (out, info) in enumerate(standing)
        )
    except OSError as exc:
        raise store_error(what, exc) from exc
    file = stem.with_name(stem.name + aside_journal.SUFFIX)
    aside = SetAside(repo, top, file, Journal(owner, stage.address, items), states)
    try:
        try:
            aside.move_all()
        except OSError as exc:
            if exc.errno != errno.EXDEV:
                raise
            aside = _move_beside(aside, stem)
        if stage.wdir is not None and _is_in_an_out(stage.wdir, stage):
            aside.make_folder(resolve_inside(top, below(stage.wdir, "x")).parent)
    except BaseException as exc:
        aside.bring_back()
        if isinstance(exc, PermissionError):
            raise _not_ours(top, what, exc) from exc
        if isinstance(exc, OSError):
            raise store_error(what, exc) from exc
        raise
    states.forget(out.path for out in stage.outs)
    return aside


def _not_ours(top: Path, what: str, exc: PermissionError) -> InputError:
    """A directory that cannot be written to cannot be moved, though what it is in can be written to."""
    place = os.path.relpath(exc.filename or top, top)
    return InputError(
        what,
        why=f"{place}: {exc.strerror}",
        hint=f"make it and the directory that it is in writable for you: chmod u+w {quote(place)}",
    )


def recover(repo: Repository, states: States, *, is_alone: bool = False) -> list[Kept]:
    """Put right what runs of this worktree left that were killed; return what is now in `replaced/`.

    `is_alone`: the caller knows that no other run is under way here (it holds the lock), so that those whose
    end cannot be seen from here, in another container, have ended too. Raises FormatError, StoreError.
    """
    kept: list[Kept] = []
    folder = repo.state_dir / FOLDER
    for file in sorted(folder.glob(f"*{aside_journal.SUFFIX}")):
        try:
            journal = aside_journal.read(file)
        except OSError as exc:
            raise store_error(f"cannot read {file}", exc) from exc
        if journal is None:
            if is_alone:
                file.unlink(missing_ok=True)  # nothing moves before there is one
            continue
        alive = is_alive(journal.owner)
        if alive or (alive is None and not is_alone):
            continue
        top = repo.needed_worktree("there is nothing to bring back")
        aside = SetAside(repo, top, file, journal, states)
        kept += aside.finish() if journal.is_over else aside.bring_back()
    return kept + (_unclaimed(repo, folder) if is_alone else [])


def _unclaimed(repo: Repository, folder: Path) -> list[Kept]:
    """Move out of here what no journal speaks of: a power cut may take what was written last."""
    replaced = Replaced(repo)
    claimed = {file.name.removesuffix(aside_journal.SUFFIX) for file in folder.glob("*.journal")}
    return [
        replaced.keep(place, RepoPath.parse(f"unknown/{place.name}"))
        for place in sorted(folder.glob("*-*"))
        if place.suffix != aside_journal.SUFFIX
        and "-".join(place.name.split("-")[:2]) not in claimed
    ]


def _standing(top: Path, stage: Stage, out: Out) -> os.stat_result | None:
    try:
        info = os.lstat(resolve_inside(top, out.path))
    except FileNotFoundError:
        return None
    except InputError as exc:
        raise InputError(f"stage '{stage.address}' {exc.what}", why=exc.why, hint=exc.hint) from exc
    except OSError as exc:
        raise InputError(f"cannot use {out.path}", why=exc.strerror or str(exc)) from exc
    if not stat.S_ISREG(info.st_mode) and not stat.S_ISDIR(info.st_mode):
        kind = "a symbolic link" if stat.S_ISLNK(info.st_mode) else "no file and no directory"
        raise InputError(
            f"stage '{stage.address}' cannot run: its out {out.path} is {kind}",
            why="an out is a file or a directory, in its own place",
            hint=f"move {out.path} away, or correct `outs`",
        )
    return info


def _is_in_an_out(folder: RepoPath, stage: Stage) -> bool:
    return any(
        folder == out.path or folder.raw.startswith(out.path.raw + b"/") for out in stage.outs
    )


def _planned(
    top: Path, stem: Path, number: int, out: Out, info: os.stat_result | None, states: States
) -> Item:
    if info is None:
        return Item(out.path)
    parent = resolve_inside(top, out.path).parent
    is_near = os.lstat(parent).st_dev == info.st_dev == os.lstat(stem.parent).st_dev
    aside = stem.with_name(f"{stem.name}-{number}") if is_near else _beside(parent, stem, number)
    is_file = stat.S_ISREG(info.st_mode)
    return Item(
        out.path,
        aside,
        out.persist,
        _state(states, out),
        StatUpdate.of("", info).fields if is_file else b"",
    )


def _state(states: States, out: Out) -> FileState | None:
    """What cannot be told of now is looked at file by file in the end, and kept where that fails too."""
    try:
        return states.out(out)
    except InputError:
        return None


def _beside(parent: Path, stem: Path, number: int) -> Path:
    return parent / f".git-mlvc-{stem.name}-{number}.aside"


def _move_beside(before: SetAside, stem: Path) -> SetAside:
    """The same file system under two mounts: nothing can be renamed from one to the other."""
    before.bring_back()
    items = tuple(
        item
        if item.aside is None
        else replace(
            item, aside=_beside(resolve_inside(before.top, item.path).parent, stem, number)
        )
        for number, item in enumerate(before.journal.items)
    )
    journal = replace(before.journal, items=items)
    aside = SetAside(before.repo, before.top, before.file, journal, before.states)
    try:
        aside.move_all()
    except BaseException:
        aside.bring_back()
        raise
    return aside
