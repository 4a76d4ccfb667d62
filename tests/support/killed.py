"""A process that gets SIGKILL right before one of the steps by which it changes files.

Steps are what Python itself announces before it does it (audit events): names made, moved and removed, files
opened for writing, modes and time stamps set.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable

_STEPS = {
    "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate",
    "os.chmod", "os.utime", "shutil.rmtree",
}  # fmt: skip


def steps_of(work: Callable[[], object]) -> int:
    """Return how many steps `work` takes; it runs in a child, so that its files stay changed."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        with contextlib.suppress(BaseException):
            counted = _counting(work, kill_at=0)
            os.write(writing, b"%d" % counted)
            code = 0
        os._exit(code)
    os.close(writing)
    with open(reading, "rb") as said:
        counted = said.read()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    return int(counted)


def killed_at(step: int, work: Callable[[], object]) -> bool:
    """Run `work` in a child that is killed right before its step `step`; False if it ended before."""
    pid = os.fork()
    if pid == 0:
        code = 1
        with contextlib.suppress(BaseException):
            _counting(work, kill_at=step)
            code = 0
        os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code in (0, -signal.SIGKILL), code
    return code != 0


def _counting(work: Callable[[], object], *, kill_at: int) -> int:
    counted = 0

    def note(event: str, args: tuple[object, ...]) -> None:
        nonlocal counted
        if event == "open":
            is_step = isinstance(args[2], int) and bool(args[2] & (os.O_WRONLY | os.O_RDWR))
        else:
            is_step = event in _STEPS
        if is_step:
            counted += 1
            if counted == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(note)
    work()
    return counted
