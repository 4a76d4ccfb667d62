"""The way to a web server: through which proxy, and whose certificates are believed.

An option of the remote wins over git's `http.*` settings, and these over the variables that everybody knows.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
from collections.abc import Mapping
from functools import cache

from git_mlvc.backend.opening import Opening
from git_mlvc.backend.web import urls
from git_mlvc.errors import ConfigError

_BUNDLES = ("GIT_SSL_CAINFO", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_FALSE = {"false", "no", "off", "0", ""}


def proxy_for(url: str, opening: Opening) -> str | None:
    """Return the address of the proxy to go through, None for none."""
    own = opening.options.get("proxy")
    if own is not None:
        return _complete(own)
    origin = urls.origin_of(url)
    env = opening.environment
    if _is_exempt(origin, env.get("no_proxy") or env.get("NO_PROXY") or ""):
        return None
    gits = opening.web_settings(url).get("proxy")
    if gits is not None:
        return _complete(gits)
    names = [f"{origin.scheme}_proxy", f"{origin.scheme.upper()}_PROXY", "all_proxy", "ALL_PROXY"]
    if "REQUEST_METHOD" in env:
        names.remove("HTTP_PROXY") if "HTTP_PROXY" in names else None  # a CGI's client sets that
    return next((_complete(env[name]) for name in names if env.get(name)), None)


def _complete(proxy: str) -> str | None:
    if not proxy:
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _is_exempt(origin: urls.Origin, exempt: str) -> bool:
    """True if a list like ".example.org, localhost:8080, 10.0.0.0/8, *" names the server."""
    for entry in exempt.replace(",", " ").split():
        name, _, port = (
            entry.lower().rpartition(":") if entry.count(":") == 1 else (entry.lower(), "", "")
        )
        if port and port != str(origin.port):
            continue
        if name == "*" or _is_in_network(origin.host, name):
            return True
        name = name.lstrip("*").lstrip(".").strip("[]")
        if name and (origin.host == name or origin.host.endswith(f".{name}")):
            return True
    return False


def _is_in_network(host: str, network: str) -> bool:
    try:
        return "/" in network and ipaddress.ip_address(host) in ipaddress.ip_network(network, False)
    except ValueError:
        return False


def authorities_for(url: str, opening: Opening) -> str | bool:
    """Return the file or directory of certificates to believe alone; True for the usual ones, False for any."""
    gits = opening.web_settings(url)
    env = opening.environment
    own = opening.options.get("ca-file")
    if own is None and (
        gits.get("sslverify", "true").lower() in _FALSE or "GIT_SSL_NO_VERIFY" in env
    ):
        return False
    path = (
        own
        or gits.get("sslcainfo")
        or next((env[name] for name in _BUNDLES if env.get(name)), None)
    )
    path = path or env.get("SSL_CERT_DIR") or None
    if path is None:
        return True
    path = _at_home(path, env)
    if not os.path.exists(path):
        raise ConfigError(f"there are no certificates in {path}", hint="it is a file in PEM form")
    return path


def certificate_for(url: str, opening: Opening) -> str | tuple[str, str] | None:
    """Return the certificate that we show, and its key, as git is told them."""
    gits = opening.web_settings(url)
    certificate, key = gits.get("sslcert"), gits.get("sslkey")
    if not certificate:
        return None
    certificate = _at_home(certificate, opening.environment)
    return (certificate, _at_home(key, opening.environment)) if key else certificate


def _at_home(path: str, env: Mapping[str, str]) -> str:
    return env.get("HOME", "~") + path[1:] if path.startswith("~/") else path


@cache
def usual_authorities() -> ssl.SSLContext:
    """Return a context that believes whom this system believes; the library adds those it brings."""
    return ssl.create_default_context()
