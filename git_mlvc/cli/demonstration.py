"""The whole main job on real content, with plain git commands, in a place of its own.

The content is the standard library of the Python that runs this: its files as they are, a table with a
row for each of their lines, and an array of numbers made from them. Nothing outside the given
directory is read from git's configuration or written to it.
"""

from __future__ import annotations

import csv
import os
import random
import shlex
import shutil
import sysconfig
import tempfile
import time
from array import array
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from git_mlvc.errors import InputError
from git_mlvc.git.process import Completed, Git, clean_env
from git_mlvc.units import seconds_text, size_text

TABLE_BYTES = 24 << 20
ARRAY_BYTES = 16 << 20
EDIT_REGIONS = 12
_READ_BYTES = 1 << 20
_GIT_CONFIG = """\
[user]
\tname = Demo
\temail = demo@example.org
[init]
\tdefaultBranch = main
[advice]
\tdetachedHead = false
[protocol "file"]
\tallow = always
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One step of the job: bytes a person sees, bytes added to the store, bytes sent, seconds."""

    step: str
    data_bytes: int
    stored_bytes: int
    sent_bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it; `differences` names the files whose bytes are not what they should be."""

    rows: tuple[Row, ...]
    differences: tuple[str, ...]


class Demonstration:
    """Runs the job in `top`, an empty directory; `say` gets each line of the story."""

    def __init__(
        self, top: Path, launcher: str, environment: Mapping[str, str], say: Callable[[str], None]
    ) -> None:
        self._top = top
        self._project, self._clone = top / "project", top / "clone"
        self._origin = top / "origin.git"
        self._first = top / "first-version"
        self._say = say
        self._git = Git(top, env=_hermetic(top, launcher, environment))
        self._rows: list[Row] = []

    def run(self) -> Outcome:
        """Raises GitError when a command fails, InputError when there is no content to be found."""
        self._git.run("mlvc", "install")
        self._first_version()
        self._one_percent()
        self._push()
        self._clone_elsewhere()
        differences = self._differences(self._project, self._clone)
        self._verdict("the clone", differences)
        self._back_to_first()
        old = self._differences(self._first, self._clone)
        self._verdict("the first version", old)
        for place in (self._project, self._clone):
            left = self._git.at(place).text("status", "--porcelain")
            differences += [f"git status in {place.name}: {line}" for line in left.splitlines()]
        return Outcome(tuple(self._rows), tuple(differences + old))

    # -- the steps

    def _first_version(self) -> None:
        self._shown("git init -q project")
        made = make_content(self._project)
        self._say(
            f"  made {made} files of real content: library/ (this Python's own), table.csv, array.f32"
        )
        shutil.copytree(self._project, self._first, ignore=shutil.ignore_patterns(".git"))
        begun = self._begin()
        self._shown("git mlvc track 'library/**' '*.csv' '*.f32'", self._project)
        self._shown("git add .", self._project)
        self._shown("git commit -q -m 'first version'", self._project)
        self._step("add and commit", begun, tree_size(self._first))

    def _one_percent(self) -> None:
        table = self._project / "table.csv"
        edited = edit_one_percent(table)
        self._say(f"  changed, inserted and removed {size_text(edited)} (1 %) inside table.csv")
        begun = self._begin()
        self._shown("git commit -q -a -m 'edit 1 % of the table'", self._project)
        self._step("edit 1 %, commit", begun, table.stat().st_size)

    def _push(self) -> None:
        self._shown("git init -q --bare origin.git")
        self._shown("git remote add origin ../origin.git", self._project)
        begun = self._begin()
        self._shown("git push -q -u origin HEAD", self._project)
        self._step("push both", begun, tree_size(self._first) + _size(self._project / "table.csv"))

    def _clone_elsewhere(self) -> None:
        begun = self._begin()
        self._shown("git clone -q origin.git clone")
        self._step("clone", begun, tree_size(self._clone))

    def _back_to_first(self) -> None:
        begun = self._begin()
        self._shown("git checkout -q HEAD~1", self._clone)
        self._step("check out the first", begun, _size(self._clone / "table.csv"))

    # -- telling and measuring

    def _shown(self, command: str, place: Path | None = None) -> Completed:
        where = f"{place.name}/ " if place else ""
        self._say(f"{where}$ {command}")
        done = self._git.at(place or self._top).run(*shlex.split(command)[1:])
        for line in (done.stdout + done.stderr).decode("utf-8", "replace").splitlines():
            self._say(f"  {line}")
        return done

    def _begin(self) -> tuple[float, int, int]:
        return time.monotonic(), self._stored(), tree_size(self._origin / "mlvc")

    def _step(self, name: str, begun: tuple[float, int, int], data_bytes: int) -> None:
        seconds = time.monotonic() - begun[0]
        row = Row(
            name,
            data_bytes,
            self._stored() - begun[1],
            tree_size(self._origin / "mlvc") - begun[2],
            seconds,
        )
        self._rows.append(row)
        self._say(
            f"  {size_text(data_bytes)} of data: {size_text(row.stored_bytes)} stored,"
            f" {size_text(row.sent_bytes)} sent, {seconds_text(seconds)}"
        )

    def _stored(self) -> int:
        return sum(tree_size(place / ".git" / "mlvc") for place in (self._project, self._clone))

    def _verdict(self, name: str, differences: list[str]) -> None:
        for difference in differences:
            self._say(f"  DIFFERENT: {difference}")
        if not differences:
            self._say(f"  compared byte by byte: {name} is right")

    @staticmethod
    def _differences(one: Path, other: Path) -> list[str]:
        names = sorted(set(_names(one)) | set(_names(other)))
        return [
            name
            for name in names
            if name != ".gitattributes" and not _same(one / name, other / name)
        ]


@contextmanager
def place(directory: Path | None, *, keep: bool) -> Iterator[Path]:
    """Make a new directory to work in, below `directory` if given; it is removed unless kept."""
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
    top = Path(tempfile.mkdtemp(prefix="git-mlvc-demo-", dir=directory)).resolve()
    try:
        yield top
    finally:
        if not keep:
            shutil.rmtree(top, ignore_errors=True)


def make_content(top: Path) -> int:
    """Write `library/`, `table.csv` and `array.f32` below `top`; returns how many files those are.

    Raises InputError when this Python has no readable standard library.
    """
    sources = list(_library())
    if not sources:
        raise InputError("this Python's standard library has no files to show anything with")
    root = Path(sysconfig.get_path("stdlib"))
    for source in sources:
        target = top / "library" / source.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    _write_table(top / "table.csv", sources, root)
    _write_array(top / "array.f32", sources)
    return len(sources) + 2


def edit_one_percent(path: Path) -> int:
    """Overwrite, insert and remove one percent of a file in a dozen places; returns those bytes."""
    data = path.read_bytes()
    total = len(data) // 100
    length = total // EDIT_REGIONS
    rng = random.Random(1)
    pieces: list[bytes] = []
    at = 0
    for region in range(EDIT_REGIONS):
        start = (2 * region + 1) * len(data) // (2 * EDIT_REGIONS)
        fresh = rng.randbytes(length // 2).hex().encode()[:length]
        pieces += [data[at:start], fresh if region % 3 != 2 else b""]
        at = start + (length if region % 3 != 1 else 0)
    path.write_bytes(b"".join([*pieces, data[at:]]))
    return length * EDIT_REGIONS


def tree_size(top: Path) -> int:
    """Return the bytes of all files below a directory, `.git` left out unless it is the directory."""
    return sum(_size(top / name) for name in _names(top))


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return 0


def _names(top: Path) -> Iterator[str]:
    for directory, directories, files in os.walk(top):
        if ".git" in directories:
            directories.remove(".git")
        for name in files:
            yield os.path.relpath(os.path.join(directory, name), top)


def _same(one: Path, other: Path) -> bool:
    if not (one.is_file() and other.is_file()) or _size(one) != _size(other):
        return False
    with open(one, "rb") as left, open(other, "rb") as right:
        while block := left.read(_READ_BYTES):
            if block != right.read(_READ_BYTES):
                return False
    return True


def _library() -> Iterator[Path]:
    root = Path(sysconfig.get_path("stdlib"))
    for directory, directories, files in os.walk(root):
        directories[:] = sorted(
            name
            for name in directories
            if name not in ("site-packages", "dist-packages", "test", "tests", "__pycache__")
        )
        for name in sorted(files):
            path = Path(directory, name)
            if name.endswith(".py") and path.is_file() and _size(path):
                yield path


def _write_table(path: Path, sources: list[Path], root: Path) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["file", "line", "length", "indent", "words", "text"])
        for source in sources:
            name = source.relative_to(root).as_posix()
            lines = source.read_text("utf-8", "replace").splitlines()
            for number, line in enumerate(lines, start=1):
                stripped = line.lstrip()
                indent = len(line) - len(stripped)
                rows.writerow([name, number, len(line), indent, len(stripped.split()), stripped])
            if file.tell() > TABLE_BYTES:
                return


def _write_array(path: Path, sources: list[Path]) -> None:
    """A random walk steered by the bytes of the library: numbers that look like measured ones."""
    level = 0.0
    left = ARRAY_BYTES
    with open(path, "wb") as file:
        for source in sources:
            data = source.read_bytes()[: left // 4]
            values = array("f")
            for byte in data:
                level = 0.995 * level + (byte - 80) * 0.01
                values.append(level)
            values.tofile(file)
            left -= 4 * len(data)
            if left <= 0:
                return


def _hermetic(top: Path, launcher: str, environment: Mapping[str, str]) -> dict[str, str]:
    home, programs = top / "home", top / "bin"
    home.mkdir()
    programs.mkdir()
    (home / ".gitconfig").write_text(_GIT_CONFIG)
    program = programs / "git-mlvc"
    program.write_text(f'#!/bin/sh\nexec {launcher} "$@"\n')
    program.chmod(0o755)
    kept = {
        name: value
        for name, value in clean_env(environment).items()
        if not name.startswith(("GIT_", "MLVC_"))
    }
    return kept | {
        "PATH": f"{programs}{os.pathsep}{environment.get('PATH', os.defpath)}",
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }
