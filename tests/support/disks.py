"""Disks for the store that fail, or kill this very process, at an exact call.

Every call by which the store makes, changes or removes a file counts as one step; a write that is
the fatal step is done in half, as a crash would leave it.
"""

from __future__ import annotations

import errno
import os
import signal
import threading

from git_mlvc.store.disk import Disk


class CountingDisk(Disk):
    """Counts steps; `on_step` of a subclass decides what becomes of each."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0
        self.kinds: list[str] = []
        self._counting = threading.Lock()

    def is_fatal(self, step: int, kind: str) -> bool:
        return False

    def end(self) -> None:
        raise AssertionError

    def _step(self, kind: str) -> bool:
        with self._counting:
            self.steps += 1
            self.kinds.append(kind)
            return self.is_fatal(self.steps, kind)

    def create(self, path: str) -> int:
        if self._step("create"):
            self.end()
        return super().create(path)

    def pwrite(self, fd: int, data: bytes | bytearray | memoryview, offset: int) -> None:
        if self._step("pwrite"):
            super().pwrite(fd, memoryview(data)[: len(data) // 2], offset)
            self.end()
        super().pwrite(fd, data, offset)

    def truncate(self, fd: int, size_bytes: int) -> None:
        if self._step("truncate"):
            self.end()
        super().truncate(fd, size_bytes)

    def sync(self, fd: int) -> None:
        # Counted, not done: what these tests end is the process, never the machine.
        if self._step("sync"):
            self.end()

    def rename(self, source: str, target: str) -> None:
        if self._step("rename"):
            self.end()
        super().rename(source, target)

    def remove(self, path: str) -> None:
        if self._step("remove"):
            self.end()
        super().remove(path)


class FailingDisk(CountingDisk):
    """Refuses with `code` from step `fail_from` on, until `heal`."""

    def __init__(self, fail_from: int, code: int = errno.ENOSPC) -> None:
        super().__init__()
        self.fail_from = fail_from
        self.code = code

    def is_fatal(self, step: int, kind: str) -> bool:
        # A full disk still lets files go.
        return step >= self.fail_from and kind != "remove"

    def end(self) -> None:
        raise OSError(self.code, os.strerror(self.code))

    def heal(self) -> None:
        self.fail_from = 1 << 60


class KillingDisk(CountingDisk):
    """Ends the process with SIGKILL at one step."""

    def __init__(self, kill_at: int) -> None:
        super().__init__()
        self.kill_at = kill_at

    def is_fatal(self, step: int, kind: str) -> bool:
        return step == self.kill_at

    def end(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)
