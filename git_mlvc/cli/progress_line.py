"""Progress as one line at the bottom of a terminal, for work that takes longer than a second."""

from __future__ import annotations

import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import TextIO

from git_mlvc.units import seconds_text, size_text

QUIET_S = 1.0
RATE_WINDOW_S = 10.0  # what was fast an hour ago says little of the time that is left
_REDRAW_S = 0.1


class ProgressLine:
    """Implements `progress.Progress`; `advance` may be called from any thread."""

    def __init__(
        self,
        stream: TextIO,
        environment: Mapping[str, str],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self._columns = environment.get("COLUMNS", "")
        self._clock = clock
        self._lock = threading.Lock()
        self._label = ""
        self._drawn = False
        self._begun = self._last = 0.0
        self._lately: deque[tuple[float, int]] = deque()  # when how much was shown
        self._total_bytes: int | None = None
        self._total_files = self._size_bytes = self._most_shown = self._files = 0
        self._remark = ""

    def begin(self, label: str, *, total_bytes: int | None = None, total_files: int = 0) -> None:
        with self._lock:
            self._erase()
            self._label, self._total_bytes, self._total_files = label, total_bytes, total_files
            self._size_bytes = self._files = 0
            self._most_shown = 0
            self._begun = self._last = self._clock()
            self._lately = deque([(self._begun, 0)])
            self._remark = ""

    def advance(self, *, size_bytes: int = 0, files: int = 0) -> None:
        with self._lock:
            self._size_bytes += size_bytes
            self._files += files
            if size_bytes > 0 or files > 0:
                self._remark = ""
            now = self._clock()
            if now - self._begun < QUIET_S or now - self._last < _REDRAW_S:
                return
            self._last = now
            self._draw(now - self._begun)

    def spare(self, size_bytes: int) -> None:
        with self._lock:
            if self._total_bytes is not None:
                self._total_bytes -= size_bytes

    def remark(self, text: str) -> None:
        with self._lock:
            self._remark = text
            if self._label:
                self._draw(self._clock() - self._begun)

    def end(self) -> None:
        with self._lock:
            self._erase()
            self._label = ""

    def clear(self) -> None:
        """Make room for other text; the next `advance` draws again."""
        with self._lock:
            self._erase()

    def _draw(self, elapsed_s: float) -> None:
        # What has to come again is not taken from what was shown: a line does not run backwards.
        self._most_shown = max(self._most_shown, self._size_bytes)
        now = self._begun + elapsed_s
        self._lately.append((now, self._most_shown))
        while len(self._lately) > 2 and self._lately[1][0] < now - RATE_WINDOW_S:
            self._lately.popleft()
        since, size_then = self._lately[0]
        text = progress_text(
            self._label,
            now - since,
            lately_bytes=self._most_shown - size_then,
            size_bytes=self._most_shown,
            total_bytes=self._total_bytes,
            files=self._files,
            total_files=self._total_files,
        )
        if self._remark:
            text = f"{self._label}: {self._remark}"
        self._put("\r" + text[: max(self._width() - 1, 1)] + "\x1b[K")
        self._drawn = True

    def _erase(self) -> None:
        if self._drawn:
            self._put("\r\x1b[K")
            self._drawn = False

    def _width(self) -> int:
        if self._columns.isdigit() and int(self._columns) > 0:
            return int(self._columns)
        return shutil.get_terminal_size().columns

    def _put(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # a terminal that went away must not stop the work
            pass


def progress_text(
    label: str,
    elapsed_s: float,
    *,
    lately_bytes: int | None = None,
    size_bytes: int,
    total_bytes: int | None,
    files: int,
    total_files: int,
) -> str:
    """Return e.g. `uploading: 45 %, 1.2 GB of 2.7 GB, 3 of 7 files, 312 MB/s, 5 s left`.

    `lately_bytes`: how much of it came in the last `elapsed_s`, if not all.
    """
    parts: list[str] = []
    moved_bytes = size_bytes if lately_bytes is None else lately_bytes
    rate = moved_bytes / elapsed_s if elapsed_s > 0 else 0.0
    if total_bytes:
        parts.append(f"{min(100, 100 * size_bytes // total_bytes)} %")
        parts.append(f"{size_text(size_bytes)} of {size_text(total_bytes)}")
    elif size_bytes:
        parts.append(size_text(size_bytes))
    elif total_files:
        parts.append(f"{min(100, 100 * files // total_files)} %")
    if total_files:
        parts.append(f"{files} of {total_files} files")
    elif files:
        parts.append(f"{files} files")
    if rate >= 1:
        parts.append(f"{size_text(int(rate))}/s")
        if total_bytes and total_bytes > size_bytes:
            parts.append(f"{seconds_text((total_bytes - size_bytes) / rate)} left")
    return f"{label}: {', '.join(parts)}" if parts else label
