"""Whether a remote does what its driver says: tried with objects of our own, made for it and taken away again.

Everything happens under `probe/` and a random name; nothing that is there is written to or deleted. Steps are timed,
and each says what was found: a permission that is missing is an answer, silence is unknown (law 9).
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from git_mlvc.backend.base import Backend, Capability, Denied
from git_mlvc.errors import MlvcError, RemoteUnavailable
from git_mlvc.formats import store_config
from git_mlvc.transfer.remote_layout import FORMAT_KEY

FOLDER = "probe/"
KEPT_KEY = "probe/kept"  # where nothing can be deleted, all probes write this one
SIZE_BYTES = 64 << 10
KEPT = b"git-mlvc remote check\n" * 4
_FORGETFUL = "harmless: names are hashes of what they name, so that both would write the same"


class Verdict(Enum):
    OK = "ok"
    BAD = "bad"  # declared and does not work, or forbidden
    LACKING = "not offered"  # the driver says so itself
    UNKNOWN = "unknown"  # no answer
    SKIPPED = "not tried"  # nothing to try it with


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was tried. `seconds` is 0 where nothing was asked."""

    name: str
    verdict: Verdict
    says: str
    seconds: float = 0.0
    hint: str = ""


@dataclass(slots=True)
class Probe:
    """What was found. `format`: the version of the git-mlvc remote that is there; None if none is.

    `left`: keys that could not be deleted again.
    """

    steps: list[Step] = field(default_factory=list)
    format: int | None = None
    left: list[str] = field(default_factory=list)

    @property
    def is_unknown(self) -> bool:
        return any(step.verdict is Verdict.UNKNOWN for step in self.steps)

    @property
    def is_well(self) -> bool:
        return all(step.verdict not in (Verdict.BAD, Verdict.UNKNOWN) for step in self.steps)


