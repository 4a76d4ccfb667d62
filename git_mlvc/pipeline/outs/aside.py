"""What one stage has set aside: it comes back, or goes.

See `set_aside`. All that is done here is done by what the journal says, and can be done again (law 10).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from git_mlvc.errors import InputError, MlvcError, StoreError
from git_mlvc.fs import copies
from git_mlvc.fs.safe_path import resolve_inside
from git_mlvc.git import index_refresh
from git_mlvc.git.index import STAT
from git_mlvc.git.index_refresh import StatUpdate
from git_mlvc.pipeline.model import FileState, Out
from git_mlvc.pipeline.outs import aside_journal
from git_mlvc.pipeline.outs.aside_journal import Item, Journal
from git_mlvc.pipeline.outs.elsewhere import Elsewhere, Standing, beyond_files, files_in
from git_mlvc.pipeline.outs.replaced import Kept, Replaced
from git_mlvc.repo_path import RepoPath
from git_mlvc.store.disk import store_error
from git_mlvc.worktree.pointers import joined_index, open_index

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

_INDEX_TIMEOUT_S = 5.0
_MODE = slice(24, 28)  # of git's stat data: its own form of a mode


class States(Protocol):
    """What is asked of, and told to, those who know what stands in the worktree."""

    def out(self, out: Out) -> FileState | None: ...
    def know(self, path: RepoPath, state: FileState, info: os.stat_result, moment: int) -> None: ...
    def moment(self) -> int: ...
    def forget(self, paths: Iterable[RepoPath]) -> None: ...


@dataclass
class SetAside:
    """What one stage has set aside. End it with `bring_back` or `let_go`; the first of them counts.

    `file`: where its journal is, if anything stood there to be set aside.
    """

    repo: Repository
    top: Path
    file: Path
    journal: Journal
    states: States
    _made: list[Path] = field(default_factory=list)
    _copied_until_ns: int = 0
    _has_ended: bool = False

    def bring_back(self) -> list[Kept]:
        """Have everything as it was; what the stage made of its outs is moved to where the result says.

        Raises StoreError naming what could not be brought back; it is safe, and the next `repro` tries again.
        """
        if self._has_ended:
            return []
        replaced = Replaced(self.repo)
        kept: list[Kept] = []
        failures: list[str] = []
        returned: list[Item] = []
        for item in reversed(self.journal.items):
            try:
                if self._bring_back(item, replaced, kept):
                    returned.append(item)
            except (OSError, MlvcError) as exc:
                failures.append(f"{item.path} is in {item.aside}: {exc}")
        self.states.forget(item.path for item in self.journal.items)
        self._tell(returned)
        for made in reversed(self._made):
            remove_if_empty(made)
        if failures:
            raise StoreError(
                f"not everything that stage '{self.journal.stage}' had set aside could be brought back",
                why="; ".join(failures),
                hint="git mlvc repro",
            )
        self._has_ended = True
        self._forget()
        return kept

    def let_go(self, elsewhere: Elsewhere) -> list[Kept]:
        """Give up what is aside; what nobody else has is moved to where the result says. Raises InputError."""
        if self._has_ended:
            return []
        kept = tuple(
            (one.place, one.path)
            for item in self.journal.items
            for one in _only_here(item, elsewhere)
        )
        self.journal = self.journal.over(kept)
        if self.has_any:
            try:
                aside_journal.end(self.file, kept)
            except OSError as exc:
                raise store_error("cannot write down what becomes of earlier outs", exc) from exc
        self._has_ended = True
        return self.finish()

    @property
    def has_any(self) -> bool:
        return any(item.aside is not None for item in self.journal.items)

    # -- inside

    def move_all(self) -> None:
        """Write the journal, and move. Raises OSError, InputError; then some of it may be aside."""
        if self.has_any:
            aside_journal.begin(self.file, self.journal)
        for item in self.journal.items:
            if item.aside is None:
                continue
            place = resolve_inside(self.top, item.path)
            if item.persist:
                copies.copy(place, item.copy)
            os.rename(place, item.aside)
            if item.persist:
                os.rename(item.copy, place)
                self._copied_until_ns = max(self._copied_until_ns, os.lstat(place).st_ctime_ns)
        for item in self.journal.items:
            self._make_parents(item.path)

    def _make_parents(self, path: RepoPath) -> None:
        self.make_folder(resolve_inside(self.top, path).parent)

    def make_folder(self, folder: Path) -> None:
        """Make a directory, which goes again if the stage fails and nothing is in it. Raises OSError."""
        missing = []
        while not folder.is_dir():
            missing.append(folder)
            folder = folder.parent
        for folder in reversed(missing):
            folder.mkdir(exist_ok=True)
            self._made.append(folder)

    def _bring_back(self, item: Item, replaced: Replaced, kept: list[Kept]) -> bool:
        """Return True if something has come back to its place."""
        place = resolve_inside(self.top, item.path)
        if item.aside is None:
            _remove_if_bare(place)
            if os.path.lexists(place):
                kept.append(replaced.keep(place, item.path))
            return False
        if item.persist:
            copies.remove(item.copy)  # made in vain; that in its place has this name no longer
        if not os.path.lexists(item.aside):
            return False  # it never went, or has come back already
        _remove_if_bare(place)
        if os.path.lexists(place):
            if item.persist and copies.is_untouched(item.aside, place, self._copied_until_ns):
                copies.remove(place)
            else:
                kept.append(replaced.keep(place, item.path))
        place.parent.mkdir(parents=True, exist_ok=True)
        os.rename(item.aside, place)
        return True

    def _tell(self, returned: list[Item]) -> None:
        """A rename changes a file's ctime: those who went by it are told that nothing else did."""
        files = [item for item in returned if item.stat]
        if not files:
            return
        try:
            reader = open_index(self.repo)
        except MlvcError:
            return
        updates = {}
        for item in files:
            try:
                info = os.lstat(resolve_inside(self.top, item.path))
            except (OSError, InputError):
                continue
            if item.state is not None:
                # Its own rename is the last that was done to it, by whoever holds this worktree.
                self.states.know(item.path, item.state, info, self.states.moment() + 10**9)
            entry = reader.entry(item.path.raw)
            if entry is not None and _is_same(STAT.pack(*entry.stat), item.stat):
                updates[item.path.raw] = StatUpdate.of(entry.blob_sha, info)
        try:
            index_refresh.refresh(
                self.repo.index_path,
                updates,
                worktree=self.top,
                hash_size=self.repo.hash_size,
                timeout_s=_INDEX_TIMEOUT_S,
                join=lambda path: joined_index(self.repo, path),
            )
        except MlvcError:
            pass  # git will look for itself

    def finish(self) -> list[Kept]:
        """Carry out what is written down of a stage that is over."""
        replaced = Replaced(self.repo)
        kept = [
            replaced.keep(place, path)
            for place, path in self.journal.kept
            if os.path.lexists(place)
        ]
        for item in self.journal.items:
            if item.aside is not None:
                copies.remove(item.aside)
        self._forget()
        return kept

    def _forget(self) -> None:
        """Nothing is aside any more."""
        if self.has_any:
            try:
                os.unlink(self.file)
            except OSError:  # whoever reads it finds nothing left to do
                pass


def _only_here(item: Item, elsewhere: Elsewhere) -> Iterable[Standing]:
    if item.aside is None or not os.path.lexists(item.aside):
        return ()
    if item.state is not None and elsewhere.has(item.state):
        return beyond_files(item.aside, item.path)
    return elsewhere.only_here(files_in(item.aside, item.path))


def _is_same(entry: bytes, info: bytes) -> bool:
    return entry[: _MODE.start] + entry[_MODE.stop :] == info[: _MODE.start] + info[_MODE.stop :]


def _remove_if_bare(place: Path) -> None:
    """Remove a directory in which there are only directories: there is nothing to be kept."""
    if not os.path.isdir(place) or os.path.islink(place):
        return
    folders = []
    for folder, inner, names in os.walk(place):
        if names or any(os.path.islink(os.path.join(folder, name)) for name in inner):
            return
        folders.append(Path(folder))
    for bare in reversed(folders):
        remove_if_empty(bare)


def remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        pass
