"""Real git in a hermetic place: one machine, one user, no network, no terminal, fixed time.

`Machine` is a directory with a home and repositories side by side; `Repo` is one of them. Every command is
given an environment made here, so that nothing of the developer's own configuration is seen; a Python
traceback on any command's stderr fails the test, whatever it was about.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from support.content import is_pointer
from support.extent import IN_FULL

Name = str | bytes
_HANG_S = 120
_START = 1_700_000_000
_LONG_AGO = itertools.count(1_600_000_000)
_CONFIG = """\
[user]
\tname = Ada
\temail = ada@example.org
[init]
\tdefaultBranch = main
[advice]
\tdetachedHead = false
[gc]
\tauto = 0
[protocol "file"]
\tallow = always
"""


@cache
def launcher() -> Path:
    """Return the `git-mlvc` that belongs to the Python running the tests."""
    beside = Path(sys.executable).parent / "git-mlvc"
    found = str(beside) if beside.exists() else shutil.which("git-mlvc")
    if found is None:
        raise RuntimeError("the console script git-mlvc is not installed: pip install -e .")
    return Path(found)


@cache
def git_version() -> tuple[int, ...]:
    words = subprocess.run(["git", "version"], capture_output=True, check=True).stdout.split()
    return tuple(int(part) for part in words[2].split(b".")[:3] if part.isdigit())


class CommandFailed(AssertionError):
    """A command that should have succeeded did not."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a command said."""

    argv: tuple[str, ...]
    returncode: int
    stdout: bytes
    stderr: bytes

    @property
    def out(self) -> str:
        return self.stdout.decode("utf-8", "surrogateescape")

    @property
    def err(self) -> str:
        return self.stderr.decode("utf-8", "surrogateescape")

    @property
    def ok(self) -> bool:
        return self.returncode == 0

    def refused_because(self, text: str) -> bool:
        """True if the command failed and said `text`; otherwise raises, to show what it said."""
        assert self.returncode != 0, f"was not refused\n{self}"
        assert text in self.err, f"did not say {text!r}\n{self}"
        return True

    def __str__(self) -> str:
        return (
            f"$ {' '.join(self.argv)}\nexit code {self.returncode}\n"
            f"--- stdout\n{self.out[-4000:]}\n--- stderr\n{self.err[-8000:]}"
        )


class Clock:
    """The date that commits carry: one minute later with each command."""

    def __init__(self, now: int = _START) -> None:
        self.now = now

    def tick(self) -> None:
        self.now += 60


