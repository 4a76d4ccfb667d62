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
DEFAULT_EXPERIMENT_LOGS = 200
DEFAULT_TIMEOUT_S = 60.0  # so long may a connection be silent
_UNITS = {"": 1, "b": 1}
for _power, _letter in enumerate("kmgtp", start=1):
    _UNITS[_letter] = _UNITS[_letter + "ib"] = 1024**_power
    _UNITS[_letter + "b"] = 1000**_power
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([a-z]*)\Z")
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"", "0", "false", "no", "off"}
_OPTION = re.compile(r"[a-z][a-z0-9-]*\Z")


class Origin(Enum):
    """Where a remote was defined; decides whether it must be trusted first."""

    PRIVATE = "git config"
    TRACKED = "mlvc.toml"
    BESIDE = "beside the git remote"


@value_class
class RemoteSetting:
    """A named place for data: its URL, where that was written, and options of its kind of place.

    `options` are all that count, `tracked_options` those of them that came with the repository.
    """

    name: str
    url: str
    origin: Origin
    options: Mapping[str, str] = field(default_factory=dict)
    tracked_options: Mapping[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """What a person trusts when she trusts it: the URL, and whatever else was tracked that may steer
        where requests go and whose credentials go with them.

        Two different ones never look the same: URL, or URL#name=value&name=value, where `%`, `#`, `&` and
        spaces of a value are written as in URLs; a URL that has a # itself is always followed by another.
        """
        steering = "&".join(
            f"{name}={_escaped(value)}" for name, value in sorted(self.tracked_options.items())
        )
        return f"{self.url}#{steering}" if steering or "#" in self.url else self.url

    @property
    def has_private_options(self) -> bool:
        """True if what the user keeps to herself would be used there."""
        return dict(self.options) != dict(self.tracked_options)


@value_class
class Route:
    """The data of paths under `pattern` belongs on the remote of this name."""

    pattern: str
    remote: str


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
    routes: tuple[Route, ...] = ()
    jobs: int = 0  # 0: as many as the machine has processors, or as a remote bears
    limit_rate: int = 0  # bytes a second, over all transfers of the process; 0: no limit
    timeout_s: float = DEFAULT_TIMEOUT_S
    skip_smudge: bool = False
    advice: bool = True
    store: str | None = None
    remotes: Mapping[str, RemoteSetting] = field(default_factory=dict)
    default_remote: str | None = None
    trusted_urls: frozenset[str] = frozenset()
    fetch_include: tuple[str, ...] = ()
    fetch_exclude: tuple[str, ...] = ()
    fetch_max_size_bytes: int = 0  # larger files are left as stubs; 0: no limit
    resources: Mapping[str, int] = field(default_factory=dict)  # slots of this machine, by name
    experiment_links: tuple[str, ...] = ()  # what is lent to worktrees of experiments, from the top
    experiment_logs: int = DEFAULT_EXPERIMENT_LOGS  # kept of experiments that are no more


def without_secrets(text: str) -> str:
    """Return a text with what may be a secret in its addresses left out, for screens and logs."""
    from git_mlvc import secret_text  # not on the filter's way to its first answer

    return secret_text.without_secrets(text)


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
    _add_private_remotes(remotes, config)
    skip, skip_key = environment.get("MLVC_SKIP_SMUDGE"), "MLVC_SKIP_SMUDGE"
    if not skip:
        skip, skip_key = last("mlvc.skipsmudge") or "false", "git config mlvc.skipSmudge"
    advice = last("mlvc.advice")
    trusted = [*config.get("mlvc.trust", ()), *_addresses(environment.get("MLVC_TRUST", ""))]
    private_max = last("mlvc.fetchmaxsize")
    return Settings(
        inline_limit_bytes=parse_size(
            last("mlvc.inlinelimit") or DEFAULT_INLINE_LIMIT_BYTES,
            key="git config mlvc.inlineLimit",
        ),
        min_size_bytes=_size(track.get("min_size", 0), "track.min_size"),
        thresholds=_thresholds(track),
        routes=_routes(track),
        jobs=_count(last("mlvc.jobs") or "0", "mlvc.jobs"),
        limit_rate=parse_size(last("mlvc.limitrate") or 0, key="git config mlvc.limitRate"),
        timeout_s=_seconds(last("mlvc.timeout"), "git config mlvc.timeout"),
        skip_smudge=parse_bool(skip, key=skip_key),
        advice=advice is None or parse_bool(advice, key="git config mlvc.advice"),
        store=environment.get("MLVC_STORE") or last("mlvc.store"),
        remotes=remotes,
        default_remote=last("mlvc.default") or tracked_default,
        trusted_urls=frozenset(trusted),
        fetch_include=_patterns(config, fetch, "include"),
        fetch_exclude=_patterns(config, fetch, "exclude"),
        fetch_max_size_bytes=(
            parse_size(private_max or 0, key="git config mlvc.fetchMaxSize")
            if private_max is not None  # empty: no limit
            else _size(fetch.get("max_size", 0), "fetch.max_size")
        ),
        resources=_resources(config),
        experiment_links=_links(_table(tracked, "exp").get("link", [])),
        experiment_logs=_count(
            last("mlvc.exp.keeplogs") or str(DEFAULT_EXPERIMENT_LOGS), "mlvc.exp.keepLogs"
        ),
    )


def _count(text: str, key: str) -> int:
    if not text.isdigit():
        raise ConfigError(f"git config {key}: {text!r} is not a number")
    return int(text)


def _links(value: object) -> tuple[str, ...]:
    """Paths inside the worktree; law 12: what a clone brings must not lead out of it."""
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ConfigError('mlvc.toml: exp.link should be a list of paths: link = [".venv"]')
    from git_mlvc.repo_path import RepoPath

    paths = [str(one).rstrip("/").removeprefix("./") for one in value]
    for path in paths:
        try:
            RepoPath.parse(path)
        except ValueError as exc:
            raise ConfigError(
                f"mlvc.toml: exp.link: '{_shown(path)}' is no path inside the repository",
                hint='write it from the top of the repository, as in link = [".venv"]',
            ) from exc
    return tuple(dict.fromkeys(paths))


def _resources(config: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """What a machine has is private: a clone brings it to machines that have something else."""
    prefix = "mlvc.resources."
    found = {}
    for key, values in config.items():
        if key.startswith(prefix) and values:
            text = values[-1].strip()
            if not (text.isascii() and text.isdigit()) or len(text) > 6:
                raise ConfigError(f"git config {key}: {text!r} is not a number of slots")
            found[key.removeprefix(prefix).lower()] = int(text)
    return found


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


def _routes(track: Mapping[str, object]) -> tuple[Route, ...]:
    found = []
    for pattern, value in track.items():
        if isinstance(value, Mapping) and "remote" in value:
            name = value["remote"]
            if not isinstance(name, str) or not name:
                raise ConfigError(
                    f'mlvc.toml: track."{_shown(pattern)}".remote should be the name of a remote'
                )
            found.append(Route(pattern, name))
    return tuple(found)


def _seconds(text: str | None, key: str) -> float:
    if not text:
        return DEFAULT_TIMEOUT_S
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        raise ConfigError(f"{key}: {text!r} is not a number of seconds above zero")
    return seconds


def _addresses(text: str) -> list[str]:
    """Parted by spaces; or by lines, where there are several, because an address may have spaces."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    return lines if len(lines) > 1 or text.endswith("\n") else text.split()


def _escaped(value: str) -> str:
    return "".join(f"%{ord(c):02X}" if c in "%#& " else c for c in value)


def _add_private_remotes(
    remotes: dict[str, RemoteSetting], config: Mapping[str, Sequence[str]]
) -> None:
    """A private address stands alone; private options of a tracked one win over those that were tracked.

    What a clone brings must not steer where a person's own remote sends her credentials (law 12).
    """
    private: dict[str, dict[str, str]] = {}
    for key, values in config.items():
        if key.startswith("mlvc.remote.") and values:
            name, _, option = key[len("mlvc.remote.") :].rpartition(".")
            if name:
                private.setdefault(name, {})[option] = values[-1]
    for name, options in private.items():
        url = options.pop("url", None)
        known = remotes.get(name)
        if url is not None:
            remotes[name] = RemoteSetting(name, url, Origin.PRIVATE, options)
        elif known is not None:
            remotes[name] = RemoteSetting(
                name, known.url, known.origin, {**known.options, **options}, known.tracked_options
            )


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
        remotes[name] = _tracked_remote(name, value)
    return remotes, default


def _tracked_remote(name: str, value: object) -> RemoteSetting:
    table = value if isinstance(value, Mapping) else {}
    url = table.get("url")
    if not isinstance(url, str) or not url:
        raise ConfigError(f'mlvc.toml: remote.{_shown(name)} needs a url = "…"')
    options = {
        _option_name(name, key): _option_text(name, key, value)
        for key, value in table.items()
        if key != "url"
    }
    if not all(text.isprintable() for text in (name, url, *options.values())):
        # They are shown to people who decide by them whether to trust a stranger's address.
        raise ConfigError(f"mlvc.toml: remote.{_shown(name)} holds characters nobody can see")
    _refuse_secrets(name, {"url": url, **options})
    return RemoteSetting(name, url, Origin.TRACKED, options, options)


def _refuse_secrets(remote: str, written: Mapping[str, str]) -> None:
    import shlex

    from git_mlvc import secret_text

    for key, text in written.items():
        if secret_text.holds_secret(text) or secret_text.is_secret_name(key):
            raise ConfigError(
                f"mlvc.toml: remote.{remote}.{key} holds a secret",
                why="everybody who can read the repository could read it",
                hint=f"delete that line; keep a new secret private: git config"
                f" {shlex.quote(f'mlvc.remote.{remote}.{key}')} VALUE",
            )


def _option_name(remote: str, key: str) -> str:
    name = key.lower().replace("_", "-")
    if not _OPTION.match(name):
        raise ConfigError(
            f"mlvc.toml: remote.{_shown(remote)}.{_shown(key)} is no name of an option"
        )
    return name


def _option_text(remote: str, key: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int):
        raise ConfigError(f"mlvc.toml: remote.{_shown(remote)}.{_shown(key)} should be a text")
    return str(value)


def _shown(name: str) -> str:
    return name if name.isprintable() else repr(name)


def _patterns(
    config: Mapping[str, Sequence[str]], fetch: Mapping[str, object], which: str
) -> tuple[str, ...]:
    private = config.get(f"mlvc.fetch{which}")
    if private:  # empty text: no limit
        return tuple(part for part in private[-1].split(",") if part)
    value = fetch.get(which, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ConfigError(f"mlvc.toml: fetch.{which} should be a list of patterns")
    return tuple(value)
