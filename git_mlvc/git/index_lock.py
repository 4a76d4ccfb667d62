"""`index.lock`, as git takes it: created exclusively, written, renamed over the index.

The file must not outlive us, or git refuses to work until somebody removes it. So signals that end a process
wait while it exists (milliseconds), and every way out removes it.
"""

from __future__ import annotations

import errno
import os
import signal
import time
from pathlib import Path
from types import TracebackType
from typing import Self

_POLL_S = 0.01
_ENDING = {
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT")
    if hasattr(signal, name)
}


def shield_thread() -> None:
    """Keep this thread from being the one that a signal ends the process in, for worker threads.

    Otherwise a signal that the thread holding the lock puts off would be delivered here.
    """
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)


class IndexLock:
    """Holds git's lock on the index at `path`, or tells that it could not be had in time."""

    def __init__(self, path: Path, *, timeout_s: float) -> None:
        self.path = path
        self.is_held = False
        self._lock = Path(f"{path}.lock")
        self._timeout_s = timeout_s
        self._fd = -1
        self._signals: set[int | signal.Signals] | None = None

    def __enter__(self) -> Self:
        deadline = time.monotonic() + self._timeout_s
        while True:
            self._hold_signals()
            try:
                self._fd = os.open(
                    self._lock, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666
                )
                self.is_held = True
                return self
            except FileExistsError:
                self._release_signals()
            except OSError:  # read-only or full: the index is left to git
                self._release_signals()
                return self
            if time.monotonic() >= deadline:
                return self
            time.sleep(_POLL_S)

    def write(self, data: bytes | bytearray, *, mtime_ns: int | None, mode: int) -> None:
        """Write the new index; `mtime_ns` None is now. Raises OSError, leaving the index unchanged."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]
        os.fchmod(self._fd, mode)
        if mtime_ns is not None:
            os.utime(self._fd, ns=(mtime_ns, mtime_ns))

    def adopt(self, path: Path) -> None:
        """Take a finished file as the new index; it is gone from `path` then. Raises OSError."""
        try:
            os.replace(path, self._lock)
        except OSError as exc:
            if exc.errno != errno.EXDEV:
                raise
            info = os.stat(path)
            self.write(path.read_bytes(), mtime_ns=info.st_mtime_ns, mode=info.st_mode & 0o777)

    def commit(self) -> None:
        """Make what was written the index."""
        os.close(self._fd)
        self._fd = -1
        os.replace(self._lock, self.path)
        self.is_held = False

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1
            if self.is_held:
                self.is_held = False
                self._lock.unlink(missing_ok=True)
        finally:
            self._release_signals()

    def _hold_signals(self) -> None:
        if hasattr(signal, "pthread_sigmask"):
            self._signals = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)

    def _release_signals(self) -> None:
        if self._signals is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._signals)
            self._signals = None