@dataclass(eq=False)
class Machine:
    """One user's computer: `root` holds her home and, side by side, her repositories."""

    root: Path
    clock: Clock = field(default_factory=Clock)
    extra_env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.home = self.root / "home"
        self.home.mkdir(parents=True, exist_ok=True)
        self.config_file = self.home / ".gitconfig"
        if not self.config_file.exists():
            self.config_file.write_text(_CONFIG)

    def env(self) -> dict[str, str]:
        """Return the whole environment of a command: nothing is inherited but PATH."""
        date = f"{self.clock.now} +0000"
        return {
            "PATH": f"{launcher().parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home / ".config"),
            "XDG_CACHE_HOME": str(self.home / ".cache"),
            "XDG_STATE_HOME": str(self.home / ".state"),
            "TMPDIR": os.environ.get("TMPDIR", "/tmp"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": str(self.config_file),
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_EDITOR": ":",
            "GIT_PAGER": "cat",
            "GIT_AUTHOR_DATE": date,
            "GIT_COMMITTER_DATE": date,
            "GIT_CEILING_DIRECTORIES": str(self.root),
            "LC_ALL": "C",
            "TZ": "UTC",
            **self.extra_env,
        }

    def run(
        self,
        *argv: Name | Path,
        cwd: Path | None = None,
        check: bool = True,
        env: Mapping[str, str | None] | None = None,
        input: bytes | None = None,
        tick: bool = True,
        timeout_s: float = _HANG_S,
    ) -> Result:
        """Run a command without a terminal. `env` adds variables; None removes one.

        Raises CommandFailed when `check` and it fails; always when it hangs or shows a traceback.
        """
        if tick:
            self.clock.tick()
        whole = self.env()
        for key, value in (env or {}).items():
            whole.pop(key, None)
            if value is not None:
                whole[key] = value
        words = [os.fsencode(word) for word in argv]
        shown = tuple(os.fsdecode(word) for word in words)
        try:
            done = subprocess.run(
                words,
                cwd=cwd or self.root,
                env=whole,
                input=input if input is not None else b"",
                capture_output=True,
                timeout=timeout_s,
                start_new_session=True,
                check=False,
            )
        except subprocess.TimeoutExpired as exc:
            said = (exc.stderr or b"").decode("utf-8", "replace")
            raise CommandFailed(f"$ {' '.join(shown)}\nhung for {timeout_s} s\n{said}") from exc
        result = Result(shown, done.returncode, done.stdout, done.stderr)
        if b"Traceback (most recent call last)" in done.stderr + done.stdout:
            raise CommandFailed(f"showed a traceback\n{result}")
        if check and done.returncode != 0:
            raise CommandFailed(str(result))
        return result

    def git(self, *args: Name | Path, cwd: Path | None = None, **options: object) -> Result:
        return self.run("git", *args, cwd=cwd, **options)  # type: ignore[arg-type]

    def config(self, key: str, value: str) -> Machine:
        """Set a value in this user's global configuration."""
        if not _append(self.config_file, key, value):
            self.git("config", "--global", key, value, tick=False)
        return self

    def install(self) -> Machine:
        """Do what `git mlvc install` does; run it really only once per test process."""
        added = _what_install_adds(self.root)
        if added not in self.config_file.read_text():
            with self.config_file.open("a") as file:
                file.write(added)
        return self

    def path(self, name: Name) -> Path:
        return self.root / os.fsdecode(name)

    def init(self, name: Name = "repo", *args: str) -> Repo:
        self.git("init", "-q", *args, self.path(name))
        return Repo(self.path(name), self)

    def bare(self, name: Name = "origin.git", *args: str) -> Repo:
        return self.init(name, "--bare", *args)

    def clone(self, source: Name | Path, name: Name, *args: str, **options: object) -> Repo:
        """Clone `source` (a path relative to the machine, or a URL) to `name`."""
        self.git("clone", "-q", *args, source, self.path(name), **options)
        return Repo(self.path(name), self)

    def repo(self, name: Name) -> Repo:
        return Repo(self.path(name), self)


_additions: list[str] = []


def _what_install_adds(near: Path) -> str:
    """Return what `git mlvc install` adds to an empty global configuration, asking it only once."""
    if not _additions:
        template = Machine(near / "install-template")
        before = template.config_file.read_text()
        template.git("mlvc", "install")
        after = template.config_file.read_text()
        shutil.rmtree(template.root)
        assert after.startswith(before), after
        assert '[filter "mlvc"]' in after, after
        _additions.append(after[len(before) :])
    return _additions[0]


def _append(file: Path, key: str, value: str) -> bool:
    """Add a value to git's configuration as `git config` would, without a process.

    False if something there has such a name already: then it is git's to replace it.
    """
    section, _, name = key.rpartition(".")
    group, _, member = section.partition(".")
    if re.search(rf"^\s*{re.escape(name)}\b", file.read_text(), re.M | re.I):
        return False
    header = f"{group} {_quoted(member)}" if member else group
    with file.open("a") as config:
        config.write(f"[{header}]\n\t{name} = {_quoted(value)}\n")
    return True


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


@dataclass(frozen=True)
class Repo:
    """One repository (a worktree, or a bare one) on a machine."""

    path: Path
    machine: Machine

    # -- git

    def git(self, *args: Name | Path, **options: object) -> Result:
        """Run git here. Options: check, env, input, tick, timeout_s (see Machine.run)."""
        return self.machine.git(*args, cwd=self.path, **options)

    def fails(self, *args: Name | Path, **options: object) -> Result:
        """Run git here and insist that it fails."""
        result = self.git(*args, check=False, **options)
        assert result.returncode != 0, f"succeeded\n{result}"
        return result

    def mlvc(self, *args: Name | Path, **options: object) -> Result:
        return self.git("mlvc", *args, **options)

    def text(self, *args: Name | Path) -> str:
        """Return what git prints, without moving the clock and without optional locks."""
        return self.git(*args, tick=False, env={"GIT_OPTIONAL_LOCKS": "0"}).out.strip()

    def status(self) -> str:
        return self.git("status", "--porcelain", tick=False).out

    def is_clean(self) -> bool:
        assert self.status() == "", self.status()
        return True

    def add(self, *names: Name) -> Repo:
        self.git("add", *(("--", *names) if names else ("-A",)))
        return self

    def commit(self, message: str, *args: str) -> Repo:
        self.git("commit", "-q", "--allow-empty", "-m", message, *args)
        return self

    def head(self) -> str:
        return self.text("rev-parse", "HEAD")

    def blob(self, spec: Name) -> bytes:
        """Return the bytes git itself stores, unfiltered: `HEAD:data.bin`, `:data.bin`."""
        return self.git("cat-file", "blob", spec, tick=False).stdout

    def requests(self, *args: Name | Path, **options: object) -> list[str]:
        """Run git and return what it asked of the filter: ["clean data.bin", "smudge x", …]."""
        trace = self.git_dir / "trace-of-test"
        env = {"GIT_TRACE_PACKET": str(trace), **options.pop("env", {})}  # type: ignore[dict-item]
        try:
            self.git(*args, env=env, **options)
            lines = (
                trace.read_bytes().decode("utf-8", "replace").splitlines() if trace.exists() else []
            )
        finally:
            trace.unlink(missing_ok=True)
        asked: list[str] = []
        for line in lines:
            said = line.partition("> ")[2]
            if said.startswith("command="):
                asked.append(said.removeprefix("command="))
            elif said.startswith("pathname=") and asked and " " not in asked[-1]:
                asked[-1] += " " + said.removeprefix("pathname=")
        return asked

    def cleans(self, *args: Name | Path) -> list[str]:
        """Run git and return the paths it had cleaned."""
        asked = self.requests(*args)
        return [line.partition(" ")[2] for line in asked if line.startswith("clean")]

    # -- set-up

    def track(self, *patterns: str, above: str | None = None) -> Repo:
        """Write the attributes by hand: the verb has tests of its own."""
        line = "filter=mlvc diff=mlvc -merge -text" if above is None else "filter=mlvc merge=mlvc"
        with (self.path / ".gitattributes").open("a") as attributes:
            attributes.writelines(f"{pattern} {line}\n" for pattern in patterns)
        if above is not None:
            with (self.path / "mlvc.toml").open("a") as settings:
                settings.writelines(
                    f'[track."{pattern}"]\nmin_size = "{above}"\n' for pattern in patterns
                )
        return self

    def set(self, key: str, value: str) -> Repo:
        file = self.path / ".git" / "config"
        if not file.exists() or not _append(file, key, value):
            self.git("config", key, value, tick=False)
        return self

    # -- files

    def at(self, name: Name) -> Path:
        return self.path / os.fsdecode(name)

    def write(self, files: Mapping[str, bytes] | Mapping[bytes, bytes]) -> Repo:
        """Write files as if long ago, each a second after the one before.

        What is added within a second of being written is not trusted by git ("racily clean"), so that each
        `commit` and `status` has it cleaned again, by one more process. `make faults` leaves the times as they are.
        """
        self.write_now(files)
        if not IN_FULL:
            for name in files:
                long_ago = next(_LONG_AGO)
                os.utime(self.at(name), (long_ago, long_ago))
        return self

    def write_now(self, files: Mapping[str, bytes] | Mapping[bytes, bytes]) -> Repo:
        """Write files that are as young as the index will be."""
        for name, data in files.items():
            path = self.at(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return self

    def read(self, name: Name) -> bytes:
        return self.at(name).read_bytes()

    def remove(self, *names: Name) -> Repo:
        for name in names:
            path = self.at(name)
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        return self

    def has(self, name: Name) -> bool:
        return os.path.lexists(self.at(name))

    def files(self) -> Iterator[tuple[str, Path]]:
        """Yield (name, path) of everything in the worktree that is not a directory or git's own."""
        for top, folders, names in os.walk(self.path):
            if ".git" in folders and Path(top) != self.path:
                folders.remove(".git")
            if Path(top) == self.path:
                folders[:] = [folder for folder in folders if folder != ".git"]
            links = [folder for folder in folders if (Path(top) / folder).is_symlink()]
            for name in [*names, *links]:
                if name == ".git":
                    continue
                path = Path(top) / name
                yield os.path.relpath(path, self.path), path

    def snapshot(self) -> dict[str, tuple[str, bytes]]:
        """Return what is in the worktree: name -> (mode as ls shows it, bytes or link target)."""
        found = {}
        for name, path in self.files():
            info = path.lstat()
            if stat.S_ISLNK(info.st_mode):
                data = os.fsencode(os.readlink(path))
            elif stat.S_ISREG(info.st_mode):
                data = path.read_bytes()
            else:
                data = b""
            found[name] = (stat.filemode(info.st_mode), data)
        return found

    def stubs(self) -> list[str]:
        """Return the names of worktree files that are pointers."""
        return sorted(
            name
            for name, path in self.files()
            if path.is_file() and path.stat().st_size < 200 and is_pointer(path.read_bytes())
        )

    # -- inside git

    def is_bare(self) -> bool:
        return not os.path.lexists(self.path / ".git")

    @property
    def git_dir(self) -> Path:
        dot_git = self.path / ".git"
        if dot_git.is_dir():
            return dot_git
        if dot_git.is_file():
            target = Path(dot_git.read_text().removeprefix("gitdir: ").strip())
            return target if target.is_absolute() else (self.path / target).resolve()
        return self.path

    @property
    def store(self) -> Path:
        """Return where the local data lies, by the promise of docs/formats."""
        common = self.git_dir / "commondir"
        top = (self.git_dir / common.read_text().strip()) if common.exists() else self.git_dir
        return top.resolve() / "mlvc"

    def lose_data(self) -> Repo:
        """Take the local data away, as on a machine that never had it."""
        for part in ("packs", "segments", "tmp"):
            shutil.rmtree(self.store / part, ignore_errors=True)
        return self

    def worktree(self, name: Name) -> Repo:
        """Return the sibling directory `name` as a repository (made by `git worktree add`)."""
        return Repo(self.path.parent / os.fsdecode(name), self.machine)
