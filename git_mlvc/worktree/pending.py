"""Lists of stubs in one worktree's git dir: those to be filled, and those whose data was not to be had.

The filter appends to `pending` while git writes the stubs; the hook shim starts us only when that file is
not empty. Appending is one write and takes no lock; taking the list away renames it first, so that nothing
which is added meanwhile is lost, and a fill that dies leaves the list for the next one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from git_mlvc.formats.pointer import Pointer
from git_mlvc.oid import Oid
from git_mlvc.repo_path import RepoPath

Stubs = dict[RepoPath, Pointer]
_LOCK_TIMEOUT_S = 10.0


class Pending:
    """One such list, `<git dir>/mlvc/<name>`. A path stands for the pointer added last."""

    def __init__(self, state_dir: Path, name: str = "pending") -> None:
        self.path = state_dir / name
        self._seen: list[Path] = []
        self._lock = state_dir / f"{name}.lock"

    def __bool__(self) -> bool:
        return _size(self.path) > 0 or bool(self._taken())

    def add(self, path: RepoPath, pointer: Pointer) -> None:
        """Remember a stub. Raises OSError."""
        self.extend([(path, pointer)])

    def extend(self, stubs: Iterable[tuple[RepoPath, Pointer]]) -> None:
        """Remember several stubs in one write. Raises OSError."""
        data = b"".join(_encoded(path, pointer) for path, pointer in stubs)
        if not data:
            return
        while not self._append(data):
            pass

    def read(self) -> Stubs:
        """Return what is listed, without taking it away."""
        return _decoded(b"".join(map(_content, [*self._taken(), self.path])))

    def take(self) -> Stubs:
        """Return what is listed and empty the list; what a taker who died left is in it again.

        Call `finish` when the work is done. Two takers at once may both get a stub.
        """
        from git_mlvc.fs.lock import FileLock

        if not self:
            return {}
        with FileLock(self._lock, timeout_s=_LOCK_TIMEOUT_S):
            taken = self._taken()
            number = int(taken[-1].name.rpartition(".")[2]) + 1 if taken else 0
            try:
                os.replace(self.path, self.path.with_name(f"{self.path.name}.taken.{number:08}"))
            except FileNotFoundError:
                pass
            self._seen = self._taken()
            return _decoded(b"".join(map(_content, self._seen)))

    def finish(self, left: Iterable[tuple[RepoPath, Pointer]] = ()) -> None:
        """Forget what was taken, except for `left`, which is listed again."""
        self.extend(left)
        for path in self._seen:
            path.unlink(missing_ok=True)
        self._seen = []

    def replace(self, stubs: Stubs) -> None:
        """Have exactly `stubs` listed."""
        self.take()
        self.finish(stubs.items())

    def discard(self, paths: Iterable[RepoPath]) -> None:
        """Take `paths` off the list."""
        gone = set(paths)
        listed = self.read() if self else {}
        if gone & listed.keys():
            taken = self.take()
            self.finish((path, pointer) for path, pointer in taken.items() if path not in gone)

    def _taken(self) -> list[Path]:
        """What takers hold, or left behind; the oldest first."""
        return sorted(self.path.parent.glob(f"{self.path.name}.taken.*"))

    def _append(self, data: bytes) -> bool:
        """Append in one write; False if the list was taken away while we did, so that it may be lost."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
        try:
            fd = os.open(self.path, flags, 0o666)
        except FileNotFoundError:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            fd = os.open(self.path, flags, 0o666)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
            info = os.fstat(fd)
            try:
                return os.path.samestat(info, os.stat(self.path))
            except FileNotFoundError:
                return False
        finally:
            os.close(fd)


def _encoded(path: RepoPath, pointer: Pointer) -> bytes:
    return b"%s %d %s\0" % (str(pointer.oid).encode("ascii"), pointer.size_bytes, path.raw)


def _decoded(data: bytes) -> Stubs:
    """Read records; what is torn or not understood is left out: the stub itself still says it all."""
    found: Stubs = {}
    for record in data.split(b"\0")[:-1]:
        parts = record.split(b" ", 2)
        try:
            pointer = Pointer(Oid.parse(parts[0].decode("ascii")), int(parts[1]))
            found[RepoPath(parts[2])] = pointer
        except (ValueError, IndexError):
            continue
    return found


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
