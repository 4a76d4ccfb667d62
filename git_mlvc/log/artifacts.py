"""Copies of files and directories, sharing their blocks with the original where the file system can."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from git_mlvc.log.meeting import locks

_FICLONE = 0x40049409  # linux/fs.h


def copy(source: Path, target: Path) -> None:
    """Make `target` a copy of the file or directory `source`, in place of what was there.

    Links are followed. Raises OSError, ValueError if one of them is inside the other.
    """
    real, there = source.resolve(strict=True), target.resolve()
    if real == there:
        return
    if real in there.parents or there in real.parents:
        raise ValueError(f"cannot keep a copy of {source} at {target}: one is inside the other")
    target.parent.mkdir(parents=True, exist_ok=True)
    temp = target.with_name(f".{target.name}.tmp")
    _remove(temp)
    try:
        if real.is_dir():
            _copy_tree(real, temp)
        elif real.is_file():
            _copy_file(str(real), str(temp))
        else:
            raise ValueError(f"{source} is neither a file nor a directory")
        if target.is_dir() or temp.is_dir():
            _remove(target)
        temp.replace(target)
    except BaseException:
        _remove(temp)
        raise


def _copy_tree(source: Path, target: Path) -> None:
    try:
        shutil.copytree(source, target, copy_function=_copy_file)
    except shutil.Error as exc:  # one line for each file that failed, and texts instead of errors
        (path, _, why), *others = exc.args[0]
        more = f", nor {len(others)} more" if others else ""
        raise OSError(
            f"cannot keep a copy of {source}: {path} cannot be copied{more}: {why}"
        ) from exc


def _copy_file(source: str, target: str) -> str:
    if not os.path.isfile(source):
        os.stat(source)  # a link that leads nowhere says so
        raise OSError("it is neither a file nor a directory")  # a pipe would be waited for, forever
    if not _clone(source, target):
        shutil.copyfile(source, target)
    shutil.copymode(source, target)
    return target


def _clone(source: str, target: str) -> bool:
    if locks is None:
        return False
    with open(source, "rb") as old, open(target, "wb") as new:
        try:
            locks.ioctl(new.fileno(), _FICLONE, old.fileno())
        except OSError:
            return False
    return True


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
