"""The files of an out, as they stand there after the stage ran; and everything an out may not be.

An out is a file or a directory in its own place, with nothing but files and directories in it: a link, a pipe
or a repository would not come back from the store as what it was.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from git_mlvc.errors import InputError, StageFailed
from git_mlvc.fs.safe_path import resolve_inside
from git_mlvc.pipeline.model import Out, Stage
from git_mlvc.repo_path import RepoPath, shown


class OutFile(NamedTuple):
    """A regular file: its path in the repository, in the out (b"" for the out itself), and its looks."""

    path: RepoPath
    inner: bytes
    info: os.stat_result


@dataclass(slots=True)
class Look:
    """What an out is. `folders`: of a directory, what it and those in it looked like, by their place."""

    is_directory: bool
    files: list[OutFile] = field(default_factory=list)
    folders: dict[bytes, os.stat_result] = field(default_factory=dict)

    def has_changed(self) -> bool:
        """True if files came or went since."""
        try:
            return any(
                os.lstat(place).st_mtime_ns != info.st_mtime_ns
                for place, info in self.folders.items()
            )
        except OSError:
            return True


def look(top: Path, stage: Stage, out: Out) -> Look:
    """Return what the stage made. Raises StageFailed for what is no out, InputError for what is not seen."""
    try:
        place = os.fsencode(resolve_inside(top, out.path))
        info = os.lstat(place)
    except FileNotFoundError:
        raise StageFailed(
            f"stage '{stage.address}' did not make {out.path}",
            why="its command ended, and nothing stands there",
            hint=f"have the command write {out.path}, or correct `outs` in {stage.file}",
        ) from None
    except InputError as exc:
        raise _refused(stage, out, exc.why) from exc
    except OSError as exc:
        raise unreadable(out.path, exc) from exc
    if stat.S_ISDIR(info.st_mode):
        found = Look(is_directory=True)
        _look_into(place, info, b"", stage, out, found)
        return found
    if not stat.S_ISREG(info.st_mode):
        raise _refused(stage, out, f"{out.path} is {_kind(info.st_mode)}")
    if out.is_directory:
        raise StageFailed(
            f"stage '{stage.address}' made a file of {out.path}",
            why="`outs` has it with a trailing slash: a directory",
            hint=f"write '{out.path}' without the slash in {stage.file}, or correct the command",
        )
    return Look(is_directory=False, files=[OutFile(out.path, b"", info)])


def is_stage_file(inner: bytes) -> bool:
    """True for what must not come out of a store: it would say which commands run (law 12)."""
    return inner.rpartition(b"/")[2].lower() == b"mlvc.toml"


def unreadable(path: RepoPath, exc: OSError) -> InputError:
    return InputError(f"cannot read {path}", why=exc.strerror or str(exc))


def still_written(stage: Stage, path: RepoPath) -> StageFailed:
    """Return the error for what changed while it was taken in."""
    return StageFailed(
        f"{path} changed while it was being recorded",
        why=f"something still writes to it, perhaps what the command of stage '{stage.address}' left running",
        hint="have the command wait for all that it starts",
    )


def _look_into(
    place: bytes, info: os.stat_result, inner: bytes, stage: Stage, out: Out, found: Look
) -> None:
    found.folders[place] = info
    try:
        entries = sorted(os.scandir(place), key=lambda entry: entry.name)
        for entry in entries:
            name = inner + b"/" + entry.name if inner else entry.name
            info = entry.stat(follow_symlinks=False)
            if entry.name.lower() == b".git":
                raise _refused(
                    stage, out, f"{shown(out.path.raw + b'/' + inner)} is a git repository"
                )
            path = RepoPath(out.path.raw + b"/" + name)
            if is_stage_file(name):
                raise _refused(stage, out, f"{path} would be a stage file")
            if stat.S_ISDIR(info.st_mode):
                _look_into(entry.path, info, name, stage, out, found)
            elif stat.S_ISREG(info.st_mode):
                found.files.append(OutFile(path, name, info))
            else:
                raise _refused(stage, out, f"{path} is {_kind(info.st_mode)}")
    except FileNotFoundError:
        raise still_written(stage, out.path) from None
    except OSError as exc:
        raise unreadable(RepoPath(out.path.raw + (b"/" + inner if inner else b"")), exc) from exc


def _refused(stage: Stage, out: Out, why: str) -> StageFailed:
    return StageFailed(
        f"cannot record {out.path}, an out of stage '{stage.address}'",
        why=why,
        hint="an out is a file or a directory of files, in its own place: correct the command",
    )


def _kind(mode: int) -> str:
    kinds = {
        stat.S_IFLNK: "a symbolic link",
        stat.S_IFIFO: "a named pipe",
        stat.S_IFSOCK: "a socket",
    }
    return kinds.get(stat.S_IFMT(mode), "a device")
