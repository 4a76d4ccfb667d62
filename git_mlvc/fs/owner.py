"""Who is writing a file: host, boot, process. So that another process can tell if it still lives.

A process id alone proves nothing: ids are reused, and a store may be shared between machines and
containers. What cannot be known is None, never False (law 9).
"""

from __future__ import annotations

import os
import sys

from git_mlvc.errors import FormatError
from git_mlvc.values import value_class

_MAX_ENCODED_BYTES = 1024
_SEPARATOR = "\0"
_current: dict[int, Owner] = {}


@value_class
class Owner:
    """One process. Texts are opaque, to be compared only; empty means unknown.

    `host` also names the machine's id, `boot_id` also the process id namespace, where there is one.
    """

    host: str
    boot_id: str
    pid: int
    start_time: str

    def __post_init__(self) -> None:
        if any(_SEPARATOR in text for text in (self.host, self.boot_id, self.start_time)):
            raise ValueError("the parts of an owner have no NUL")
        if not 0 < self.pid < 1 << 63:
            raise ValueError(f"not a process id: {self.pid}")

    @classmethod
    def current(cls) -> Owner:
        pid = os.getpid()
        if pid not in _current:  # by pid: a forked child is somebody else
            _current.clear()
            _current[pid] = cls(_host(), _boot_id(), pid, _start_time(pid))
        return _current[pid]

    def encode(self) -> bytes:
        parts = (self.host, self.boot_id, str(self.pid), self.start_time)
        return _SEPARATOR.join(parts).encode("utf-8", "surrogateescape")

    @classmethod
    def decode(cls, data: bytes) -> Owner:
        """Read what `encode` wrote. Raises FormatError."""
        parts = bytes(data[: _MAX_ENCODED_BYTES + 1]).decode("utf-8", "surrogateescape").split("\0")
        if len(data) > _MAX_ENCODED_BYTES or len(parts) != 4:
            raise FormatError("not an owner record", why=f"{len(data)} bytes, {len(parts)} parts")
        host, boot_id, pid, start_time = parts
        if not (pid.isascii() and pid.isdigit()) or len(pid) > 18 or pid.startswith("0"):
            raise FormatError("not an owner record", why=f"{pid[:40]!r} is not a process id")
        return cls(host, boot_id, int(pid), start_time)

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host.split('/')[0] or 'an unknown host'}"


def is_alive(owner: Owner) -> bool | None:
    """True: it runs. False: it has ended. None: it is out of our sight (another host, container)."""
    here = Owner.current()
    if owner == here:
        return True
    if owner.host != here.host:
        return None
    their_boot, _, their_space = owner.boot_id.partition("/")
    our_boot, _, our_space = here.boot_id.partition("/")
    if their_boot != our_boot:
        # The same machine started anew since. An unknown boot (either side) says nothing.
        return False if their_boot and our_boot else None
    if their_space != our_space:
        return None
    if sys.platform == "win32":
        return None  # os.kill(pid, 0) would end the process there
    try:
        os.kill(owner.pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    started = _start_time(owner.pid)
    if started and owner.start_time:
        return started == owner.start_time and not _is_zombie(owner.pid)
    return True


def _host() -> str:
    if hasattr(os, "uname"):
        name = os.uname().nodename
    else:
        import socket  # several milliseconds, for what uname says at once

        name = socket.gethostname()
    return f"{name}/{_first_line('/etc/machine-id')}"


def _boot_id() -> str:
    boot = _first_line("/proc/sys/kernel/random/boot_id")
    if not boot and sys.platform == "darwin":
        boot = _darwin_boot_session()
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    return f"{boot}/{namespace}"


def _start_time(pid: int) -> str:
    """Return when the process began, in clock ticks since boot; empty if unknown."""
    fields = _stat_fields(pid)
    return fields[19] if len(fields) > 19 else ""  # field 22 of proc(5); two stand before these


def _is_zombie(pid: int) -> bool:
    return _stat_fields(pid)[:1] == ["Z"]


def _stat_fields(pid: int) -> list[str]:
    text = _first_line(f"/proc/{pid}/stat")
    return text.rpartition(")")[2].split()  # the name before it may hold anything


def _first_line(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.readline(4096).strip().replace(_SEPARATOR, "")
    except OSError:
        return ""


def _darwin_boot_session() -> str:
    try:
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
        size = ctypes.c_size_t(64)
        buffer = ctypes.create_string_buffer(64)
        name = b"kern.bootsessionuuid"
        if libc.sysctlbyname(name, buffer, ctypes.byref(size), None, 0) == 0:
            return buffer.value.decode("ascii", "replace")
    except (ImportError, OSError, AttributeError):
        pass
    return ""
