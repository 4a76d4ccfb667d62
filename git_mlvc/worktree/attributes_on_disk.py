"""The `.gitattributes` of one directory: read, and replaced in one step if it changed."""

from __future__ import annotations

from pathlib import Path

from git_mlvc.errors import InputError
from git_mlvc.fs import atomic
from git_mlvc.git.attributes_file import AttributesFile

NAME = ".gitattributes"


def read(folder: Path) -> AttributesFile:
    """Return its lines, none where it is not there. Raises InputError."""
    path = folder / NAME
    if path.is_symlink():
        raise InputError(f"{path} is a symbolic link", why="git does not follow it")
    try:
        return AttributesFile.parse(path.read_bytes())
    except FileNotFoundError:
        return AttributesFile.parse(b"")
    except OSError as exc:
        raise InputError(f"cannot read {path}", why=exc.strerror or str(exc)) from exc


def write(folder: Path, file: AttributesFile) -> bool:
    """Write the lines with the mode that the file has; False if they stand there already. Raises InputError."""
    path = folder / NAME
    data = file.encode()
    permissions = atomic.Permissions()
    try:
        if path.read_bytes() == data:
            return False
        permissions = atomic.Permissions(file_mode=path.stat().st_mode & 0o777)
    except FileNotFoundError:
        if not data:
            return False
    try:
        atomic.write_file(path, data, permissions=permissions)
    except OSError as exc:
        raise InputError(f"cannot write {path}", why=exc.strerror or str(exc)) from exc
    return True
