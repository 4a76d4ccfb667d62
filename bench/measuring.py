"""Run a command and say what it cost: processor time, wall-clock time, peak memory by program.

Processor time and the peak of the largest process come from the kernel, for all processes that were
waited for; which program that was is seen by looking at /proc now and then. Needs Linux.
"""

import os
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

MIB = 1 << 20
LOOK_EVERY_S = 0.05
CGROUP_V1 = Path("/sys/fs/cgroup/memory")
CGROUP_V2 = Path("/sys/fs/cgroup")


class Failed(Exception):
    """A command that did not end well; its text is what it said."""


@dataclass
class Cost:
    """What one command took. `peaks`: the largest resident size seen of each program, in bytes."""

    cpu_s: float
    wall_s: float
    rss_bytes: int
    peaks: dict[str, int] = field(default_factory=dict)

    @property
    def largest(self):
        """The name of the program that needed most memory."""
        return max(self.peaks, key=self.peaks.get, default="?")


def run(script, cwd, env, *, limit=None):
    """Run a shell script under a `Limit` or none; return its Cost. Raises Failed."""
    with tempfile.TemporaryFile() as out:
        began = time.perf_counter()
        child = subprocess.Popen(
            ["sh", "-ec", script],
            cwd=cwd,
            env=env,
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=limit.enter if limit else None,
        )
        watch = _Watch(child.pid)
        try:
            _, status, usage = os.wait4(child.pid, 0)
            wall_s = time.perf_counter() - began
        except BaseException:
            os.killpg(child.pid, signal.SIGKILL)
            raise
        finally:
            watch.stop()
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            out.seek(0)
            said = " ".join(out.read().decode(errors="replace").split())
            raise Failed(f"exit {child.returncode}: {script}: {said[-600:]}")
    cpu_s = usage.ru_utime + usage.ru_stime
    return Cost(cpu_s, wall_s, usage.ru_maxrss * 1024, watch.peaks)


class _Watch(threading.Thread):
    """Looks at a session's processes until it is told to stop."""

    def __init__(self, session):
        super().__init__(daemon=True)
        self.session, self.peaks, self._end = session, {}, threading.Event()
        self.start()

    def run(self):
        while not self._end.wait(LOOK_EVERY_S):
            for pid in self._family(self.session):
                self._look(pid)

    def stop(self):
        self._end.set()
        self.join()

    def _family(self, pid):
        yield pid
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        except OSError:
            return
        for child in children:
            yield from self._family(int(child))

    def _look(self, pid):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            return
        if "VmHWM:" in status:
            name, peak = program(words), int(status.split("VmHWM:")[1].split()[0]) * 1024
            self.peaks[name] = max(peak, self.peaks.get(name, 0))


def program(words):
    """The first words of a command line that say which program it is."""
    named = [Path(os.fsdecode(word)).name for word in words if word]
    if named and named[0].startswith("python"):
        named = [word for word in named[1:] if not word.startswith("-")]
    plain = [word for word in named if not word.startswith("-") and "=" not in word]
    return " ".join(plain[:2])[:28] or "?"


class Limit:
    """At most so many bytes of memory for all that is started: a cgroup, or else the address space.

    A cgroup counts what a family of processes holds together, page cache included, and kills when it
    cannot be reclaimed. Without one, each process may map so much and no more (files too).
    """

    def __init__(self, size_bytes):
        self.size_bytes, self._group = size_bytes, None
        for base, file in ((CGROUP_V1, "memory.limit_in_bytes"), (CGROUP_V2, "memory.max")):
            group = base / f"mlvc-bench-{os.getpid()}"
            try:
                group.mkdir()
                (group / file).write_text(str(size_bytes))
                self._group = group
                break
            except OSError:
                if group.exists():
                    group.rmdir()

    @property
    def words(self):
        kind = "cgroup" if self._group else "RLIMIT_AS of each process"
        return f"{self.size_bytes / MIB:.0f} MiB, {kind}"

    def enter(self):
        if self._group:
            (self._group / "cgroup.procs").write_text(str(os.getpid()))
        else:
            import resource

            resource.setrlimit(resource.RLIMIT_AS, (self.size_bytes, self.size_bytes))

    def peak_bytes(self):
        """The most that the group held at a time, page cache included; None without a cgroup."""
        for name in "memory.max_usage_in_bytes", "memory.peak":
            if self._group and (self._group / name).exists():
                return int((self._group / name).read_text())
        return None

    def close(self):
        if self._group:
            self._group.rmdir()


def surroundings(top, program):
    """The environment of a home of its own under `top`, with `program` the git-mlvc that git finds."""
    home = top / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        "[user]\n\tname = bench\n\temail = bench@example.org\n[gc]\n\tauto = 0\n"
        '[maintenance]\n\tauto = false\n[protocol "file"]\n\tallow = always\n'
    )
    return {
        "PATH": f"{Path(program).parent}:{os.environ['PATH']}",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }
