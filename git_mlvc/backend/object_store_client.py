"""How the library is to speak HTTP: time-outs, proxies and authorities, all told and none looked up by itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

import git_mlvc
from git_mlvc.backend.object_store import Patience
from git_mlvc.backend.opening import Opening
from git_mlvc.errors import ConfigError

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

WHOLE_REQUEST = timedelta(hours=24)  # the library's own limit of 30 s would cut off large packs
BODY_RETRIES = 3
FIRST_PAUSE = timedelta(milliseconds=200)
LONGEST_PAUSE = timedelta(seconds=2)
_EVERYWHERE = "*,0.0.0.0/0,::/0"
_NOWHERE = "http://127.0.0.1:9"
_AUTHORITIES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


def client_options(opening: Opening, endpoint: str, patience: Patience) -> ClientConfig:
    """Return what the library's client needs to know to reach `endpoint`. Raises ConfigError."""
    options: ClientConfig = {
        "allow_http": endpoint.startswith("http:"),
        "allow_invalid_certificates": False,
        "connect_timeout": timedelta(seconds=opening.connect_timeout_s),
        "timeout": WHOLE_REQUEST,
        "user_agent": f"git-mlvc/{git_mlvc.__version__}",
    }
    if patience is not Patience.UPLOAD:  # there it would count from the first byte sent
        options["read_timeout"] = timedelta(seconds=opening.idle_timeout_s)
    proxy = proxy_for(endpoint, opening.environment)
    # Without a proxy of ours the library would look for one in the process's environment itself.
    options["proxy_url"] = proxy or _NOWHERE
    options["proxy_excludes"] = "" if proxy else _EVERYWHERE
    authorities = _authorities(opening.environment)
    if authorities is not None:
        options["root_certificate"] = authorities
    return options


def retries(patience: Patience) -> RetryConfig:
    """A body that breaks off is asked for again from there; nothing else, that is `wrap/retry.py`."""
    return {
        "max_retries": BODY_RETRIES if patience is Patience.BODY else 0,
        "backoff": {"init_backoff": FIRST_PAUSE, "max_backoff": LONGEST_PAUSE, "base": 2},
        "retry_timeout": timedelta(minutes=5),
    }


def proxy_for(url: str, environment: Mapping[str, str]) -> str | None:
    """Return the proxy that the usual variables name for a URL, in lower or upper case."""
    parts = urlsplit(url)
    named = {
        name: environment.get(f"{name}_proxy") or environment.get(f"{name.upper()}_PROXY")
        for name in (parts.scheme, "all", "no")
    }
    if named["no"] and proxy_bypass_environment(parts.netloc, {"no": named["no"]}):
        return None
    return named[parts.scheme] or named["all"] or None


def _authorities(environment: Mapping[str, str]) -> bytes | None:
    for name in _AUTHORITIES:
        path = environment.get(name)
        if path:
            try:
                return Path(path).read_bytes()
            except OSError as exc:
                raise ConfigError(
                    f"cannot read the certificates that {name} names",
                    why=f"{path}: {exc.strerror}",
                    hint=f"mend or unset {name}",
                ) from exc
    return None
