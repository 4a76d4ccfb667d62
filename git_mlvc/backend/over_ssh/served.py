"""The verbs of a driver, asked of a git-mlvc on the other side: one round trip for each, and for many together."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from git_mlvc.backend.base import Denied, Listed, NotFound, Offline, Stat, is_key, not_found
from git_mlvc.backend.opening import Meter
from git_mlvc.backend.over_ssh import served_protocol as served
from git_mlvc.backend.over_ssh.exchange import Exchange
from git_mlvc.backend.over_ssh.frames import Frame
from git_mlvc.backend.over_ssh.said import clean
from git_mlvc.backend.over_ssh.served_protocol import BLOCK_BYTES, Failure, Opened, Trouble
from git_mlvc.backend.over_ssh.source import opened
from git_mlvc.backend.over_ssh.talk import Talk
from git_mlvc.backend.over_ssh.window import ENDLESS, Block, Reading, into_file, whole
from git_mlvc.errors import MlvcError, RemoteError, RemoteRefused, RemoteUnavailable

_QUESTIONS = 512  # sent together
_BEATS = 4  # signs of life within the time after which silence is an end


class ServedFiles:
    """The files below a root that the server keeps in mind. `url` is for messages."""

    def __init__(
        self, exchange: Exchange, root: bytes, *, url: str, meter: Meter, idle_timeout_s: float
    ) -> None:
        self.exchange = exchange
        self.url = url
        self._meter = meter
        # Nobody waits for the answer: what comes next is sent with it, and fails if it failed.
        beat_s = max(1, int(idle_timeout_s / _BEATS))
        self._beginning: Talk | None = exchange.talk()
        self._beginning.ask(served.open_place(Opened(served.NEWEST, beat_s, root)))

    def stat(self, key: str) -> Stat | None:
        return self.stat_many([key])[0]

    def stat_many(self, keys: Sequence[str]) -> list[Stat | None]:
        """As `stat` for each of them, in few round trips."""
        found: list[Stat | None] = []
        for at in range(0, len(keys), _QUESTIONS):
            some = keys[at : at + _QUESTIONS]
            with self.exchange.talk() as talk:
                for key, answer in zip(some, talk.all_of(*map(served.stat, some)), strict=True):
                    self._check(answer, "look for", key)
                    size_bytes = served.size_of(answer)
                    found.append(None if size_bytes is None else Stat(size_bytes))
        return found

    def list(self, prefix: str) -> Iterator[Listed]:
        with self.exchange.talk() as talk:
            talk.ask(served.list_below(prefix))
            while True:
                _, answer = talk.answer()
                if answer.kind != served.Say.LISTED:
                    self._check(answer, "list", prefix)
                    served.is_new(answer)
                    return
                for key, size_bytes in served.listed_of(answer):
                    if is_key(key) and key.startswith(prefix):
                        yield Listed(key, size_bytes)

    def get_range(self, key: str, start: int, length: int) -> bytes:
        if length <= 0:
            if self.stat(key) is None:
                raise not_found(self.url, key)
            return b""
        return whole(self._read(key, start, start + length), self._meter)

    def get(self, key: str) -> bytes:
        return whole(self._read(key, 0, ENDLESS), self._meter)

    def get_file(self, key: str, target: int) -> None:
        into_file(self._read(key, 0, ENDLESS), target, key, self._meter)

    def put(self, key: str, source: bytes | Path, *, if_absent: bool) -> bool:
        """Return False if the name was taken and `if_absent` is set."""
        with opened(source) as content, self.exchange.talk() as talk:
            number = talk.begin(served.put(served.Put(if_absent, content.size_bytes, key)))
            is_whole = False
            answer: tuple[int, Frame] | None = None
            try:
                for _, data in content.blocks(BLOCK_BYTES):
                    answer = talk.answer_if_any()
                    if answer is not None:
                        break  # the name is taken, or there is no room: no need to send the rest
                    self._meter(len(data))
                    talk.go_on(number, served.block(data))
                else:
                    talk.go_on(number, served.PUBLISH, is_all=True)
                    is_whole = True
            finally:
                if not is_whole:
                    with contextlib.suppress(RemoteUnavailable):
                        talk.go_on(number, served.ABANDON, is_all=True)
            _, frame = answer or talk.answer()
            self._check(frame, "write", key)
            return served.is_new(frame)

    def delete(self, key: str) -> None:
        with self.exchange.talk() as talk:
            self._check(talk.all_of(served.delete(key))[0], "delete", key)

    def close(self) -> None:
        self.exchange.close()

    # -- inside

    def _read(self, key: str, start: int, end: int) -> Iterator[tuple[int, memoryview]]:
        def block_of(frame: Frame) -> Block:
            self._check(frame, "read", key)
            part = served.data_of(frame)
            return Block(part.data, part.size_bytes, part.tag)

        with self.exchange.talk() as talk:
            reading = Reading(
                talk,
                lambda offset, length: served.read(key, offset, length),
                block_of,
                start=start,
                end=end,
                block_bytes=BLOCK_BYTES,
            )
            reading.begin()
            yield from reading.blocks()

    def _check(self, frame: Frame, verb: str, key: str) -> None:
        failure = served.failure_of(frame)
        if failure is not None:
            raise self._first_failure() or self._meant(
                failure, f"cannot {verb} {key or '.'} on {self.url}", key
            )

    def _first_failure(self) -> MlvcError | None:
        """Return why the place could not be opened at all, if that is so."""
        talk = self._beginning
        if talk is None:
            return None
        answer = talk.answer_if_any()  # it comes before all others
        if answer is None:
            return None
        failure = served.failure_of(answer[1])
        if failure is None:
            self._beginning = None
            return None
        return self._meant(failure, f"cannot use {self.url}", "")

    def _meant(self, failure: Failure, what: str, key: str) -> RemoteError:
        why, hint = clean(failure.why), clean(failure.hint)
        if failure.trouble == Trouble.NOT_FOUND:
            return not_found(self.url, key) if key else NotFound(what, why=why, hint=hint)
        if failure.trouble == Trouble.OFFLINE:
            what = f"cannot reach {self.url}"
        kinds: dict[int, type[RemoteError]] = {
            Trouble.DENIED: Denied,
            Trouble.REFUSED: RemoteRefused,
            Trouble.OFFLINE: Offline,
        }
        return kinds.get(failure.trouble, RemoteUnavailable)(what, why=why, hint=hint)
