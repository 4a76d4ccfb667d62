"""Ctrl-C comes twice: from the terminal, and through the git that has started us."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from git_mlvc import interrupts


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(interrupts.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(interrupts, "_hearing", interrupts.Hearing())
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield now
    signal.signal(signal.SIGINT, before)


def test_the_echo_of_ctrl_c_does_not_interrupt_what_the_first_began(clock):
    interrupts.hear_ctrl_c()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    clock[0] += interrupts.ECHO_S
    signal.raise_signal(signal.SIGINT)


def test_who_asks_again_is_heard(clock):
    interrupts.hear_ctrl_c()
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        clock[0] += 1.01 * interrupts.ECHO_S


def test_an_echo_after_another_handler_has_gone_is_known_as_one(clock):
    interrupts.hear_ctrl_c()
    interrupts.heard()
    signal.raise_signal(signal.SIGINT)


def test_what_is_ignored_stays_ignored(clock):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    interrupts.hear_ctrl_c()
    signal.raise_signal(signal.SIGINT)


def test_sigterm_ends_as_ctrl_c_where_it_is_said_and_there_only(clock):
    with interrupts.ending_as_ctrl_c():
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGHUP)  # the whole group gets both from some
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_one_that_comes_while_the_end_is_told_shows_no_traceback():
    ended = subprocess.run(
        [
            sys.executable,
            "-c",
            "import signal\n"
            "from git_mlvc.cli import errors, main\n"
            "main._through_click = lambda _: signal.raise_signal(signal.SIGINT)\n"
            "errors.report = lambda *_: signal.raise_signal(signal.SIGINT)\n"
            "main.entry()\n",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (130, "")
