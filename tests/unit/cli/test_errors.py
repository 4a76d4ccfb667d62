"""Every way a command can end becomes an exit code and a short text."""

from __future__ import annotations

import errno
import io
from pathlib import Path

import pytest

from git_mlvc.cli import errors
from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.output import Output
from git_mlvc.errors import ConfigError, ExitCode, StoreLocked


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory in no repository, with its own place for temporary files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def reported(exc: BaseException, *argv: str) -> tuple[int, str]:
    err = io.StringIO()
    invocation = Invocation(
        argv, "git-mlvc", {"GIT_CEILING_DIRECTORIES": "/"}, Output(None, err, {})
    )
    return errors.report(exc, invocation), err.getvalue()


def test_a_users_error_is_told_and_has_its_code(place: Path) -> None:
    code, said = reported(ConfigError("mlvc.toml: bad", why="line 3", hint="mend it"))
    assert (code, said) == (2, "error: mlvc.toml: bad\n  why: line 3\nhint: mend it\n")
    assert reported(StoreLocked("busy"))[0] == ExitCode.LOCKED


def test_interrupt_is_quiet(place: Path) -> None:
    assert reported(KeyboardInterrupt()) == (130, "")


def test_a_reader_that_went_away_is_quiet(place: Path) -> None:
    assert reported(BrokenPipeError()) == (141, "")


def test_full_disk_is_not_our_bug(place: Path) -> None:
    exc = OSError(errno.ENOSPC, "No space left on device", "/data/x")
    code, said = reported(exc)
    assert code == ExitCode.INPUT
    assert "/data/x" in said and "No space left" in said and "free some space" in said


def test_our_mistake_shows_two_lines_and_writes_a_report(place: Path) -> None:
    try:
        raise ZeroDivisionError("secretless")
    except ZeroDivisionError as exc:
        code, said = reported(exc, "remote", "add", "x", "https://me:word@host/p")
    assert code == ExitCode.BUG
    assert "Traceback" not in said
    (path,) = place.glob("bug-*.txt")
    assert str(path) in said
    text = path.read_text()
    assert "Traceback" in text and "secretless" in text and "word" not in text
