"""Slots that all processes of a clone on this machine share: `slots` chooses, `slot_files` tell the others.

Where the files cannot be written we count for ourselves alone, and say so once. A stage that itself runs stages, by
calling us, holds slots until they have ended: those count for themselves alone too, and begin with the slots of
their stage. If they waited for others, two such stages could wait for each other for ever.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from git_mlvc.errors import StoreLocked
from git_mlvc.fs.atomic import UMASK, Permissions
from git_mlvc.pipeline.running.slot_files import SlotFiles, folder
from git_mlvc.pipeline.running.slots import Admitted, Claims, Slots, asked, waiting_text
from git_mlvc.pipeline.running.stage_environment import slot_numbers

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository
    from git_mlvc.pipeline.model import Stage

_PATIENCE = 5  # turns that are missed without a word


@dataclass(frozen=True, slots=True)
class Choice:
    """Who may start, and who does not because of other processes: by stage, what it waits for."""

    admitted: Sequence[Admitted]
    waits: Mapping[str, str] = field(default_factory=dict)


class SharedSlots:
    """`with SharedSlots(…) as shared:`. Without files it counts for this process alone. Thread-safe.

    Who uses it keeps `fds` open in whatever stops the stages if we are killed.
    """

    def __init__(self, slots: Slots, files: SlotFiles | None = None) -> None:
        self._slots = slots
        self._files = files
        self._fds: list[int] = []
        self._is_asked = False
        self._missed_turns = 0
        self._room = Lock()
        self._trouble = ""
        self._is_told = False

    @classmethod
    def of(
        cls,
        repo: Repository,
        jobs: int,
        resources: Mapping[str, int],
        *,
        place: str = "",
        permissions: Permissions = UMASK,
    ) -> SharedSlots:
        """`place`: where we are, for those who wait for us; empty: the worktree."""
        lent = slot_numbers(repo.env)
        if lent:
            return cls(Slots(jobs, resources, lent))
        place = place or str(repo.needed_worktree("stages run in a worktree"))
        return cls(Slots(jobs, resources), SlotFiles(folder(repo.common_dir), place, permissions))

    def __enter__(self) -> SharedSlots:
        return self

    def __exit__(self, *_: object) -> None:
        if self._fds and self._files is not None:
            self._files.close()

    def fds(self) -> Sequence[int]:
        """Return the descriptors that are to stay open for as long as anything runs that may have slots."""
        return self._fds

    def expect(self, stages: Iterable[Stage]) -> None:
        """Say which stages may come. Raises ConfigError as `Slots.check`."""
        expected = [*stages]
        self._slots.check(expected)
        self._is_asked = any(asked(stage) for stage in expected)

    def choose(self, ready: Sequence[Stage]) -> Choice:
        """As `Slots.choose`; from the first call on all slots of this process are seen by others."""
        with self._room:
            files = self._opened()
            if files is None or self._slots.is_full or not any(map(asked, ready)):
                return Choice(self._slots.choose(ready))
            try:
                return self._chosen(files, ready)
            except StoreLocked as exc:
                return self._without_turn(ready, exc)

    def trouble(self) -> str:
        """Return, once, why others do not know of our slots; empty: they do."""
        with self._room:
            text = "" if self._is_told else self._trouble
            self._is_told = bool(self._trouble)
            return text

    def give_back(self, address: str) -> None:
        with self._room:
            had_any = bool(self._slots.claims.held[address])
            self._slots.give_back(address)
            if had_any and (files := self._opened()) is not None:
                self._tell(files)

    # -- inside

    def _opened(self) -> SlotFiles | None:
        """Return the files; None where nobody asks for slots, or they cannot be used."""
        if self._files is None or self._trouble or not self._is_asked:
            return None
        if not self._fds:
            try:
                self._fds.append(self._files.open())
            except (OSError, StoreLocked) as exc:
                self._give_up(exc)
                return None
        return self._files

    def _chosen(self, files: SlotFiles, ready: Sequence[Stage]) -> Choice:
        admitted: Sequence[Admitted] | None = None
        others: Sequence[Claims] = ()
        try:
            with files.turn() as others:
                self._missed_turns = 0
                admitted = self._slots.choose(ready, others, time.time_ns())
                self._tell(files)
        except OSError as exc:
            self._give_up(exc)
        if admitted is None:
            return Choice(self._slots.choose(ready))
        waits = {}
        for wish in self._slots.claims.wishes:
            keepers = [other for other in others if self._slots.is_kept_by(wish, other)]
            if keepers:
                waits[wish.stage] = waiting_text(wish, keepers)
        return Choice(admitted, waits)

    def _without_turn(self, ready: Sequence[Stage], exc: StoreLocked) -> Choice:
        """Others are choosing, which takes no time unless one was stopped in the midst of it."""
        self._missed_turns += 1
        free = self._slots.choose([stage for stage in ready if not asked(stage)])
        first = next(stage for stage in ready if asked(stage))
        why = f"waits for its turn: {exc.why}" if self._missed_turns > _PATIENCE else ""
        return Choice(free, {first.address: why})

    def _tell(self, files: SlotFiles) -> None:
        try:
            files.write(self._slots.claims)
        except OSError as exc:
            self._give_up(exc)

    def _give_up(self, exc: OSError | StoreLocked) -> None:
        where = f"{exc.filename}: " if isinstance(exc, OSError) and exc.filename else ""
        said = exc.strerror if isinstance(exc, OSError) else exc.why
        self._trouble = f"has slots that other processes do not see: {where}{said or exc}"
