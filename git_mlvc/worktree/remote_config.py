"""The private part of remotes: `mlvc.remote.NAME.*` in this clone's git configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from git_mlvc.errors import ConfigError, GitError, UsageError
from git_mlvc.git import config
from git_mlvc.git.process import Git


def local_part(git: Git, name: str) -> dict[str, str]:
    """Return what this clone's own configuration says of a remote, with its `url` if it has one."""
    return _part(config.read(git, "local"), name)


def check_local(git: Git, name: str) -> None:
    """Raise UsageError if a remote is also defined where it would stay: in the user's global configuration."""
    elsewhere = _part(config.read(git), name).keys() - local_part(git, name).keys()
    if elsewhere:
        key = _key(name, min(elsewhere))
        raise UsageError(
            f"remote '{name}' is not defined in this clone alone",
            why=f"{key} is set in another file of git's configuration",
            hint=f"git config --show-origin --get-all {key}   says where",
        )


def write(git: Git, name: str, values: Mapping[str, str]) -> None:
    """Set options, and the address under `url`. Raises ConfigError, in which no value is shown."""
    for option, value in values.items():
        try:
            config.set_value(git, _key(name, option), value)
        except GitError as failure:
            raise ConfigError(
                f"cannot write {_key(name, option)} to git's configuration", why=failure.why
            ) from None


def unset(git: Git, name: str, option: str) -> bool:
    return config.unset(git, _key(name, option))


def remove(git: Git, name: str) -> bool:
    """Forget all of it; False if there was nothing."""
    return config.remove_section(git, f"mlvc.remote.{name}")


def rename(git: Git, old: str, new: str) -> None:
    config.rename_section(git, f"mlvc.remote.{old}", f"mlvc.remote.{new}")


def take_back(git: Git, key: str, value: str) -> bool:
    """Remove one value of those that a variable has in this clone; False if it is not among them."""
    local = config.read(git, "local").get(key, [])
    kept = [known for known in local if known != value]
    if len(kept) == len(local):
        return False
    config.unset(git, key)
    for known in kept:
        config.add_value(git, key, known)
    return True


def _key(name: str, option: str) -> str:
    return f"mlvc.remote.{name}.{option}"


def _part(values: Mapping[str, Sequence[str]], name: str) -> dict[str, str]:
    prefix = _key(name, "")
    found = {key.removeprefix(prefix): v[-1] for key, v in values.items() if key.startswith(prefix)}
    return {option: value for option, value in found.items() if "." not in option}
