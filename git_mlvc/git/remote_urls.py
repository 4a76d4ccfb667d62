"""Which addresses git really uses for a remote: after `insteadOf`, `pushInsteadOf` and `pushurl`.

The rules are those of git's remote.c, as `git remote get-url` shows their outcome. Reads a configuration that is in
hand, runs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Config = Mapping[str, Sequence[str]]


def names(config: Config) -> list[str]:
    """Return the names of the remotes that have an address, in order of configuration."""
    found = (
        key[len("remote.") : -len(".url")]
        for key in config
        if key.startswith("remote.") and key.endswith(".url")
    )
    return [name for name in found if name and _written(config, f"remote.{name}.url")]


def fetched_from(config: Config, name: str) -> str | None:
    """Return the address that `git fetch NAME` asks."""
    urls = _written(config, f"remote.{name}.url")
    return rewritten(config, urls[0]) if urls else None


def pushed_to(config: Config, name: str) -> list[str]:
    """Return the addresses that `git push NAME` sends to."""
    own = _written(config, f"remote.{name}.pushurl")
    if own:
        return [rewritten(config, url) for url in own]
    urls = _written(config, f"remote.{name}.url")
    return [_rewritten(config, url, ".pushinsteadof") or rewritten(config, url) for url in urls]


def rewritten(config: Config, url: str) -> str:
    """Return what git makes of an address: the longest `url.BASE.insteadOf` it begins with is replaced."""
    return _rewritten(config, url, ".insteadof") or url


def _rewritten(config: Config, url: str, which: str) -> str | None:
    best: tuple[str, str] | None = None
    for key, prefixes in config.items():
        if not key.startswith("url.") or not key.endswith(which) or len(key) <= len("url." + which):
            continue
        for prefix in prefixes:
            if url.startswith(prefix) and (best is None or len(prefix) > len(best[1])):
                best = key[len("url.") : -len(which)], prefix
    return None if best is None else best[0] + url[len(best[1]) :]


def _written(config: Config, key: str) -> list[str]:
    """An empty value takes back those before it."""
    urls: list[str] = []
    for value in config.get(key, ()):
        urls = [*urls, value] if value else []
    return urls
