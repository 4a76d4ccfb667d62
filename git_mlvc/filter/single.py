"""Clean and smudge for one file and then exit: for tools that do not speak the filter protocol.

Git itself uses these only where `filter.mlvc.process` is not set. No delay is possible here, and nobody
waits for hooks: everything is done at once.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from git_mlvc.errors import ExitCode, MlvcError
from git_mlvc.filter import rooms
from git_mlvc.filter.pipe import Disconnected, plain_writer
from git_mlvc.fs.filling_memory import reader
from git_mlvc.git.filter_protocol import SMUDGE, Request
from git_mlvc.progress import Silent

if TYPE_CHECKING:
    from git_mlvc.filter.smudge import Streamed
    from git_mlvc.workspace import Workspace

Messages = Callable[[str], None]


def clean_stream(
    stdin_fd: int, stdout_fd: int, path: str | None, workspace: Workspace, messages: Messages
) -> int:
    """Read a content, write its pointer, or the content where it stays in git. Raises MlvcError."""
    cleaner = rooms.cleaner(workspace, messages)
    write = plain_writer(stdout_fd)
    try:
        answer = cleaner.clean(os.fsencode(path or ""), reader(stdin_fd))
    finally:
        # Law 1: sealed before the pointer leaves, because here nobody waits for our end of input.
        cleaner.close()
    try:
        if isinstance(answer, bytes):
            write(answer)
        else:
            answer(write)
    except Disconnected:
        pass
    return ExitCode.OK


def smudge_stream(
    stdin_fd: int,
    stdout_fd: int,
    path: str | None,
    workspace: Workspace,
    messages: Messages,
    *,
    skip_smudge: bool = False,
) -> int:
    """Read a pointer, write its content, or the pointer where that is not to be had."""
    from git_mlvc.filter.smudge import Streamed
    from git_mlvc.filter.spool import Spool

    smudger = rooms.smudger(
        workspace, messages, progress=Silent(), are_hooks_verified=lambda: False, skip=skip_smudge
    )
    write = plain_writer(stdout_fd)
    spool = Spool()
    spool.take(reader(stdin_fd))
    code: int = ExitCode.OK
    try:
        if spool.size_bytes > _POINTER_BYTES:
            spool.write_to(write)
            return code
        data = b"".join(spool.pieces())
        answer = smudger.smudge(Request(SMUDGE, os.fsencode(path or "")), data)
        if isinstance(answer, bytes):
            write(answer)
        elif isinstance(answer, Streamed):
            code = _streamed(answer, write, messages)
    except Disconnected:
        pass
    smudger.finish()
    return code


_POINTER_BYTES = 1024


def _streamed(
    answer: Streamed, write: Callable[[bytes | memoryview], None], messages: Messages
) -> int:
    is_begun = False

    def noted(piece: bytes | memoryview) -> None:
        nonlocal is_begun
        is_begun = True
        write(piece)

    try:
        answer.write_to(noted)
    except MlvcError as exc:
        if not is_begun:
            write(answer.instead(exc))
            return ExitCode.OK
        messages(f"error: {exc}")
        return exc.exit_code
    return ExitCode.OK
