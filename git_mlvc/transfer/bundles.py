"""Contents that a remote gets together or not at all: the outs of a run, and its record after them. Pure.

Which of them a push sends is decided in `bundle_choice.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from git_mlvc.formats.pointer import Pointer
from git_mlvc.oid import Oid
from git_mlvc.repo_path import RepoPath


class RunName(NamedTuple):
    """A run, as the run table of a segment has it: its stage key, and the id of its record."""

    key: bytes
    id: bytes


class Made(NamedTuple):
    """A content that an out, or a file in one, is made of, and the path of that out.

    `is_listing`: it is the tree of a directory, which is no file to anybody. `stays`: it is not to be sent.
    """

    pointer: Pointer
    path: RepoPath
    is_listing: bool = False
    stays: bool = False


class Cargo(NamedTuple):
    """What is in a bundle. `stage`: for messages. `is_known`: False where not all of it can be told here.

    Then it does not travel. `is_newer`: because the run is of a later version.
    """

    stage: str
    contents: tuple[Made, ...]
    record_bytes: int = 0
    is_known: bool = True
    is_newer: bool = False


@dataclass(frozen=True, eq=False)
class Bundle:
    """`run` is None where no run is known: of outs that only a lock names.

    `is_part`: some of its contents, for a place where the record does not belong. `load` is called when something
    is asked of it: most are there already.
    """

    load: Callable[[], Cargo]
    run: RunName | None = None
    is_part: bool = False

    @cached_property
    def cargo(self) -> Cargo:
        return self.load()

    @property
    def stage(self) -> str:
        return self.cargo.stage

    @property
    def contents(self) -> tuple[Made, ...]:
        return self.cargo.contents

    @property
    def record(self) -> RunName | None:
        """The run whose record goes with the contents."""
        return None if self.is_part else self.run

    @property
    def pointers(self) -> Iterator[Pointer]:
        return (made.pointer for made in self.contents)

    def part(self, contents: Iterable[Made], *, has_record: bool) -> Bundle:
        """Return the bundle of some of the contents."""
        cargo = self.cargo._replace(contents=tuple(contents))
        return Bundle(lambda: cargo, self.run, is_part=not has_record)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What of some bundles a push sends (`going`), what it cannot (`left`). What it takes to be there is in neither.

    `elsewhere`: contents of those that go which the remote is known to have, and which are not sent.
    """

    going: tuple[Bundle, ...] = ()
    left: tuple[Bundle, ...] = ()
    elsewhere: frozenset[Pointer] = field(default_factory=frozenset)

    def files_of(self, runs: Collection[RunName]) -> Iterator[Pointer]:
        """Yield the contents of `runs`, without trees."""
        chosen = (bundle for bundle in self.going if bundle.run in runs)
        return (m.pointer for bundle in chosen for m in bundle.contents if not m.is_listing)

    def contents(self) -> Iterator[Pointer]:
        """Yield all that is to be sent, if it is not there: the records last (law 1)."""
        for bundle in self.going:
            yield from (p for p in bundle.pointers if p not in self.elsewhere)
        for bundle in self.going:
            if bundle.record is not None:
                yield Pointer(Oid(bundle.record.id), bundle.cargo.record_bytes)

    def without(self, lost: Collection[Pointer]) -> Chosen:
        """Return the same without bundles that need something which turned out not to be had."""
        lacking = set(lost)
        stay = [b for b in self.going if any(p in lacking for p in b.pointers)]
        going = tuple(bundle for bundle in self.going if bundle not in stay)
        return Chosen(going, (*self.left, *stay), self.elsewhere)

    def runs_among(self, digests: Collection[bytes]) -> list[RunName]:
        """Return the runs whose records are among `digests`."""
        return [b.record for b in self.going if b.record is not None and b.record.id in digests]
