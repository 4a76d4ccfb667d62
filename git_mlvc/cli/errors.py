"""The last door: whatever a command raised becomes a short text and an exit code.

A user's error is shown as what, why and hint. Our own mistakes are shown in two lines, with the full
report in a log file; no traceback reaches a screen.
"""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from git_mlvc.errors import ExitCode, MlvcError

if TYPE_CHECKING:
    from git_mlvc.cli.invocation import Invocation

BROKEN_PIPE = 141  # what a shell reports for git itself when the reader of its output goes away
_MACHINE_ERRORS = frozenset(
    getattr(errno, name)
    for name in [
        "ENOSPC",
        "EDQUOT",
        "EROFS",
        "EACCES",
        "EPERM",
        "EIO",
        "EMFILE",
        "ENFILE",
        "ENOENT",
        "ENOTDIR",
        "EISDIR",
        "ENAMETOOLONG",
        "ENXIO",
        "ESTALE",
        "ELOOP",
        "EFBIG",
        "ENOMEM",
        "ETXTBSY",
        "EBUSY",
    ]
    if hasattr(errno, name)
)


def report(exc: BaseException, invocation: Invocation) -> int:
    """Tell the user and return the exit code. Raises nothing."""
    output = invocation.output
    if isinstance(exc, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    if isinstance(exc, BrokenPipeError):
        output.discard()
        return BROKEN_PIPE
    if isinstance(exc, SystemExit):
        return exc.code if isinstance(exc.code, int) else ExitCode.OK
    _flush(invocation)
    if isinstance(exc, MlvcError):
        output.error(exc.what, why=exc.why, hint=exc.hint)
        return exc.exit_code
    if isinstance(exc, OSError) and exc.errno in _MACHINE_ERRORS:
        output.error(_os_error(exc), why=exc.strerror or "", hint=_os_hint(exc))
        return ExitCode.INPUT
    if isinstance(exc, MemoryError):
        output.error("this machine has no memory left for the command")
        return ExitCode.INPUT
    path = _write_log(exc, invocation)
    output.error(
        "this is a mistake in git-mlvc, not yours; nothing was lost by it",
        why=f"{type(exc).__name__}: {exc}"[:300].split("\n")[0],
        hint=f"please report it with the file {path}" if path else "please report it",
    )
    return ExitCode.BUG


def _flush(invocation: Invocation) -> None:
    try:
        invocation.output.flush()
    except OSError:
        invocation.output.discard()


def _os_error(exc: OSError) -> str:
    if exc.filename is None:
        return "the machine refused"
    return f"cannot use {os.fsdecode(exc.filename)}"


def _os_hint(exc: OSError) -> str:
    if exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return "free some space; nothing that git was told is safe is affected"
    return ""


def _write_log(exc: BaseException, invocation: Invocation) -> Path | None:
    import platform
    import time
    import traceback

    from git_mlvc import __version__
    from git_mlvc.secret_text import shown_words, without_secrets

    text = "\n".join(
        [
            f"git-mlvc {__version__}, Python {platform.python_version()}, {platform.platform()}",
            f"command: {shown_words(['git mlvc', *invocation.argv])}",
            "",
            *map(without_secrets, traceback.format_exception(exc)),
        ]
    )
    name = time.strftime(f"bug-%Y%m%d-%H%M%S-{os.getpid()}.txt")
    for directory in _log_directories(invocation):
        try:
            directory.mkdir(parents=True, exist_ok=True)
            path = directory / name
            path.write_text(text, "utf-8", "backslashreplace")
        except OSError:
            continue
        return path
    return None


def _log_directories(invocation: Invocation) -> list[Path]:
    found = [Path(tempfile.gettempdir())]
    try:
        found.insert(0, invocation.workspace.repository.git_dir / "mlvc" / "logs")
    except Exception:  # noqa: BLE001 - reporting one mistake must not become another
        pass
    return found
