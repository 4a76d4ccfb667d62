"""Processes that make experiments for this one, a few at a time; or on their own, when we have ended.

A crew is handed experiments as they are asked for and answers as they end. Its processes stand outside of the
terminal's group: a Ctrl-C reaches us alone, and we pass it on. When we are killed they see the end of their
input and stop by themselves.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from git_mlvc import interrupts
from git_mlvc.errors import InputError
from git_mlvc.experiments import answers, worker
from git_mlvc.experiments.answers import Answer

if TYPE_CHECKING:
    from git_mlvc.experiments.states import State

_READ_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Command:
    """How this program is started again: its words, where, and with which environment."""

    argv: tuple[str, ...]
    folder: Path
    env: Mapping[str, str]


@dataclass(eq=False, slots=True)
class _Hand:
    """One process, and the experiment that it was handed. `is_recording`: its stages have run."""

    process: subprocess.Popen[bytes]
    state: State | None = None
    is_recording: bool = False
    said: bytearray = field(default_factory=bytearray)


class Crew:
    """`with Crew(command, size) as crew: crew.work(next_one, began, ended)`.

    Stages of `size` experiments run at a time. While a result is recorded, which takes little of the machine, another
    process begins with the next one.
    """

    def __init__(self, command: Command, size: int) -> None:
        self._command = command
        self._size = size
        self._hands: list[_Hand] = []
        self._selector = selectors.DefaultSelector()
        self._is_stopping = False

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        for hand in self._hands:
            if hand.state is not None:  # something went wrong with us
                self._signal(hand)
        for hand in [*self._hands]:
            self._dismiss(hand)
        self._selector.close()

    def work(
        self,
        next_one: Callable[[], State | None],
        began: Callable[[State], None],
        ended: Callable[[State, Answer | None], None],
        waits: Callable[[State, str], None] = lambda state, why: None,
    ) -> None:
        """Make experiments until `next_one` gives None and all have ended.

        `next_one` is asked whenever somebody is free; `ended` gets None for one whose process was killed; `waits` is
        told what others keep one waiting for. Raises KeyboardInterrupt after a signal, once all that ran has stopped.
        """
        with self._stopping_on_signals():
            is_out = False
            while True:
                while not is_out and not self._is_stopping and (hand := self._free()) is not None:
                    state = next_one()
                    is_out = state is None
                    if state is not None:
                        began(state)
                        self._hand_over(hand, state)
                if not any(hand.state for hand in self._hands):
                    break
                for hand, answer in self._answers():
                    if answer is not None and answer.waits and hand.state is not None:
                        waits(hand.state, answer.waits)
                        continue
                    if answer is not None and not answer.is_recorded:
                        hand.is_recording = True
                        continue
                    state, hand.state, hand.is_recording = hand.state, None, False
                    if state is not None and not (answer is None and self._is_stopping):
                        ended(state, answer)
            if self._is_stopping:
                raise KeyboardInterrupt

    # -- inside

    def _free(self) -> _Hand | None:
        """Return one that has nothing to do; None if stages of enough experiments run."""
        running = sum(hand.state is not None and not hand.is_recording for hand in self._hands)
        if running >= self._size:
            return None
        idle = next((hand for hand in self._hands if hand.state is None), None)
        return idle if idle is not None or len(self._hands) >= 2 * self._size else self._hire()

    def _hire(self) -> _Hand:
        try:
            process = subprocess.Popen(
                self._command.argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=self._command.folder,
                env=self._command.env,
                start_new_session=True,
            )
        except OSError as exc:
            raise InputError(
                "cannot start a process for an experiment", why=exc.strerror or str(exc)
            ) from exc
        hand = _Hand(process)
        self._hands.append(hand)
        assert process.stdout is not None
        self._selector.register(process.stdout, selectors.EVENT_READ, hand)
        return hand

    def _hand_over(self, hand: _Hand, state: State) -> None:
        hand.state = state
        assert hand.process.stdin is not None
        with suppress(BrokenPipeError):  # it was killed; the end of its output tells
            hand.process.stdin.write(worker.handed(state))
            hand.process.stdin.flush()
        if self._is_stopping:  # the signal came while it was not known to be busy
            self._signal(hand)

    def _answers(self) -> Iterator[tuple[_Hand, Answer | None]]:
        for key, _ in self._selector.select():
            hand: _Hand = key.data
            block = os.read(key.fd, _READ_BYTES)
            hand.said += block
            if not block:
                self._dismiss(hand)
                yield hand, None
            else:
                *lines, rest = bytes(hand.said).split(b"\n")
                hand.said = bytearray(rest)
                for line in lines:
                    yield hand, answers.decode(line)

    def _dismiss(self, hand: _Hand) -> None:
        if hand not in self._hands:
            return
        self._hands.remove(hand)
        assert hand.process.stdin is not None
        assert hand.process.stdout is not None
        self._selector.unregister(hand.process.stdout)
        with suppress(BrokenPipeError):
            hand.process.stdin.close()
        hand.process.wait()
        hand.process.stdout.close()

    @contextmanager
    def _stopping_on_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def stop(number: int, frame: FrameType | None) -> None:
            interrupts.heard()
            self._is_stopping = True
            for hand in self._hands:
                if hand.state is not None:
                    self._signal(hand)

        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = [
            (number, signal.signal(number, stop))
            for number in numbers
            if signal.getsignal(number) != signal.SIG_IGN  # as under nohup
        ]
        try:
            yield
        finally:
            for number, handler in before:
                signal.signal(number, handler)

    @staticmethod
    def _signal(hand: _Hand) -> None:
        with suppress(ProcessLookupError):
            hand.process.send_signal(signal.SIGTERM)


def detach(command: Command, logs: Sequence[Path]) -> None:
    """Start a process for each log, that stays when we end, and wait until all say that they are at work.

    They say so through a descriptor, `--ready`. Raises InputError with what one wrote to its log, when it ends instead.
    """
    started = []
    try:
        for log in logs:
            started.append((*_started(command, log), log))
        for process, read_fd, log in started:
            if not os.read(read_fd, 1):
                process.wait()
                raise InputError(
                    "a worker did not start", why=_end_of(log), hint=f"all that it said: {log}"
                )
    except OSError as exc:
        raise InputError("cannot start a worker", why=exc.strerror or str(exc)) from exc
    finally:
        for process, read_fd, _ in started:
            os.close(read_fd)
            process.returncode = 0  # nobody waits for it: it is not to be warned of


def _started(command: Command, log: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Start one; return the descriptor from which a byte comes when it is at work."""
    read_fd, write_fd = os.pipe()
    try:
        with open(log, "ab") as said:
            process = subprocess.Popen(
                [*command.argv, "--log", str(log), "--ready", str(write_fd)],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                cwd=command.folder,
                env=command.env,
                pass_fds=(write_fd,),
                start_new_session=True,
            )
    except BaseException:
        os.close(read_fd)
        raise
    finally:
        os.close(write_fd)
    return process, read_fd


def _end_of(log: Path) -> str:
    with suppress(OSError):
        return log.read_bytes()[-2000:].decode("utf-8", "replace").strip()
    return ""
