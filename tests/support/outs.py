"""A worktree with a store and no git history, for what stages do with their outs."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from git_mlvc.formats import tree
from git_mlvc.formats.tree import TreeRow
from git_mlvc.git.repository import Repository
from git_mlvc.oid import Oid
from git_mlvc.pipeline.model import FileState, Out, Stage
from git_mlvc.pipeline.outs.elsewhere import Elsewhere
from git_mlvc.repo_path import RepoPath
from git_mlvc.store.store import Store


@dataclass
class Known:
    """Says what stands there by reading it, and remembers what it is told."""

    top: Path
    told: dict[RepoPath, tuple[FileState, os.stat_result]] = field(default_factory=dict)

    def out(self, out: Out) -> FileState | None:
        return state_of(self.top / out.path.text)

    def known(self, path: RepoPath, info: os.stat_result) -> FileState | None:
        state, before = self.told.get(path, (None, None))
        return state if before is not None and _same(before, info) else None

    def know(self, path: RepoPath, state: FileState, info: os.stat_result, moment: int) -> None:
        self.told[path] = state, info

    def is_program(self, path: RepoPath, info: os.stat_result) -> bool:
        return bool(info.st_mode & stat.S_IXUSR)

    def moment(self) -> int:
        return time.time_ns()

    def forget(self, paths: Iterable[RepoPath]) -> None:
        """What files look like tells whether what was said of them still counts."""


@dataclass
class Place:
    """A worktree at `top`."""

    top: Path

    def __post_init__(self) -> None:
        git_dir = self.top / ".git"
        for name in ("objects", "refs"):
            (git_dir / name).mkdir(parents=True, exist_ok=True)
        (git_dir / "HEAD").write_text("ref: refs/heads/main\n")
        env = {"PATH": os.environ["PATH"], "HOME": str(self.top), "GIT_CONFIG_NOSYSTEM": "1"}
        self.repo = Repository(git_dir, git_dir, self.top, git_dir / "index", env)
        self.store = Store.open(git_dir / "mlvc")
        self.states = Known(self.top)
        self.elsewhere = Elsewhere(self.repo, self.store)

    def write(self, files: dict[str, bytes]) -> None:
        for name, data in files.items():
            place = self.top / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)

    def ingest(self, *contents: bytes) -> None:
        with self.store.session() as session:
            for data in contents:
                session.ingest_bytes(data)

    def seen(self, *names: str) -> dict[str, tuple[str, int, bytes]]:
        """Return what stands there: name -> (mode, mtime in ns, content)."""
        found = {}
        for name in names:
            for path in (self.top / name, *sorted((self.top / name).rglob("*"))):
                if os.path.lexists(path):
                    info = path.lstat()
                    data = path.read_bytes() if stat.S_ISREG(info.st_mode) else b""
                    shown = str(path.relative_to(self.top))
                    found[shown] = (stat.filemode(info.st_mode), info.st_mtime_ns, data)
        return found

    def contents(self, *names: str) -> dict[str, bytes]:
        return {n: data for n, (mode, _, data) in self.seen(*names).items() if mode[0] != "d"}

    def replaced(self) -> list[bytes]:
        """Return the contents of all that was moved out of the way."""
        found = [p for p in (self.repo.state_dir / "replaced").rglob("*") if p.is_file()]
        found += [p for p in self.top.rglob("*.replaced-*") if p.is_file()]
        return sorted(path.read_bytes() for path in found)

    def asides(self) -> list[Path]:
        inside = list((self.repo.state_dir / "aside").glob("*"))
        return inside + [p for p in self.top.rglob("*.aside") if ".git" not in p.parts]


def stage(*outs: str | Out, address: str = "train") -> Stage:
    made = tuple(
        out if isinstance(out, Out) else Out(RepoPath.parse(out.rstrip("/")), is_directory=out.endswith("/"))
        for out in outs
    )  # fmt: skip
    return Stage(address, address, ("true",), outs=made)


def state_of(place: Path) -> FileState | None:
    """Read what stands there."""
    if place.is_symlink() or not place.exists():
        return None
    if place.is_file():
        data = place.read_bytes()
        return FileState(Oid.of(data), len(data), is_executable=bool(place.stat().st_mode & 0o100))
    rows = []
    for path in sorted(place.rglob("*")):
        if path.is_file() and not path.is_symlink() and ".git" not in path.parts:
            data = path.read_bytes()
            name = os.fsencode(path.relative_to(place))
            rows.append(TreeRow(name, Oid.of(data), len(data), bool(path.stat().st_mode & 0o100)))
    encoded = tree.encode(rows)
    return FileState(Oid.of(encoded), tree.sizes(rows), len(rows), tree_size_bytes=len(encoded))


def _same(one: os.stat_result, two: os.stat_result) -> bool:
    return (one.st_ino, one.st_size, one.st_mtime_ns, one.st_ctime_ns) == (
        two.st_ino, two.st_size, two.st_mtime_ns, two.st_ctime_ns,
    )  # fmt: skip
