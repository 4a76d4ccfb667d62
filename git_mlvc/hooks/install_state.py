"""`<common dir>/mlvc/installed`: what was installed in this repository, or that it was declined.

A note to ourselves, so that a filter start can see without starting git that all is well, and does not
bring back what a user has removed.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from git_mlvc.fs.atomic import Permissions, make_dirs, write_file
from git_mlvc.values import value_class

_HEADER = "git-mlvc installed 1"
_UMASK = Permissions()


class Choice(Enum):
    """What the user, or the filter on its first start, has settled."""

    FILES = "files"  # shims in the hooks directory
    CONFIG = "config"  # hook.mlvc-*.command, git >= 2.54
    CONFLICT = "conflict"  # the hooks directory is not this repository's own
    DECLINED = "declined"  # `git mlvc uninstall --local`


@value_class
class Installed:
    """How git finds our hooks here; `directory` is where the files are, for `Choice.FILES`."""

    choice: Choice
    launcher: str = ""
    directory: str = ""


def state_path(common_dir: Path) -> Path:
    return common_dir / "mlvc" / "installed"


def read(common_dir: Path) -> Installed | None:
    """Return the note; None if there is none or it says nothing that we understand."""
    try:
        with open(state_path(common_dir), "rb") as file:
            text = file.read(65536).decode("utf-8", "surrogateescape")
    except OSError:
        return None
    header, _, rest = text.partition("\n")
    if header != _HEADER:
        return None
    fields = dict(line.partition(" ")[::2] for line in rest.split("\n") if line)
    try:
        choice = Choice(fields.get("hooks", ""))
    except ValueError:
        return None
    return Installed(choice, fields.get("launcher", ""), fields.get("directory", ""))


def write(common_dir: Path, state: Installed, permissions: Permissions = _UMASK) -> None:
    """Raises OSError where the repository is read-only."""
    path = state_path(common_dir)
    make_dirs(path.parent, permissions)
    text = f"{_HEADER}\nhooks {state.choice.value}\n"
    for key, value in (("launcher", state.launcher), ("directory", state.directory)):
        if value and "\n" not in value:
            text += f"{key} {value}\n"
    data = text.encode("utf-8", "surrogateescape")
    write_file(path, data, permissions=Permissions(permissions.file_mode), durable=False)