def probe(
    backend: Backend,
    found: Probe,
    report: Callable[[Step], object],
    *,
    directory: Path | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Try a remote, tell each step as it is done, and write all down in `found`.

    Whatever ends it, what it wrote is deleted, or named in `found.left`. `directory`: where the remote is, if it is
    here: folders that were made for this go as well.
    """
    trial = _Trial(backend, found, clock)
    was_there = directory is not None and directory.exists()
    try:
        for step in trial.steps():
            found.steps.append(step)
            report(step)
            if trial.is_over or step.verdict is Verdict.UNKNOWN:
                break
    finally:
        trial.clear()
        if directory is not None:
            with contextlib.suppress(OSError):  # not empty: not only ours
                (directory / FOLDER).rmdir()
                if not was_there:
                    directory.rmdir()


class _Trial:
    def __init__(self, backend: Backend, found: Probe, clock: Callable[[], float]) -> None:
        self.is_over = False
        self._found = found
        self._backend = backend
        self._can: frozenset[Capability] = frozenset()
        self._clock = clock
        self._data = os.urandom(SIZE_BYTES)
        name = os.urandom(12).hex()
        self._key, self._second = f"{FOLDER}{name}", f"{FOLDER}{name}-2"
        self._made: list[str] = []  # what may be there by our doing

    def steps(self) -> Iterator[Step]:
        yield self._step("contact", self._contact)
        is_written = False
        if Capability.WRITE in self._can:
            written = self._step("write", self._write)
            is_written = written.verdict is Verdict.OK
            yield written
        else:
            says = "read only: nothing is ever written there"
            yield Step("write", Verdict.LACKING, says)
        yield from self._read_steps(is_written)
        if Capability.LIST in self._can:
            yield self._step("list", lambda: self._list(is_written))
        else:
            yield Step("list", Verdict.LACKING, "fine: the index object is used")
        if not is_written:
            return
        if Capability.DELETE not in self._can:
            says = f"fine, but what is there stays there; so does {KEPT_KEY}"
            yield Step("delete", Verdict.LACKING, says)
            return
        yield self._absent_step()
        yield self._step("delete", self._delete)

    def clear(self) -> None:
        """Delete what is still there by our doing; what cannot be is told in `left`."""
        if Capability.DELETE not in self._can:
            return
        for key in list(self._made):
            try:
                self._backend.delete(key)
            except MlvcError:
                self._found.left.append(key)
            else:
                self._made.remove(key)

    # -- the steps; each returns what it has to say, or raises

    def _contact(self) -> str:
        self.is_over = True
        self._can = self._backend.capabilities  # some have to ask for that
        if Capability.DELETE not in self._can:
            self._key, self._data = KEPT_KEY, KEPT
        says = self._look()
        self.is_over = False
        return says

    def _look(self) -> str:
        try:
            data = self._backend.get(FORMAT_KEY) if self._backend.stat(FORMAT_KEY) else None
        except Denied:
            # On S3 without the right to list, what is not there is forbidden as well: writing will show.
            self.is_over = Capability.WRITE not in self._can
            raise
        if data is None and Capability.WRITE not in self._can:
            raise _Stated(
                "no git-mlvc remote is there, and none can be made: it is read only",
                "is the address right?",
            )
        if data is None:
            return "answers; no git-mlvc remote is there yet"
        store_config.decode(data)
        self._found.format = store_config.VERSION
        return f"answers; holds a git-mlvc remote of format {store_config.VERSION}"

    def _write(self) -> str:
        self._made.append(self._key)  # also when the answer is lost
        try:
            self._backend.put(self._key, self._data)
        except Denied:
            self._made.remove(self._key)
            raise
        there = self._backend.stat(self._key)
        if there is None or there.size_bytes != len(self._data):
            size = "nothing" if there is None else f"{there.size_bytes} bytes"
            raise _Stated(f"wrote {len(self._data)} bytes, and {size} arrived")
        return f"{len(self._data)} bytes"

    def _read_steps(self, is_written: bool) -> Iterator[Step]:
        key = self._key if is_written else FORMAT_KEY
        if not is_written and self._found.format is None:
            yield Step("read", Verdict.SKIPPED, "nothing is there that could be read")
            return
        if not is_written:
            self._data = store_config.encode(store_config.StoreConfig())
        yield self._step("read", lambda: self._read(key))
        yield self._step("read into a file", lambda: self._read_file(key))
        if Capability.RANGES in self._can:
            yield self._step("read a range", lambda: self._read_ranges(key))
        else:
            yield Step("read a range", Verdict.LACKING, "fine: whole packs are fetched")

    def _read(self, key: str) -> str:
        return self._same(self._backend.get(key), self._data)

    def _read_file(self, key: str) -> str:
        with tempfile.TemporaryFile() as file:
            self._backend.get_file(key, file.fileno())
            return self._same(os.pread(file.fileno(), len(self._data) + 1, 0), self._data)

    def _read_ranges(self, key: str) -> str:
        size = len(self._data)
        for start, length in ((0, 7), (size // 3, size // 3), (size - 5, 100)):
            came = self._backend.get_range(key, start, length)
            self._same(came, self._data[start : start + length])
        return "as asked for"

    def _list(self, is_written: bool) -> str:
        sizes = {one.key: one.size_bytes for one in self._backend.list(FOLDER)}
        if is_written and sizes.get(self._key) != len(self._data):
            raise _Stated(
                "does not show what was just written",
                "listings that come late make pushes send more than they need; nothing is lost by it",
            )
        return "shows what was written" if is_written else "allowed"

    def _absent_step(self) -> Step:
        step = self._step("write if absent", self._write_if_absent)
        if Capability.PUT_IF_ABSENT in self._can or step.verdict is not Verdict.BAD:
            return step
        return Step(step.name, Verdict.LACKING, f"{step.says}; {_FORGETFUL}", step.seconds)

    def _write_if_absent(self) -> str:
        first, second = self._data[:1000], self._data[1000:2000]
        self._made.append(self._second)
        if (
            not self._backend.put_if_absent(self._second, first)
            and self._backend.get(self._second) != first  # else: our own, whose reply was lost
        ):
            raise _Stated("says that there is something where nothing is")
        is_done = self._backend.put_if_absent(self._second, second)
        is_kept = self._backend.get(self._second) == first
        if is_done or not is_kept:
            raise _Stated("two clients may both be told that they were first")
        if Capability.PUT_IF_ABSENT not in self._can:
            return "the second was told so, though not in one step"
        return "the second was told so"

    def _delete(self) -> str:
        for key in list(self._made):
            self._backend.delete(key)
            if self._backend.stat(key) is not None:
                raise _Stated(f"{key} is still there")
            self._made.remove(key)
        return "what was written is gone"

    # -- inside

    def _same(self, came: bytes, wanted: bytes) -> str:
        if came != wanted:
            raise _Stated(f"{len(came)} bytes came, and not those that are there")
        return f"{len(came)} bytes, the same"

    def _step(self, name: str, attempt: Callable[[], str]) -> Step:
        """Try it and say what came of it."""
        begun = self._clock()
        hint = ""
        try:
            says, verdict = attempt(), Verdict.OK
        except _Stated as answer:
            says, verdict, hint = str(answer), Verdict.BAD, answer.hint
        except Denied as denied:
            says, verdict, hint = f"may not {name}: {denied}", Verdict.BAD, denied.hint
        except RemoteUnavailable as silent:
            says, verdict, hint = str(silent), Verdict.UNKNOWN, silent.hint
        except MlvcError as refused:
            says, verdict, hint = str(refused), Verdict.BAD, refused.hint
        return Step(name, verdict, says, self._clock() - begun, hint)


class _Stated(Exception):
    """An answer that is not what it should be."""

    def __init__(self, says: str, hint: str = "") -> None:
        super().__init__(says)
        self.hint = hint
