"""Errors, as classes by consequence: what a user, a script or a retry loop does next.

MlvcError (abstract)               what, why, hint
├── UsageError (2)                 the command line is wrong
├── ConfigError (2)                settings are wrong; says which file and key
├── InputError (10)                the user's file cannot be read: report it, go on with the others
├── FormatError (4)                bytes do not parse: says which format, version, offset
├── StoreError (5)                 ├── MissingChunk ├── CorruptChunk └── StoreLocked (6)
├── RemoteError (7)                ├── RemoteUnavailable (retry) └── RemoteRefused (do not)
├── GitError (8)                   argv, exit code, stderr of git
└── StageFailed (9)                stage, exit code, log path
Exit 1 is only ever an answer (work to do, not clean, damage found); anything else is our bug (3).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum


class ExitCode(IntEnum):
    """What the process tells a script."""

    OK = 0
    ANSWER = 1
    USAGE = 2
    BUG = 3
    FORMAT = 4
    STORE = 5
    LOCKED = 6
    REMOTE = 7
    GIT = 8
    STAGE = 9
    INPUT = 10
    INTERRUPTED = 130


class MlvcError(Exception):
    """What happened, why, and what to do next: three plain sentences or fragments.

    `hint` is a command that works, or advice; empty when there is none to give.
    """

    exit_code: ExitCode = ExitCode.BUG

    def __init__(self, what: str, *, why: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.what}: {self.why}" if self.why else self.what


class UsageError(MlvcError):
    """The command line is wrong."""

    exit_code = ExitCode.USAGE


class ConfigError(MlvcError):
    """Settings are wrong; the message names the file and the key."""

    exit_code = ExitCode.USAGE


class InputError(MlvcError):
    """A file of the user's cannot be read or written; the others can still be served."""

    exit_code = ExitCode.INPUT


class FormatError(MlvcError):
    """Bytes do not parse as what they should be."""

    exit_code = ExitCode.FORMAT


class StoreError(MlvcError):
    """The local store cannot give or take what it was asked for."""

    exit_code = ExitCode.STORE


class MissingChunk(StoreError):
    """Data that a pointer or recipe names is not in the store."""


class CorruptChunk(StoreError):
    """Stored bytes are not the bytes their name promises."""


class StoreLocked(StoreError):
    """Somebody else holds a lock that this operation needs."""

    exit_code = ExitCode.LOCKED


class RemoteError(MlvcError):
    """A remote did not do what it was asked."""

    exit_code = ExitCode.REMOTE


class RemoteUnavailable(RemoteError):
    """No answer, or one that says 'later': the state is unknown, and trying again may help."""


class RemoteRefused(RemoteError):
    """A definite no: trying again will not help."""


class GitError(MlvcError):
    """Git failed; carries its command line, exit code and standard error."""

    exit_code = ExitCode.GIT

    def __init__(
        self, argv: Sequence[str], returncode: int, stderr: str, *, hint: str = ""
    ) -> None:
        super().__init__(
            f"git {' '.join(argv[1:])} failed with exit code {returncode}",
            why=stderr.strip(),
            hint=hint,
        )
        self.argv = tuple(argv)
        self.returncode = returncode
        self.stderr = stderr


class StageFailed(MlvcError):
    """A pipeline stage ended with a non-zero exit code."""

    exit_code = ExitCode.STAGE
