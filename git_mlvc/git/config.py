"""Git's configuration, as git itself sees it: all files, includes and `-c`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from git_mlvc.errors import ConfigError

if TYPE_CHECKING:
    from git_mlvc.fs.atomic import Permissions
    from git_mlvc.git.process import Git

Scope = str | Path
Config = Mapping[str, Sequence[str]]

_GROUP, _EVERYBODY = 0o660, 0o664
_TRUE = {"true", "yes", "on"}
_FALSE = {"false", "no", "off", ""}


def read(git: Git, scope: Scope | None = None) -> dict[str, list[str]]:
    """Return every setting, values in git's order of reading, so the last one counts.

    Keys as git prints them: section and variable in lower case, subsection as written. A variable
    without a value is "true", which is what git takes it for.
    """
    return _parsed(git.run("config", *_scope(scope), "-z", "--list", check=scope is None).stdout)


def begin_reading(git: Git) -> Callable[[], dict[str, list[str]]]:
    """Have git read its configuration while we do something else; the function returned is `read`."""
    begun = git.begin("config", "-z", "--list")

    def finish() -> dict[str, list[str]]:
        said = None if begun is None else begun.answer()
        return read(git) if said is None else _parsed(said)

    return finish


def _parsed(shown: bytes) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for record in shown.decode("utf-8", "surrogateescape").split("\0"):
        if record:
            key, newline, value = record.partition("\n")
            found.setdefault(key, []).append(value if newline else "true")
    return found


def last(config: Config, key: str) -> str | None:
    """Return the value that counts."""
    values = config.get(key)
    return values[-1] if values else None


def is_true(config: Config, key: str, *, unset: bool = False) -> bool:
    """Return a truth value as git reads it; `unset` if there is none."""
    value = last(config, key)
    if value is None:
        return unset
    return value.lower() in _TRUE or (value.isdigit() and int(value) != 0)


def set_value(git: Git, key: str, value: str, *, scope: Scope = "local") -> None:
    """Set a variable to one value, replacing all it had. `scope`: "local", "global" or a file."""
    git.run("config", *_scope(scope), "--replace-all", key, value)


def add_value(git: Git, key: str, value: str, *, scope: Scope = "local") -> None:
    """Add one value to those a variable has."""
    git.run("config", *_scope(scope), "--add", key, value)


def unset(git: Git, key: str, *, scope: Scope = "local") -> bool:
    """Remove a variable; False if it was not set."""
    done = git.run("config", *_scope(scope), "--unset-all", key, check=False)
    if done.returncode == 5:  # git's code for "no such variable"
        return False
    if done.returncode != 0:
        git.run("config", *_scope(scope), "--unset-all", key)
    return True


def remove_section(git: Git, section: str, *, scope: Scope = "local") -> bool:
    """Remove a whole section; False if there was none."""
    return (
        git.run("config", *_scope(scope), "--remove-section", section, check=False).returncode == 0
    )


def rename_section(git: Git, old: str, new: str, *, scope: Scope = "local") -> None:
    """Give a section another name. Raises GitError if there is none, or it cannot be written."""
    git.run("config", *_scope(scope), "--rename-section", old, new)


def shared_permissions(config: Config, *, umask: int | None = None) -> Permissions:
    """Return what `core.sharedRepository` asks for, computed as git does it (path.c).

    "group" and "all" add bits to what the umask leaves; an octal number replaces it.
    """
    from git_mlvc.fs.atomic import Permissions

    value = last(config, "core.sharedrepository")
    tweak, replaces = _shared(value) if value is not None else (0, False)
    if not tweak:
        return Permissions()
    left = 0 if replaces else 0o666 & ~(_umask() if umask is None else umask)
    file_mode = left | tweak
    dir_left = 0 if replaces else 0o777 & ~(_umask() if umask is None else umask)
    dir_mode = dir_left | tweak
    dir_mode |= (dir_mode & 0o444) >> 2
    if dir_mode & 0o060:  # as git: the group is inherited where it has a say
        dir_mode |= 0o2000
    return Permissions(file_mode=file_mode, dir_mode=dir_mode)


def _shared(value: str) -> tuple[int, bool]:
    """(bits, whether they replace the umask's)."""
    if value == "umask":
        return 0, False
    if value == "group":
        return _GROUP, False
    if value in ("all", "world", "everybody"):
        return _EVERYBODY, False
    try:
        number = int(value, 8)
    except ValueError:
        if value.lower() in _TRUE:
            return _GROUP, False
        if value.lower() in _FALSE:
            return 0, False
        raise ConfigError(
            f"git config core.sharedRepository: {value!r} is not understood"
        ) from None
    if number in (0, 1, 2):
        return (0, _GROUP, _EVERYBODY)[number], False
    if number & 0o600 != 0o600:
        raise ConfigError(
            f"git config core.sharedRepository: {value!r} takes the owner's access away",
            why="git refuses such a repository as well",
        )
    return number & 0o666, True


def _umask() -> int:
    """Read the process's umask; where /proc does not tell it, by setting and restoring it."""
    import os

    try:
        with open("/proc/self/status", "rb") as file:
            for line in file:
                if line.startswith(b"Umask:"):
                    return int(line.split()[1], 8)
    except OSError:
        pass
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _scope(scope: Scope | None) -> list[str]:
    if scope is None:
        return []
    if isinstance(scope, Path):
        return ["--file", str(scope)]
    return [f"--{scope}"]
