"""A git that stays and answers: `git cat-file --batch`, for objects that are asked for one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import IO, TYPE_CHECKING, NamedTuple

from git_mlvc.errors import GitError

if TYPE_CHECKING:
    from subprocess import Popen  # noqa: TID251 - its type only

_MOST_BYTES = (
    16384  # of questions in flight: they have to fit into a pipe, or both sides wait for ever
)
_SKIPPED_BYTES = 1 << 20


class Answer(NamedTuple):
    """An object: its full name, kind and size; `data` is None where it is larger than was asked for."""

    sha: str
    kind: str
    size_bytes: int
    data: bytes | None


class Conversation:
    """One process, started with the first question. For one thread at a time; `close` it."""

    def __init__(self, start: Callable[[], Popen[bytes]]) -> None:
        self._start = start
        self._process: Popen[bytes] | None = None

    def ask(self, names: Iterable[bytes], max_bytes: int) -> Iterator[Answer | None]:
        """Yield what each name is, in their order; None where it is nothing here, or several things.

        No name holds a newline. Raises GitError.
        """
        waiting: list[bytes] = []
        size_bytes = 0
        for name in names:
            if waiting and size_bytes + len(name) > _MOST_BYTES:
                yield from self._answers(waiting, max_bytes)
                waiting, size_bytes = [], 0
            waiting.append(name)
            size_bytes += len(name) + 1
        if waiting:
            yield from self._answers(waiting, max_bytes)

    def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            for pipe in (process.stdin, process.stdout):
                with suppress(OSError):
                    if pipe is not None:
                        pipe.close()
            process.wait()

    def _answers(self, names: list[bytes], max_bytes: int) -> list[Answer | None]:
        """Ask and take all answers: one that were left would be taken for that to the next question."""
        if self._process is None:
            self._process = self._start()
        questions, out = self._process.stdin, self._process.stdout
        assert questions is not None
        assert out is not None
        try:
            questions.write(b"".join(name + b"\n" for name in names))
            questions.flush()
            return [_answer(out, max_bytes) for _ in names]
        except (BrokenPipeError, EOFError) as exc:
            self.close()
            argv = ("git", "cat-file", "--batch")
            why = "it ended before it had answered, as it does when an object is damaged"
            raise GitError(argv, 1, why, hint="git fsck") from exc
        except BaseException:
            self.close()
            raise


def _answer(out: IO[bytes], max_bytes: int) -> Answer | None:
    words = out.readline().split()
    if not words:
        raise EOFError
    if len(words) != 3 or words[-1] in (b"missing", b"ambiguous"):
        return None
    size_bytes = left = int(words[2])
    data = out.read(size_bytes) if size_bytes <= max_bytes else None
    left -= len(data or b"")
    while left:
        skipped = out.read(min(left, _SKIPPED_BYTES))
        if not skipped:
            raise EOFError
        left -= len(skipped)
    out.read(1)
    return Answer(words[0].decode("ascii"), words[1].decode("ascii"), size_bytes, data)
