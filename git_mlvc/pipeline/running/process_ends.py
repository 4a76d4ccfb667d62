"""How the end of a process is seen, and whether anybody of its group is left."""

from __future__ import annotations

import os
import subprocess
import threading

_LOST = 255  # an exit code that nobody knows: at least it is no success


def collect(process: subprocess.Popen[bytes]) -> None:
    """Wait for an end. Popen itself takes one that somebody else has collected for a success."""
    if process.returncode is not None:
        return
    try:
        _, status = os.waitpid(process.pid, 0)
    except ChildProcessError:
        process.returncode = _LOST
    else:
        process.returncode = os.waitstatus_to_exitcode(status)


def is_at_work(group: int) -> bool:
    """True if somebody in the group still runs."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _are_all_dead(group)


def _are_all_dead(group: int) -> bool:
    """In a container the first process often collects no dead: they count as there, for ever."""
    try:
        with os.scandir("/proc") as entries:
            pids = [entry.name for entry in entries if entry.name.isdigit()]
    except OSError:
        return False
    found = False
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
                state, _, its_group = file.read(4096).rpartition(b")")[2].split()[:3]
        except (OSError, ValueError):  # it has ended in the meantime
            continue
        if int(its_group) == group:
            found = True
            if state not in (b"Z", b"X"):
                return False
    return found


def exit_fd(process: subprocess.Popen[bytes]) -> int:
    """Return a descriptor that is readable once the process has ended."""
    if hasattr(os, "pidfd_open"):
        try:
            return os.pidfd_open(process.pid)
        except OSError:
            pass  # an old kernel, or one that does not let us
    read_fd, write_fd = os.pipe()
    threading.Thread(target=_await_exit, args=(process, write_fd), daemon=True).start()
    return read_fd


def _await_exit(process: subprocess.Popen[bytes], write_fd: int) -> None:
    try:
        if hasattr(os, "waitid"):
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        else:
            collect(process)
    except ChildProcessError:
        pass
    finally:
        os.close(write_fd)
