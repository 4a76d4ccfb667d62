"""One verb's questions to the other side, and their answers: what the protocols above an exchange see of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from typing import Protocol

from git_mlvc.backend.over_ssh.frames import Frame, Request
from git_mlvc.errors import RemoteUnavailable

Answer = tuple[int, Frame] | None  # None: there will be none
Box = SimpleQueue[Answer]


class Asked(Protocol):
    """Who carries questions and answers: `over_ssh/exchange.py`."""

    is_last: Callable[[int], bool]

    @property
    def window_bytes(self) -> int: ...

    def count(self, change: int) -> None: ...

    def ask(self, box: Box, requests: Iterable[Request], *, is_all: bool = True) -> list[int]: ...

    def go_on(self, number: int, request: Request, *, is_all: bool = False) -> None: ...

    def forget(self, numbers: Iterable[int]) -> None: ...

    def failure(self) -> RemoteUnavailable: ...


class Talk:
    """The questions of one verb, and their answers. For one thread; closed when it wants no more."""

    def __init__(self, exchange: Asked) -> None:
        self._exchange = exchange
        self._box: Box = SimpleQueue()
        self._numbers: set[int] = set()

    def __enter__(self) -> Talk:
        self._exchange.count(1)
        return self

    def __exit__(self, *ignored: object) -> None:
        self._exchange.count(-1)
        if self._numbers:
            self._exchange.forget(self._numbers)

    def ask(self, request: Request) -> int:
        """Send a question; return its number. Raises RemoteUnavailable."""
        return self.ask_all([request])[0]

    def ask_all(self, requests: Iterable[Request]) -> list[int]:
        """Send questions together; return their numbers."""
        numbers = self._exchange.ask(self._box, requests)
        self._numbers.update(numbers)
        return numbers

    def begin(self, request: Request) -> int:
        """As `ask`, for a question of which more follows in `go_on`."""
        (number,) = self._exchange.ask(self._box, [request], is_all=False)
        self._numbers.add(number)
        return number

    def go_on(self, number: int, request: Request, *, is_all: bool = False) -> None:
        self._exchange.go_on(number, request, is_all=is_all)

    @property
    def window_bytes(self) -> int:
        return self._exchange.window_bytes

    def tell(self, *requests: Request) -> None:
        """Send what nobody waits for an answer to. Raises nothing: it is for tidying up."""
        with contextlib.suppress(RemoteUnavailable):
            self._exchange.forget(self._exchange.ask(self._box, requests))

    def answer(self) -> tuple[int, Frame]:
        """Return the next answer to come. Raises RemoteUnavailable."""
        return self._taken(self._box.get())

    def answer_if_any(self) -> tuple[int, Frame] | None:
        """Return an answer that has come already."""
        try:
            return self._taken(self._box.get_nowait())
        except Empty:
            return None

    def answers(self, numbers: Iterable[int]) -> dict[int, Frame]:
        """Wait for the answers to these, each of one frame, and to no others."""
        waiting = set(numbers)
        found = {}
        while waiting:
            number, frame = self.answer()
            if number in waiting:
                waiting.remove(number)
                found[number] = frame
        return found

    def all_of(self, *requests: Request) -> list[Frame]:
        """Ask, and return the answers in the order of the questions."""
        numbers = self.ask_all(requests)
        found = self.answers(numbers)
        return [found[number] for number in numbers]

    def _taken(self, answer: Answer) -> tuple[int, Frame]:
        if answer is None:
            raise self._exchange.failure()
        if self._exchange.is_last(answer[1].kind):
            self._numbers.discard(answer[0])
        return answer
