"""A small process that stops what we have started, should we be killed without a chance to do it ourselves.

It reads which process groups are at work from a pipe that only we can write to. When that ends, whatever
ended us, it stops the groups that are left: SIGTERM, and ten seconds later SIGKILL. Until then it holds
the locks that we held, so that the next command does not begin while an old one still writes.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Sequence

_SHELL = "/bin/sh"
_SCRIPT = r"""
groups=
while read -r sign group; do
  case $sign in
    +) groups="$groups $group" ;;
    -) left=
       for one in $groups; do [ "$one" = "$group" ] || left="$left $one"; done
       groups=$left ;;
  esac
done
lives() {  # in a container the first process often collects no dead: they count as there, for ever
  [ -r /proc/self/stat ] || return 0
  for stat in /proc/[0-9]*/stat; do
    read -r line < "$stat" || continue
    set -- "$1" ${line##*) }
    [ "$4" = "$1" ] && [ "$2" != Z ] && return 0
  done
  return 1
}
some_left() {
  for one in $groups; do kill -0 "-$one" && lives "$one" && return 0; done
  return 1
}
for one in $groups; do kill -TERM "-$one"; kill -CONT "-$one"; done
tenths=0
while [ $tenths -lt 100 ] && some_left; do
  sleep 0.1 || sleep 1
  tenths=$((tenths + 1))
done
for one in $groups; do kill -KILL "-$one"; done
"""


class Guardian:
    """Started when there is the first group to watch. What `held_fds` gives then stays open in it until nothing is
    left.
    """

    def __init__(self, held_fds: Callable[[], Sequence[int]] = tuple) -> None:
        self._held_fds = held_fds
        self._process: subprocess.Popen[bytes] | None = None
        self._write_fd: int | None = None

    def watch(self, group: int) -> None:
        """On return it is certain that the group is stopped when we are killed."""
        if self._process is None:
            self._start()
        self._tell(f"+ {group}\n")

    def forget(self, group: int) -> None:
        self._tell(f"- {group}\n")

    def close(self) -> None:
        """Let it end, which takes as long as something that it watches is left."""
        if self._process is None:
            return
        if self._write_fd is not None:
            os.close(self._write_fd)
            self._write_fd = None
        self._process.wait()
        self._process = None

    def _start(self) -> None:
        read_fd, self._write_fd = os.pipe()
        try:
            self._process = subprocess.Popen(
                [_SHELL, "-c", _SCRIPT, "git-mlvc-guardian"],
                stdin=read_fd,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={"PATH": os.defpath},
                pass_fds=tuple(self._held_fds()),
                start_new_session=True,
            )
        finally:
            os.close(read_fd)

    def _tell(self, line: str) -> None:
        if self._write_fd is not None:
            # It may have been killed; then what we start is no worse off than without it.
            with contextlib.suppress(OSError):
                os.write(self._write_fd, line.encode("ascii"))
