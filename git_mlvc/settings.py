"""Settings: what git's configuration, the tracked `mlvc.toml` and the environment say, as one value.

Pure: whoever opens a repository reads the three sources and hands them in. Private settings (git
config, environment) win over tracked ones (`mlvc.toml`), because what a clone brings is data, not
orders (law 12).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import Enum

from git_mlvc.errors import ConfigError
from git_mlvc.values import field, value_class

DEFAULT_INLINE_LIMIT_BYTES = 32 << 20
_UNITS = {"": 1, "b": 1}
for _power, _letter in enumerate("kmgtp", start=1):
    _UNITS[_letter] = _UNITS[_letter + "ib"] = 1024**_power
    _UNITS[_letter + "b"] = 1000**_power
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([a-z]*)\Z")
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"", "0", "false", "no", "off"}
_USER = re.compile(r"(?<!ssh)://[^/@\s]+@")  # a token may stand where a user's name would
_SECRET_VALUE = re.compile(r"([?&](?:sig|signature|token|secret|password|key)=)[^&\s]*", re.I)
_SECRETS = re.compile(
    r"://[^/@\s]+:[^/@\s]+@|[?&](?:sig|signature|token|secret|password|key)=", re.I
)


class Origin(Enum):
    """Where a remote was defined; decides whether it must be trusted first."""

    PRIVATE = "git config"
    TRACKED = "mlvc.toml"
    BESIDE = "beside the git remote"


@value_class
class RemoteSetting:
    """A named place for data: its URL and where that was written."""

    name: str
    url: str
    origin: Origin


@value_class
class Threshold:
    """Content smaller than `min_size_bytes` under `pattern` stays in git itself."""

    pattern: str
    min_size_bytes: int


@value_class
class Settings:
    """Everything a user can set. Sizes in bytes, durations in days."""

    inline_limit_bytes: int = DEFAULT_INLINE_LIMIT_BYTES
    min_size_bytes: int = 0
    thresholds: tuple[Threshold, ...] = ()
    jobs: int = 0  # 0: as many as the machine has processors
    skip_smudge: bool = False
    advice: bool = True
    store: str | None = None
    remotes: Mapping[str, RemoteSetting] = field(default_factory=dict)
    default_remote: str | None = None
    trusted_urls: frozenset[str] = frozenset()
    fetch_include: tuple[str, ...] = ()
    fetch_exclude: tuple[str, ...] = ()


def without_secrets(text: str) -> str:
    """Return a text with what may be a secret in its addresses left out, for screens and logs."""
    return _SECRET_VALUE.sub(r"\1…", _USER.sub("://…@", text))


def parse_size(text: str | int, *, key: str) -> int:
    """Return bytes for "1048576", "1 MiB", "1M" (both 1024-based) or "1MB" (1000-based).

    Raises ConfigError naming `key`.
    """
    if isinstance(text, int) and not isinstance(text, bool) and text >= 0:
        return text
    found = _SIZE.match(str(text).strip().lower())
    if found is None or found[2] not in _UNITS:
        raise ConfigError(
            f"{key}: {text!r} is not a size", hint="write it like 32MiB, 500kB or 1048576"
        )
    return int(float(found[1]) * _UNITS[found[2]])


def parse_bool(text: str, *, key: str) -> bool:
    """Read a truth value the way git does: an empty one is false. Raises ConfigError naming `key`."""
    lowered = text.strip().lower()
    if lowered in _TRUE:
        return True
    if lowered in _FALSE:
        return False
    raise ConfigError(f"{key}: {text!r} is not true or false")


def from_sources(
    config: Mapping[str, Sequence[str]],
    tracked: Mapping[str, object],
    environment: Mapping[str, str],
) -> Settings:
    """Combine the three sources.

    `config`: git's configuration, keys as `git config --list` prints them (section and variable in
    lower case, subsection as written), values in order, last one wins. `tracked`: the parsed
    `mlvc.toml`. `environment`: the process environment. Raises ConfigError naming file and key.
    """

    def last(key: str) -> str | None:
        values = config.get(key)
        return values[-1] if values else None

    track = _table(tracked, "track")
    fetch = _table(tracked, "fetch")
    remotes, tracked_default = _tracked_remotes(_table(tracked, "remote"))
    for key, values in config.items():
        if key.startswith("mlvc.remote.") and key.endswith(".url") and values:
            name = key[len("mlvc.remote.") : -len(".url")]
            remotes[name] = RemoteSetting(name, values[-1], Origin.PRIVATE)
    skip, skip_key = environment.get("MLVC_SKIP_SMUDGE"), "MLVC_SKIP_SMUDGE"
    if not skip:
        skip, skip_key = last("mlvc.skipsmudge") or "false", "git config mlvc.skipSmudge"
    advice = last("mlvc.advice")
    trusted = list(config.get("mlvc.trust", ())) + environment.get("MLVC_TRUST", "").split()
    jobs = last("mlvc.jobs") or "0"
    if not jobs.isdigit():
        raise ConfigError(f"git config mlvc.jobs: {jobs!r} is not a number")
    return Settings(
        inline_limit_bytes=parse_size(
            last("mlvc.inlinelimit") or DEFAULT_INLINE_LIMIT_BYTES,
            key="git config mlvc.inlineLimit",
        ),
        min_size_bytes=_size(track.get("min_size", 0), "track.min_size"),
        thresholds=_thresholds(track),
        jobs=int(jobs),
        skip_smudge=parse_bool(skip, key=skip_key),
        advice=advice is None or parse_bool(advice, key="git config mlvc.advice"),
        store=environment.get("MLVC_STORE") or last("mlvc.store"),
        remotes=remotes,
        default_remote=last("mlvc.default") or tracked_default,
        trusted_urls=frozenset(trusted),
        fetch_include=_patterns(config, fetch, "include"),
        fetch_exclude=_patterns(config, fetch, "exclude"),
    )


def _table(tracked: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = tracked.get(name, {})
    if not isinstance(value, Mapping):
        raise ConfigError(f"mlvc.toml: [{name}] should be a table")
    return value


def _size(value: object, key: str) -> int:
    if not isinstance(value, str | int):
        raise ConfigError(f"mlvc.toml: {key} is not a size")
    return parse_size(value, key=f"mlvc.toml: {key}")


def _thresholds(track: Mapping[str, object]) -> tuple[Threshold, ...]:
    found = []
    for pattern, value in track.items():
        if isinstance(value, Mapping) and "min_size" in value:
            size = _size(value["min_size"], f'track."{pattern}".min_size')
            found.append(Threshold(pattern, size))
    return tuple(found)


def _tracked_remotes(
    table: Mapping[str, object],
) -> tuple[dict[str, RemoteSetting], str | None]:
    remotes: dict[str, RemoteSetting] = {}
    default = None
    for name, value in table.items():
        if name == "default" and not isinstance(value, Mapping):
            if not isinstance(value, str):
                raise ConfigError("mlvc.toml: remote.default should be the name of a remote")
            default = value
            continue
        url = value.get("url") if isinstance(value, Mapping) else None
        if not isinstance(url, str) or not url:
            raise ConfigError(f'mlvc.toml: remote.{_shown(name)} needs a url = "…"')
        if not (name.isprintable() and url.isprintable()):
            # They are shown to people who decide by them whether to trust a stranger's address.
            raise ConfigError(f"mlvc.toml: remote.{_shown(name)} holds characters nobody can see")
        if _SECRETS.search(url):
            raise ConfigError(
                f"mlvc.toml: remote.{name}.url holds a secret",
                why="everybody who can read the repository could read it",
                hint=f"keep it private: git config mlvc.remote.{name}.url URL",
            )
        remotes[name] = RemoteSetting(name, url, Origin.TRACKED)
    return remotes, default


def _shown(name: str) -> str:
    return name if name.isprintable() else repr(name)


def _patterns(
    config: Mapping[str, Sequence[str]], fetch: Mapping[str, object], which: str
) -> tuple[str, ...]:
    private = config.get(f"mlvc.fetch{which}")
    if private:
        return tuple(part for part in private[-1].split(",") if part)
    value = fetch.get(which, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ConfigError(f"mlvc.toml: fetch.{which} should be a list of patterns")
    return tuple(value)
