"""Running git: the only place that starts the git program.

Every call is read-only towards git's index unless its command is not (`GIT_OPTIONAL_LOCKS=0`), speaks
English (`LC_ALL=C`), and never waits for a terminal it does not have. `subprocess` is imported when the
first command runs, because filter and hooks usually need none.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from git_mlvc.errors import GitError
from git_mlvc.values import value_class

if TYPE_CHECKING:
    from io import BufferedReader
    from typing import IO

    from git_mlvc.git.conversation import Conversation

Arg = str | bytes | Path

# What `git rev-parse --local-env-vars` prints: these bind a process to one repository.
LOCAL_VARIABLES = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_CONFIG",
        "GIT_CONFIG_COUNT",
        "GIT_CONFIG_PARAMETERS",
        "GIT_DIR",
        "GIT_GRAFT_FILE",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_INTERNAL_SUPER_PREFIX",
        "GIT_NO_REPLACE_OBJECTS",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_REPLACE_REF_BASE",
        "GIT_SHALLOW_FILE",
        "GIT_WORK_TREE",
    }
)
# For git that works on our behalf in an index or worktree of ours.
NO_HOOKS = ("-c", f"core.hooksPath={os.devnull}")
# Hooks that are configured and not files: ours do nothing when they see this.
UNDER_US = {"MLVC_HOOK": "add"}
_READ_BYTES = 1 << 16


def clean_env(env: Mapping[str, str]) -> dict[str, str]:
    """Return `env` without what ties it to one repository; for running git in another one."""
    return {name: value for name, value in env.items() if name not in LOCAL_VARIABLES}


@value_class
class Completed:
    """What a finished git said."""

    argv: tuple[str, ...]
    returncode: int
    stdout: bytes
    stderr: bytes


class Git:
    """The git program, run in one directory with one environment."""

    def __init__(
        self,
        cwd: Path | None = None,
        *,
        env: Mapping[str, str],
        git_dir: Path | None = None,
        program: str = "git",
    ) -> None:
        self.cwd = cwd
        self.env = env
        self.git_dir = git_dir
        self.program = program

    def at(self, cwd: Path, *, clean: bool = False, extra: Mapping[str, str] | None = None) -> Git:
        """Return a Git for another directory; `clean` when that is another repository."""
        env = clean_env(self.env) if clean else dict(self.env)
        env.update(extra or {})
        return Git(cwd, env=env, git_dir=None if clean else self.git_dir, program=self.program)

    def running(self, program: str) -> Git:
        """Return the same for another program: the ssh that git would use."""
        return Git(self.cwd, env=self.env, git_dir=self.git_dir, program=program)

    def run(
        self,
        *args: Arg,
        input: bytes | None = None,
        check: bool = True,
        env_extra: Mapping[str, str] | None = None,
    ) -> Completed:
        """Run to the end and return what it wrote.

        Raises GitError when git cannot be started, and when it exits non-zero and `check` is set.
        """
        import subprocess

        argv = self._argv(args)
        try:
            done = subprocess.run(
                argv,
                cwd=self.cwd,
                env=self._environment(env_extra),
                input=input if input is not None else b"",
                capture_output=True,
                check=False,
            )
        except OSError as exc:
            raise self._not_started(argv, exc) from exc
        if check and done.returncode != 0:
            raise GitError(
                _printable(argv), done.returncode, done.stderr.decode("utf-8", "replace")
            )
        return Completed(_printable(argv), done.returncode, done.stdout, done.stderr)

    def begin(self, *args: Arg, input: bytes = b"") -> Begun | None:
        """Start a git that answers while we do something else; None where that cannot be.

        `input` must fit into a pipe (4 KiB). Costs much less than `run`, which imports `subprocess`.
        """
        found = self._program_path()
        if found is None or not hasattr(os, "posix_spawn"):
            return None
        here = [] if self.cwd is None else ["-C", str(self.cwd)]
        return Begun.start([found, *here, *map(os.fsdecode, args)], self._environment(None), input)

    def _program_path(self) -> str | None:
        for folder in self.env.get("PATH", os.defpath).split(os.pathsep):
            path = os.path.join(folder or os.curdir, self.program)
            if os.access(path, os.X_OK) and os.path.isfile(path):
                return path
        return None

    def text(self, *args: Arg, input: bytes | None = None) -> str:
        """Return standard output without its final newline; bytes that are not UTF-8 become surrogates."""
        shown = self.run(*args, input=input).stdout.decode("utf-8", "surrogateescape")
        return shown.removesuffix("\n")

    def records(
        self,
        *args: Arg,
        input: Iterable[bytes] = (),
        separator: bytes = b"\0",
        check: bool = True,
        env_extra: Mapping[str, str] | None = None,
    ) -> Iterator[bytes]:
        """Yield what git writes, cut at `separator`, as it comes; memory stays bounded.

        `input` is fed from a thread while the output is read. Raises GitError after the last record
        when git exits non-zero and `check` is set. Closing the iterator early ends git.
        """
        with self.streaming(*args, input=input, check=check, env_extra=env_extra) as out:
            rest = b""
            while block := out.read1(_READ_BYTES):
                pieces = (rest + block).split(separator)
                rest = pieces.pop()
                yield from pieces
            if rest:
                yield rest

    @contextmanager
    def streaming(
        self,
        *args: Arg,
        input: Iterable[bytes] = (),
        check: bool = True,
        env_extra: Mapping[str, str] | None = None,
    ) -> Iterator[BufferedReader]:
        """Give git's standard output as a file while `input` is fed from a thread.

        On leaving normally everything must have been read; git's exit code is then looked at.
        """
        import subprocess
        import tempfile
        import threading

        argv = self._argv(args)
        with tempfile.TemporaryFile() as errors:
            try:
                process = subprocess.Popen(
                    argv,
                    cwd=self.cwd,
                    env=self._environment(env_extra),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                )
            except OSError as exc:
                raise self._not_started(argv, exc) from exc
            trouble: list[BaseException] = []
            feeder = threading.Thread(
                target=_feed, args=(cast("IO[bytes]", process.stdin), input, trouble), daemon=True
            )
            feeder.start()
            finished = False
            try:
                yield cast("BufferedReader", process.stdout)
                finished = True
            finally:
                if not finished:
                    process.kill()
                cast("IO[bytes]", process.stdout).close()
                process.wait()
                feeder.join()
            if trouble:
                raise trouble[0]
            if check and process.returncode != 0:
                errors.seek(0)
                said = errors.read().decode("utf-8", "replace")
                raise GitError(_printable(argv), process.returncode, said)

    def conversation(self, *args: Arg, env_extra: Mapping[str, str] | None = None) -> Conversation:
        """Return a git that answers questions one after another; it is started with the first."""
        import subprocess

        from git_mlvc.git.conversation import Conversation

        argv, env = self._argv(args), self._environment(env_extra)

        def start() -> subprocess.Popen[bytes]:
            pipe = subprocess.PIPE
            try:
                return subprocess.Popen(
                    argv, cwd=self.cwd, env=env, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL
                )
            except OSError as exc:
                raise self._not_started(argv, exc) from exc

        return Conversation(start)

    def hand_over(
        self,
        *args: Arg,
        input: bytes | None = None,
        env_extra: Mapping[str, str] | None = None,
        is_quiet: bool = False,
    ) -> int:
        """Run with our own standard streams, in the user's language; return the exit code.

        For what git itself is to tell the user. `input`: what it reads instead of our standard input;
        `is_quiet`: what it answers is dropped, what it warns of is not. Raises GitError when git
        cannot be started.
        """
        import subprocess

        argv = self._argv(args)
        try:
            return subprocess.run(
                argv,
                cwd=self.cwd,
                env={**self.env, **(env_extra or {})},
                input=input,
                stdout=subprocess.DEVNULL if is_quiet else None,
                check=False,
            ).returncode
        except OSError as exc:
            raise self._not_started(argv, exc) from exc

    def _argv(self, args: Iterable[Arg]) -> list[str | bytes]:
        return [self.program, *(str(arg) if isinstance(arg, Path) else arg for arg in args)]

    def _environment(self, extra: Mapping[str, str] | None) -> dict[str, str]:
        env = dict(self.env)
        # Set while git recurses into a submodule; most commands refuse to run under it.
        env.pop("GIT_INTERNAL_SUPER_PREFIX", None)
        if self.git_dir is not None:
            env["GIT_DIR"] = str(self.git_dir)
        env.setdefault("GIT_OPTIONAL_LOCKS", "0")
        env["LC_ALL"] = "C"
        env.update(extra or {})
        return env

    def _not_started(self, argv: list[str | bytes], exc: OSError) -> GitError:
        return GitError(
            _printable(argv),
            127,
            f"{self.program} cannot be run in {self.cwd or Path.cwd()}: {exc.strerror}",
            hint="install git, or put it on PATH",
        )


class Begun:
    """A git at work, of which nobody has asked the answer yet."""

    def __init__(self, pid: int, out_fd: int) -> None:
        self._pid = pid
        self._out = out_fd

    @classmethod
    def start(cls, argv: list[str], env: Mapping[str, str], input: bytes) -> Begun | None:
        import signal

        in_fd, feed_fd = os.pipe()
        out_fd, say_fd = os.pipe()
        actions = [
            (os.POSIX_SPAWN_DUP2, in_fd, 0),
            (os.POSIX_SPAWN_DUP2, say_fd, 1),
            (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
        ]
        try:
            os.write(feed_fd, input)
            # Python ignores this signal, and a child would inherit that.
            pid = os.posix_spawn(
                argv[0], argv, env, file_actions=actions, setsigdef=(signal.SIGPIPE,)
            )
        except OSError:
            os.close(out_fd)
            return None
        finally:
            for fd in (in_fd, feed_fd, say_fd):
                os.close(fd)
        return cls(pid, out_fd)

    def answer(self) -> bytes | None:
        """Wait for what git writes; None if it failed: `run` it again to be told why. Only once."""
        with open(self._out, "rb") as out:
            said = out.read()
        try:
            _, status = os.waitpid(self._pid, 0)
        except ChildProcessError:  # whoever started us takes care of all children
            return None
        return said if status == 0 else None


def _feed(pipe: IO[bytes], blocks: Iterable[bytes], trouble: list[BaseException]) -> None:
    try:
        with pipe:
            for block in blocks:
                pipe.write(block)
    except BrokenPipeError:
        pass  # git ended without reading all of it; its exit code says whether that is an error
    except BaseException as exc:  # noqa: BLE001 - carried to the reading thread, raised there
        trouble.append(exc)


def _printable(argv: Iterable[str | bytes]) -> tuple[str, ...]:
    return tuple(
        arg if isinstance(arg, str) else arg.decode("utf-8", "backslashreplace") for arg in argv
    )
