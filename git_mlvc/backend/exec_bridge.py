"""`exec:COMMAND`: any service, through a program that speaks a few lines of text. Promise: docs/formats/exec.md.

One program a request at a time, up to eight at once; each lives until the remote is closed, or until
it says something that it should not.
"""

from __future__ import annotations

import builtins
import contextlib
import os
import re
import shlex
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from git_mlvc.backend.base import (
    Capability,
    Denied,
    Listed,
    Stat,
    Throttled,
    appending,
    check_key,
    check_prefix,
    is_key,
    not_found,
)
from git_mlvc.backend.exec_program import Program
from git_mlvc.backend.opening import Opening
from git_mlvc.errors import (
    ConfigError,
    InputError,
    MlvcError,
    RemoteError,
    RemoteRefused,
    RemoteUnavailable,
)

GREETING = "git-mlvc-exec 1"
MOST_PROGRAMS = 8  # at once; who comes later waits
MAX_LISTED = 10_000_000
_SIZE = re.compile(r"0|[1-9][0-9]{0,17}")
_WORDS = {
    "write": Capability.WRITE,
    "list": Capability.LIST,
    "delete": Capability.DELETE,
    "put-if-absent": Capability.PUT_IF_ABSENT,
    "ranges": Capability.RANGES,
}
# What a program that could not even be started may be asked for: it will say why not.
_UNKNOWN = frozenset({Capability.WRITE, Capability.LIST, Capability.DELETE})


def open_url(url: str, opening: Opening) -> ExecBackend:
    """Return the driver for `exec:COMMAND`, split as a shell would, and not run by one. Raises ConfigError."""
    command = url.partition(":")[2]
    try:
        argv = shlex.split(command)
    except ValueError as exc:
        raise ConfigError("cannot read the command of an exec: remote", why=str(exc)) from exc
    if not argv:
        raise ConfigError("an exec: remote needs a command", hint="exec:my-program --its-option")
    return ExecBackend(argv, opening)


class ExecBackend:
    """`argv`: the program and its arguments. Nothing is started before something is asked."""

    def __init__(self, argv: list[str], opening: Opening) -> None:
        self.url = f"exec:{os.path.basename(argv[0])}"  # its arguments may hold secrets
        self._argv = argv
        self._opening = opening
        self._idle: list[Program] = []
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(MOST_PROGRAMS)
        self._known: frozenset[Capability] | None = None

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What the program says of itself: it is started for that."""
        if self._known is None:
            with contextlib.suppress(RemoteError), self._program():
                pass
        return _UNKNOWN if self._known is None else self._known

    @property
    def known_capabilities(self) -> frozenset[Capability] | None:
        return self._known

    # -- verbs

    def put(self, key: str, source: bytes | Path) -> None:
        self._put("put", check_key(key), source)

    def put_if_absent(self, key: str, source: bytes | Path) -> bool:
        check_key(key)
        if Capability.PUT_IF_ABSENT in self.capabilities:
            return self._put("put-if-absent", key, source) == "done"
        if self.stat(key) is not None:
            return False
        self.put(key, source)
        return True

    def get(self, key: str) -> bytes:
        return self._get(key, f"get {check_key(key)}")

    def get_range(self, key: str, start: int, length: int) -> bytes:
        check_key(key)
        if not length:
            if self.stat(key) is None:
                raise not_found(self.url, key)
            return b""
        if Capability.RANGES not in self.capabilities:
            return self.get(key)[start : start + length]
        found = self._get(key, f"get-range {key} {start} {length}")
        if len(found) > length:
            raise RemoteUnavailable(f"{self.url} sent more of {key} than was asked for")
        return found

    def get_file(self, key: str, target: int) -> None:
        check_key(key)
        self._fetch(key, f"get {key}", appending(key, target))

    def stat(self, key: str) -> Stat | None:
        with self._asking(f"stat {check_key(key)}") as (program, word, rest):
            if word == "none" and not rest:
                return None
            if word == "size" and _SIZE.fullmatch(rest):
                return Stat(int(rest))
            raise program.nonsense(f"{word} {rest}")

    def list(self, prefix: str) -> Iterator[Listed]:
        with self._asking(f"list {check_prefix(prefix)}".rstrip()) as (program, word, rest):
            found: builtins.list[Listed] = []
            while word != "end":
                size, _, key = rest.partition(" ")
                if word != "key" or not _SIZE.fullmatch(size) or len(found) >= MAX_LISTED:
                    raise program.nonsense(f"{word} {rest}")
                if is_key(key) and key.startswith(prefix):
                    found.append(Listed(key, int(size)))
                word, _, rest = program.line().partition(" ")
        yield from found

    def delete(self, key: str) -> None:
        with self._asking(f"delete {check_key(key)}") as (program, word, rest):
            if word != "done":
                raise program.nonsense(f"{word} {rest}")

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for program in idle:
            program.close()

    # -- inside

    def _put(self, verb: str, key: str, source: bytes | Path) -> str:
        size_bytes = _size_of(source)
        with self._asking(f"{verb} {key} {size_bytes}", source) as (program, word, rest):
            if word == "done" or (word == "there" and verb == "put-if-absent"):
                return word
            raise program.nonsense(f"{word} {rest}")

    def _get(self, key: str, request: str) -> bytes:
        found = bytearray()
        self._fetch(key, request, found.extend)
        return bytes(found)

    def _fetch(self, key: str, request: str, take: Callable[[bytes], object]) -> None:
        with self._asking(request) as (program, word, rest):
            if word == "none" and not rest:
                raise _Answered(not_found(self.url, key))
            if word != "data" or not _SIZE.fullmatch(rest):
                raise program.nonsense(f"{word} {rest}")
            for block in program.blocks(int(rest)):
                take(block)

    @contextlib.contextmanager
    def _asking(
        self, request: str, source: bytes | Path | None = None
    ) -> Iterator[tuple[Program, str, str]]:
        """Give the first line of an answer, as a word and its rest. Raises what a refusal means."""
        try:
            with self._program() as program:
                program.say(request)
                if source is not None:
                    program.send(source)
                word, _, rest = program.line().partition(" ")
                refusal = self._refusal(request.split()[0], word, rest)
                if refusal is not None:
                    raise _Answered(refusal)
                yield program, word, rest
        except _Answered as answered:
            raise answered.error from None

    def _refusal(self, verb: str, word: str, rest: str) -> MlvcError | None:
        what = f"cannot {verb} on {self.url}"
        said = "".join(char for char in rest if char.isprintable())[:500]
        if word == "refused":
            return RemoteRefused(what, why=said)
        if word == "denied":
            return Denied(what, why=said)
        if word == "later":
            return RemoteUnavailable(what, why=said)
        seconds, _, words = said.partition(" ")
        if word == "wait" and seconds.isascii() and seconds.isdigit():
            return Throttled(what, retry_after_s=float(seconds[:9]), why=words)
        return None

    @contextlib.contextmanager
    def _program(self) -> Iterator[Program]:
        """Give a program that waits for a request; it is kept for the next if it came to the end of its answer."""
        with self._places:
            program = self._free() or self._start()
            try:
                yield program
            except _Answered:
                self._keep(program)
                raise
            except BaseException:
                program.kill()
                raise
            self._keep(program)

    def _free(self) -> Program | None:
        while True:
            with self._lock:
                if not self._idle:
                    return None
                program = self._idle.pop()
            if program.is_quiet:
                return program
            program.kill()  # it has ended, or talks unasked

    def _keep(self, program: Program) -> None:
        with self._lock:
            self._idle.append(program)

    def _start(self) -> Program:
        program = Program(self._argv, self.url, self._opening)
        try:
            said = program.line(self._opening.connect_timeout_s)
            if said != GREETING and not said.startswith(GREETING + " "):
                raise program.nonsense(said)
        except BaseException:
            program.kill()
            raise
        words = said[len(GREETING) :].split()
        known = {_WORDS[word] for word in words if word in _WORDS}
        self._known = frozenset(known | ({Capability.FLAT_LIST} if "list" in words else set()))
        return program


class _Answered(Exception):
    """A refusal that came as it should: the program can go on."""

    def __init__(self, error: MlvcError) -> None:
        super().__init__()
        self.error = error


def _size_of(source: bytes | Path) -> int:
    if isinstance(source, bytes):
        return len(source)
    try:
        return source.stat().st_size
    except OSError as exc:
        raise InputError(f"cannot read {source}", why=exc.strerror or str(exc)) from exc
