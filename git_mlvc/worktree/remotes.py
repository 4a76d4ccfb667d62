"""Where data is kept: defining remotes, tracked in `mlvc.toml` or private in git's configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from git_mlvc.errors import UsageError
from git_mlvc.git import config
from git_mlvc.git.process import Git
from git_mlvc.settings import Origin, RemoteSetting, Settings, from_sources, without_secrets
from git_mlvc.worktree import settings_file

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")


@dataclass(frozen=True, slots=True)
class Definitions:
    """What is needed to change them: the settings as they are and the two places to write to.

    `top` is None in a bare repository, where only private definitions can be written.
    """

    settings: Settings
    git: Git
    top: Path | None


def add(
    where: Definitions, name: str, url: str, *, private: bool = False, default: bool = False
) -> RemoteSetting:
    """Define a remote. The person who writes an address trusts it, so it is trusted from now on.

    Raises UsageError for a bad or taken name, ConfigError for a secret in a tracked address.
    """
    if not _NAME.match(name) or name == "default":
        raise UsageError(
            f"'{name}' cannot be the name of a remote", hint="use letters, digits and . _ -"
        )
    if not url or url.startswith("-"):
        raise UsageError(f"'{url}' is not an address")
    if name in where.settings.remotes:
        known = where.settings.remotes[name]
        raise UsageError(
            f"there is a remote '{name}' already",
            why=f"it is {without_secrets(known.url)}",
            hint=f"git mlvc remote remove {name}",
        )
    if private or where.top is None:
        config.set_value(where.git, f"mlvc.remote.{name}.url", url)
        setting = RemoteSetting(name, url, Origin.PRIVATE)
    else:
        from_sources({}, {"remote": {name: {"url": url}}}, {})  # refuses secrets
        settings_file.set_value(where.top, ("remote", name, "url"), url)
        setting = RemoteSetting(name, url, Origin.TRACKED)
        trust(where, setting)
    if default:
        _set_default(where, setting)
    return setting


def remove(where: Definitions, name: str) -> None:
    """Forget a remote; its data stays where it is. Raises UsageError for an unknown name."""
    known = find(where, name)
    if where.settings.default_remote == name:
        config.unset(where.git, "mlvc.default")
        if where.top is not None and _tracked_default(where.top) == name:
            settings_file.remove(where.top, ("remote", "default"))
    config.remove_section(where.git, f"mlvc.remote.{name}")
    if where.top is not None:
        settings_file.remove(where.top, ("remote", name))
    _distrust(where, known.address)


def set_default(where: Definitions, name: str) -> None:
    """Let pushes go to this remote when the git remote has none of its own."""
    _set_default(where, find(where, name))


def trust(where: Definitions, remote: RemoteSetting) -> None:
    """Let this address be contacted; kept in this clone's private configuration."""
    if remote.address not in where.settings.trusted_urls:
        config.add_value(where.git, "mlvc.trust", remote.address)


def _set_default(where: Definitions, remote: RemoteSetting) -> None:
    # A tracked default must not name a remote that only this clone knows.
    if remote.origin is Origin.TRACKED and where.top is not None:
        config.unset(where.git, "mlvc.default")
        settings_file.set_value(where.top, ("remote", "default"), remote.name)
    else:
        config.set_value(where.git, "mlvc.default", remote.name)


def find(where: Definitions, name: str) -> RemoteSetting:
    """Return a defined remote. Raises UsageError with the names there are."""
    found = where.settings.remotes.get(name)
    if found is None:
        names = sorted(where.settings.remotes)
        raise UsageError(
            f"no remote is called '{name}'",
            why=f"known remotes: {', '.join(names)}" if names else "no remote is defined",
            hint="git mlvc remote add NAME URL",
        )
    return found


def _distrust(where: Definitions, address: str) -> None:
    local = config.read(where.git, "local").get("mlvc.trust", [])
    kept = [value for value in local if value != address]
    if len(kept) != len(local):
        config.unset(where.git, "mlvc.trust")
        for value in kept:
            config.add_value(where.git, "mlvc.trust", value)


def _tracked_default(top: Path) -> str | None:
    from git_mlvc.fs import structured

    try:
        table: Mapping[str, object] = structured.read_toml(top / settings_file.NAME)
    except FileNotFoundError:
        return None
    remotes = table.get("remote")
    value = remotes.get("default") if isinstance(remotes, Mapping) else None
    return value if isinstance(value, str) else None
