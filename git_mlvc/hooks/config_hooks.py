"""Hooks as configuration (git >= 2.54): `hook.mlvc-<event>.command` and `.event`.

They stand beside whatever the hooks directory holds and are not hidden by `core.hooksPath`. The command
is the same shim as elsewhere, kept in `<common dir>/mlvc/hooks`, so that a hook with nothing to do still
starts no Python.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from git_mlvc.fs.atomic import Permissions, make_dirs, write_file
from git_mlvc.git import config
from git_mlvc.hooks import shim

if TYPE_CHECKING:
    from git_mlvc.git.config import Config
    from git_mlvc.git.process import Git

SINCE = (2, 54)


def directory(common_dir: Path) -> Path:
    return common_dir / "mlvc" / "hooks"


def settings(common_dir: Path) -> dict[str, str]:
    """Return the configuration that makes git run our shims; keys as `git config --list` prints them.

    A shim that is not there (the repository has been moved) must not fail git's command (law 8), but a
    push must not pass either.
    """
    wanted = {}
    for name in shim.HOOKS:
        path = shim.quote(str(directory(common_dir) / name))
        wanted[f"hook.mlvc-{name}.event"] = name
        # Git appends ' "$@"' and hands the whole to sh.
        wanted[f"hook.mlvc-{name}.command"] = (
            path if name == "pre-push" else f"test ! -x {path} || {path}"
        )
    return wanted


def put(git: Git, common_dir: Path, launcher: str, permissions: Permissions) -> bool:
    """Write shims and settings; True if anything changed. Raises GitError, OSError."""
    changed = False
    folder = directory(common_dir)
    make_dirs(folder, permissions)
    for name in shim.HOOKS:
        data = shim.shim(name, launcher).encode("utf-8", "surrogateescape")
        path = folder / name
        try:
            same = path.read_bytes() == data and os.access(path, os.X_OK)
        except FileNotFoundError:
            same = False
        if not same:
            write_file(path, data, permissions=Permissions(0o755), durable=False)
            changed = True
    present = config.read(git, "local")
    for key, value in settings(common_dir).items():
        if list(present.get(key, ())) != [value]:
            config.set_value(git, key, value)
            changed = True
    return changed


def take_out(git: Git, common_dir: Path) -> bool:
    """Remove shims and settings; True if there were any. Raises GitError, OSError."""
    changed = False
    present = config.read(git, "local")
    for name in shim.HOOKS:
        section = f"hook.mlvc-{name}"
        if any(key.startswith(section + ".") for key in present):
            changed = config.remove_section(git, section) or changed
    folder = directory(common_dir)
    for name in shim.HOOKS:
        (folder / name).unlink(missing_ok=True)
    try:
        folder.rmdir()
    except OSError:
        pass  # not there, or somebody keeps a file in it
    return changed


def runs(settings_seen: Config, common_dir: Path, name: str) -> bool:
    """True if the configuration git sees makes it run our shim for `name`. Never raises."""
    wanted = settings(common_dir)
    for part in ("event", "command"):
        key = f"hook.mlvc-{name}.{part}"
        if wanted[key] not in settings_seen.get(key, ()):
            return False
    for switch in (f"hook.mlvc-{name}.enabled", f"hook.{name}.enabled"):
        value = config.last(settings_seen, switch)
        if value is not None and value.strip().lower() in ("false", "no", "off", "0"):
            return False
    path = directory(common_dir) / name
    try:
        program = shim.program_in(path.read_bytes())
    except OSError:
        return False
    return program is not None and os.access(path, os.X_OK) and os.access(program, os.X_OK)
