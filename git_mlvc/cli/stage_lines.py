"""What stages write, as a person sees it while they run: on standard error.

One at a time: their bytes as they come, so that progress bars move. Several: whole lines, each with the
stage's name before it, and on a terminal a table of what runs below them.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from git_mlvc.cli.presentable import presentable
from git_mlvc.units import seconds_text

if TYPE_CHECKING:
    from git_mlvc.pipeline.running.outcome import Outcome

Clock = Callable[[], float]
_NARROW = 40
_DRAW_S = 0.1
_PARTIAL_S = 2.0  # so long may a line stay unfinished before it is shown as it is
_LONGEST_LINE = 1 << 16
_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])?"  # CSI, OSC, others
)
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m\Z")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f]")


class StageLines:
    """A `pipeline.watching.Watcher` for one stage at a time, and what the others stand on."""

    tick_s: float | None = None

    def __init__(self, stream: TextIO, *, clock: Clock = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._lock = threading.RLock()
        self._ends_line = True
        self.why: Callable[[str], str] = lambda stage: ""  # it runs, told when it has

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Keep the screen free for other text."""
        with self._lock:
            self._end_line()
            yield

    def waits(self, stage: str, why: str) -> None:
        """Take what keeps a stage from being run; may be called on any thread."""
        self._say(f"{stage} {why}")

    def started(self, stage: str, attempt: int, log: Path | None) -> None:
        again = f" (attempt {attempt})" if attempt > 1 else ""
        self._say(f"{stage}: running{again}")

    def output(self, stage: str, data: bytes) -> None:
        with self._lock, contextlib.suppress(OSError, ValueError):
            buffer = getattr(self._stream, "buffer", None)
            if buffer is None:
                self._stream.write(data.decode("utf-8", "replace"))
            else:
                self._stream.flush()
                buffer.write(data)
            self._stream.flush()
            self._ends_line = data.endswith(b"\n")

    def remark(self, stage: str, text: str) -> None:
        self._say(f"{stage} {text}")

    def ended(self, stage: str, outcome: Outcome) -> None:
        why = self.why(stage)
        self._say(f"{stage}: {how_it_went(outcome)}" + (f" ({why})" if why else ""))

    def tick(self) -> None:
        pass

    def _say(self, text: str) -> None:
        with self._lock:
            self._end_line()
            self._write(text + "\n")

    def _end_line(self) -> None:
        if not self._ends_line:
            self._write("\n")
            self._ends_line = True

    def _write(self, text: str) -> None:
        # A terminal that went away must not stop the work.
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(presentable(text, self._stream.encoding or "utf-8"))
            self._stream.flush()


class PrefixedLines(StageLines):
    """Several at once: `[train@cnn-0.1] epoch 3`, never two in one line."""

    tick_s = 1.0

    def __init__(self, stream: TextIO, *, clock: Clock = time.monotonic) -> None:
        super().__init__(stream, clock=clock)
        self._partial: dict[str, PartialLine] = {}

    def started(self, stage: str, attempt: int, log: Path | None) -> None:
        with self._lock:
            self._partial[stage] = PartialLine(self._clock())
            super().started(stage, attempt, log)

    def output(self, stage: str, data: bytes) -> None:
        with self._lock:
            lines = self._partial[stage].feed(data, self._clock())
            self._show(stage, lines)

    def ended(self, stage: str, outcome: Outcome) -> None:
        with self._lock:
            self._show(stage, self._partial.pop(stage).rest())
            super().ended(stage, outcome)

    def tick(self) -> None:
        with self._lock:
            now = self._clock()
            for stage, partial in self._partial.items():
                if partial.is_waiting(now):
                    self._show(stage, partial.rest())

    def _show(self, stage: str, lines: list[str]) -> None:
        if lines:
            self._write("".join(f"[{stage}] {shown(line)}\n" for line in lines))


