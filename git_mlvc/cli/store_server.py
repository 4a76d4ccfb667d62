"""`git-mlvc serve-store`: answers for one directory on standard input and output, for a git-mlvc at the other end of ssh."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from git_mlvc.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from git_mlvc.backend.file import FileBackend
    from git_mlvc.cli.invocation import Invocation

_FORM = "git-mlvc serve-store [--restrict DIRECTORY] [--read-only]"


def serve(invocation: Invocation, arguments: list[str]) -> int:
    """Raises UsageError for other arguments, and where a person sits at the other end."""
    from git_mlvc.backend.over_ssh.serving import Server

    within, is_read_only = _options(arguments)
    if sys.stdin.isatty():
        raise UsageError(
            "serve-store is started by git-mlvc on another host, over ssh",
            why="nobody who speaks its protocol is there",
            hint="git mlvc remote add NAME ssh://HOST/PATH, on the other host",
        )
    home = Path(invocation.environment.get("HOME") or invocation.cwd)

    def open_place(path: bytes) -> FileBackend:
        return place_of(path, home, within)

    Server(0, 1, open_place, is_read_only=is_read_only).run()
    return ExitCode.OK


def place_of(path: bytes, home: Path, within: Path | None) -> FileBackend:
    """Return the directory that a client names: relative to `home`, or to `within` and never outside of it.

    Raises RemoteRefused.
    """
    from git_mlvc.backend.base import Denied
    from git_mlvc.backend.file import FileBackend

    text = os.fsdecode(path)
    if text == "~" or text.startswith("~/"):
        text = text[2:] or "."
    elif text.startswith("~"):
        text = os.path.expanduser(text)
    if within is None:
        return FileBackend(home / text)
    root = Path(os.path.realpath(within / text))
    if not root.is_relative_to(os.path.realpath(within)):
        raise Denied(
            f"cannot use {text}",
            why="this key is for one directory, and that is outside of it",
            hint="ask who runs the server which path to use; a relative one starts in that directory",
        )
    return FileBackend(root)


def _options(arguments: list[str]) -> tuple[Path | None, bool]:
    within: Path | None = None
    is_read_only = False
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word == "--read-only":
            is_read_only = True
        elif word == "--restrict" and rest:
            within = Path(rest.pop(0))
        elif word.startswith("--restrict="):
            within = Path(word.partition("=")[2])
        else:
            raise UsageError(f"serve-store does not know '{word}'", hint=_FORM)
    return within, is_read_only
