"""The user's own AWS files: `~/.aws/config` and `~/.aws/credentials`, as the aws program reads them."""

from __future__ import annotations

from collections.abc import Mapping
from configparser import Error, RawConfigParser
from dataclasses import dataclass, field
from pathlib import Path

from git_mlvc.errors import ConfigError

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Profile:
    """What both files say of one name. `values` are not shown: there are keys among them."""

    name: str
    values: Mapping[str, str] = field(repr=False)

    def get(self, key: str) -> str:
        return self.values.get(key, "")


def read_profile(name: str | None, environment: Mapping[str, str]) -> Profile:
    """Return the profile `name`, else the one that AWS_PROFILE names, else the default one, which may be empty.

    Keys in the credentials file win over those in the other. Raises ConfigError for a profile that was named
    and is in neither file.
    """
    wanted = name or environment.get("AWS_PROFILE") or environment.get("AWS_DEFAULT_PROFILE")
    chosen = wanted or DEFAULT
    config = _path("AWS_CONFIG_FILE", "config", environment)
    credentials = _path("AWS_SHARED_CREDENTIALS_FILE", "credentials", environment)
    values: dict[str, str] = {}
    is_there = False
    for path, section in _sections(chosen, config, credentials):
        found = _read(path).get(section)
        if found is not None:
            is_there = True
            values |= found
    if wanted and not is_there:
        raise ConfigError(
            f"there is no AWS profile '{wanted}'",
            why=f"neither in {config} nor in {credentials}",
            hint=f"aws configure --profile {wanted}",
        )
    return Profile(chosen, values)


def _sections(name: str, config: Path | None, credentials: Path | None) -> list[tuple[Path, str]]:
    found = []
    if config is not None:
        found += [(config, f"profile {name}")]
        found += [(config, name)] if name == DEFAULT else []
    if credentials is not None:
        found += [(credentials, name)]
    return found


def _path(variable: str, name: str, environment: Mapping[str, str]) -> Path | None:
    """Law 6: the home is that of the environment we were handed."""
    home = environment.get("HOME") or environment.get("USERPROFILE")
    named = environment.get(variable)
    if named:
        return Path(home + named[1:]) if home and named.startswith("~/") else Path(named)
    return Path(home) / ".aws" / name if home else None


def _read(path: Path) -> dict[str, dict[str, str]]:
    # Without a default section: here "default" is a profile like any other.
    parser = RawConfigParser(strict=False, default_section="", inline_comment_prefixes=(" #", " ;"))
    try:
        parser.read_string(path.read_text("utf-8", "replace"))
    except FileNotFoundError:
        return {}
    except OSError as exc:
        raise ConfigError(f"cannot read {path}", why=exc.strerror or str(exc)) from exc
    except Error as exc:  # its text may quote a line with a key in it
        raise ConfigError(
            f"cannot understand {path}", why=f"it is not an AWS file: {type(exc).__name__}"
        ) from None
    return {name.strip(): dict(parser.items(name)) for name in parser.sections()}