class LiveTable(PrefixedLines):
    """As `PrefixedLines`, and below the lines a row for each stage that runs or waits: how long, its last line."""

    tick_s = 0.2

    def __init__(
        self,
        stream: TextIO,
        *,
        clock: Clock = time.monotonic,
        size: Callable[[], tuple[int, int]] | None = None,
    ) -> None:
        super().__init__(stream, clock=clock)
        self._size = size or shutil.get_terminal_size
        self._began: dict[str, float] = {}
        self._last: dict[str, str] = {}
        self._pending: list[str] = []
        self._drawn_rows = 0
        self._drawn_at = 0.0

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        with self._lock:
            self._flush(with_table=False)
            yield

    def waits(self, stage: str, why: str) -> None:
        with self._lock:
            self._began[stage] = self._clock()
            self._last[stage] = why.partition(":")[0]  # who it is changes, and we are told once
            super().waits(stage, why)
            self._flush(with_table=True)  # nothing may come for hours

    def started(self, stage: str, attempt: int, log: Path | None) -> None:
        with self._lock:
            self._began[stage] = self._clock()
            self._last.pop(stage, None)
            super().started(stage, attempt, log)

    def output(self, stage: str, data: bytes) -> None:
        with self._lock:
            super().output(stage, data)
            now = self._partial[stage].text()
            if now:
                self._last[stage] = now
            self._draw_if_due()

    def remark(self, stage: str, text: str) -> None:
        with self._lock:
            self._last[stage] = text
            super().remark(stage, text)

    def ended(self, stage: str, outcome: Outcome) -> None:
        with self._lock:
            super().ended(stage, outcome)
            self._began.pop(stage, None)
            self._last.pop(stage, None)
            self._flush(with_table=True)

    def tick(self) -> None:
        with self._lock:
            super().tick()
            self._draw_if_due()

    def _show(self, stage: str, lines: list[str]) -> None:
        if lines:
            self._last[stage] = lines[-1]
            self._pending += [f"[{stage}] {shown(line)}\n" for line in lines]

    def _say(self, text: str) -> None:
        self._pending.append(text + "\n")
        self._draw_if_due()

    def _draw_if_due(self) -> None:
        if self._clock() - self._drawn_at >= _DRAW_S:
            self._flush(with_table=True)

    def _flush(self, *, with_table: bool) -> None:
        """One write for all: a terminal shows no half of it."""
        erase = f"\r\x1b[{self._drawn_rows}A\x1b[J" if self._drawn_rows else ""
        # Those that wait have rows beside others only: by themselves nothing would move them.
        rows = self._rows() if with_table and self._partial else []
        text = erase + "".join(self._pending) + "".join(f"{row}\n" for row in rows)
        self._pending.clear()
        self._drawn_rows = len(rows)
        self._drawn_at = self._clock()
        if text:
            self._write(text)

    def _rows(self) -> list[str]:
        from rich.cells import cell_len, set_cell_size

        columns, lines = self._size()
        most = max(1, lines - 3)
        stages = list(self._began)
        named = max((cell_len(stage) for stage in stages), default=0)
        name_cells = min(named, columns // 3)
        now = self._clock()
        rows = []
        for stage in stages[:most]:
            took = seconds_text(now - self._began[stage]).rjust(11)
            last = plain(self._last.get(stage, "")).strip()
            row = f"{set_cell_size(stage, name_cells)} {took}  {last}"
            rows.append(set_cell_size(row, columns - 1).rstrip())
        if len(stages) > most:
            rows.append(f"and {len(stages) - most} more")
        return rows


class PartialLine:
    """What a stage has written of a line that it has not ended yet."""

    def __init__(self, now: float) -> None:
        self._bytes = b""
        self._since = now

    def feed(self, data: bytes, now: float) -> list[str]:
        """Return the lines that are complete now; of a progress bar, its last state."""
        was_empty = not self._bytes
        *lines, self._bytes = (self._bytes + data).split(b"\n")
        if lines or was_empty:
            self._since = now
        if len(self._bytes) > _LONGEST_LINE:
            start = self._bytes.rfind(b"\r", 0, -1) + 1
            self._bytes = self._bytes[start:]
            if not start:
                lines.append(self._bytes)
                self._bytes = b""
        return [_last_state(line) for line in lines]

    def rest(self) -> list[str]:
        """Take what there is of a line."""
        text, self._bytes = self.text(), b""
        return [text] if text else []

    def text(self) -> str:
        return _last_state(self._bytes)

    def is_waiting(self, now: float) -> bool:
        """True for text that has stood unfinished for a while, and is no progress bar."""
        return bool(self._bytes) and b"\r" not in self._bytes and now - self._since > _PARTIAL_S


def for_terminal(stream: TextIO, *, jobs: int, is_terminal: bool) -> StageLines:
    """Return what fits so many stages at once and this stream."""
    if jobs <= 1:
        return StageLines(stream)
    if not is_terminal or shutil.get_terminal_size().columns < _NARROW:
        return PrefixedLines(stream)
    return LiveTable(stream)


def how_it_went(outcome: Outcome) -> str:
    """Return e.g. "ran in 12 s", "failed with exit code 3 after 0.4 s"."""
    took = seconds_text(outcome.duration_ms / 1000)
    if outcome.is_ok:
        return f"ran in {took}"
    if outcome.was_interrupted:
        return f"interrupted after {took}"
    if outcome.not_started:
        return f"could not be started: {outcome.not_started}"
    if outcome.timed_out:
        return f"stopped after {took}: it ran too long"
    if outcome.signal is not None:
        return f"killed by signal {outcome.signal} after {took}"
    return f"failed with exit code {outcome.returncode} after {took}"


def shown(line: str) -> str:
    """Return a line with its colours but nothing that moves about on a screen."""
    coloured = False

    def keep(found: re.Match[str]) -> str:
        nonlocal coloured
        if not _COLOUR.match(found[0]):
            return ""
        coloured = True
        return found[0]

    text = _CONTROLS.sub("", _ESCAPES.sub(keep, line))
    return text + "\x1b[0m" if coloured else text


def plain(line: str) -> str:
    return _CONTROLS.sub("", _ESCAPES.sub("", line)).replace("\t", " ")


def _last_state(line: bytes) -> str:
    return line.rstrip(b"\r").rpartition(b"\r")[2].decode("utf-8", "replace")
