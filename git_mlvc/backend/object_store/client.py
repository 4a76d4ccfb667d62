"""How the library is to speak HTTP: time-outs, proxies and authorities, all told and none looked up by itself."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import git_mlvc
from git_mlvc.backend.object_store.service import Patience
from git_mlvc.backend.opening import Opening
from git_mlvc.backend.web import network
from git_mlvc.errors import ConfigError

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

WHOLE_REQUEST = timedelta(hours=24)  # the library's own limit of 30 s would cut off large packs
BODY_RETRIES = 2
FIRST_PAUSE = timedelta(milliseconds=100)
LONGEST_PAUSE = timedelta(seconds=1)
_EVERYWHERE = "*,0.0.0.0/0,::/0"
_NOWHERE = "http://127.0.0.1:9"
UPLOAD_FLOOR_BYTES_PER_S = 64 << 10
LARGEST_UPLOAD_BYTES = 64 << 20  # packs: formats/pack.py


def client_options(opening: Opening, endpoint: str, patience: Patience) -> ClientConfig:
    """Return what the library's client needs to know to reach `endpoint`. Raises ConfigError."""
    options: ClientConfig = {
        "allow_http": endpoint.startswith("http:"),
        "allow_invalid_certificates": False,
        "connect_timeout": timedelta(seconds=opening.connect_timeout_s),
        "timeout": WHOLE_REQUEST,
        "default_content_type": "application/octet-stream",
        "user_agent": f"git-mlvc/{git_mlvc.__version__}",
    }
    if patience is Patience.UPLOAD:
        # The library sees no progress of what it sends: its read time-out would run from the first byte on.
        slowest_s = LARGEST_UPLOAD_BYTES / UPLOAD_FLOOR_BYTES_PER_S
        options["timeout"] = timedelta(seconds=opening.idle_timeout_s + slowest_s)
    else:
        options["read_timeout"] = timedelta(seconds=opening.idle_timeout_s)
    proxy = network.proxy_for(endpoint, opening)
    # Without a proxy of ours the library would look for one in the process's environment itself.
    options["proxy_url"] = proxy or _NOWHERE
    options["proxy_excludes"] = "" if proxy else _EVERYWHERE
    authorities = network.authorities_for(endpoint, opening)
    if authorities is False:
        options["allow_invalid_certificates"] = True  # the user's git says so
    elif isinstance(authorities, str):
        options["root_certificate"] = _certificates(Path(authorities))
    return options


def retries(patience: Patience) -> RetryConfig:
    """A body that breaks off is asked for again from there; nothing else, that is `wrap/retry.py`."""
    return {
        "max_retries": BODY_RETRIES if patience is Patience.BODY else 0,
        "backoff": {"init_backoff": FIRST_PAUSE, "max_backoff": LONGEST_PAUSE, "base": 2},
        "retry_timeout": timedelta(minutes=5),
    }


def _certificates(path: Path) -> bytes:
    files = sorted(path.glob("*.pem")) if path.is_dir() else [path]
    try:
        return b"\n".join(file.read_bytes() for file in files)
    except OSError as exc:
        raise ConfigError(
            f"cannot read the certificates in {path}", why=exc.strerror or str(exc)
        ) from exc
