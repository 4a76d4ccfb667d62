"""What the answers of a web server mean: HTTP's codes and the network's failures as our errors.

Nothing of an exception's own text is shown: it may hold an address with a secret in its query.
"""

from __future__ import annotations

import email.utils
import errno
import http.client
import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping

import requests
import urllib3

from git_mlvc.backend.base import Denied, NotFound, Offline, Throttled
from git_mlvc.backend.web import urls
from git_mlvc.errors import ConfigError, MlvcError, RemoteRefused, RemoteUnavailable

LOST = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)
_LATER = {408, 423, 425}
_NO_SUCH_VERB = {405, 501}
_SILENT = (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)
_NO_NAME = {
    code for code in (getattr(socket, "EAI_NONAME", None), getattr(socket, "EAI_NODATA", None))
    if code is not None
}  # fmt: skip


def refusal(status: int, headers: Mapping[str, str], *, doing: str, url: str) -> MlvcError:
    """Return the error for an answer that is not the one that was hoped for.

    `doing` follows "cannot"; `url` is where the answer came from.
    """
    what = f"cannot {doing}"
    host = urls.origin_of(url).url
    if status in (404, 410):
        return NotFound(what, why=f"{host} says there is nothing ({status})")
    if status == 401:
        return Denied(
            what, why=_unknown_to(host, headers), hint="git credential approve, or ~/.netrc"
        )
    if status == 403:
        return Denied(what, why=f"{host} forbids it (403)", hint="ask its owner for the right to")
    if status == 407:
        return RemoteRefused(
            what, why="the proxy wants a login (407)", hint="HTTPS_PROXY=http://USER:PASSWORD@PROXY"
        )
    if status == 413:
        return RemoteRefused(
            what,
            why=f"it is too large for {host} (413)",
            hint="have its limit raised (nginx: client_max_body_size 0; Apache: LimitRequestBody 0)",
        )
    if status == 507:
        return RemoteRefused(what, why=f"{host} is full (507)", hint="free some space there")
    if 300 <= status < 400:
        return _moved(what, headers, url)
    if status in _NO_SUCH_VERB:
        return RemoteRefused(what, why=f"{host} does not know how to, or will not ({status})")
    if status == 429 or "retry-after" in headers:
        seconds = _retry_after_s(headers)
        return Throttled(what, retry_after_s=seconds, why=f"{host} is busy ({status})")
    if status in _LATER or status >= 500:
        return RemoteUnavailable(what, why=f"{host} answered {status}")
    return RemoteRefused(what, why=f"{host} answered {status}")


def _unknown_to(host: str, headers: Mapping[str, str]) -> str:
    offered = schemes(headers)
    if offered and not offered & {"basic", "bearer"}:
        return f"{host} wants a login by {', '.join(sorted(offered))}, which is not supported (401)"
    return f"{host} wants a login that it knows (401)"


def schemes(headers: Mapping[str, str]) -> set[str]:
    """Return by which ways a server lets one log in, in lower case."""
    text = headers.get("www-authenticate", "")
    return {word.lower() for word in re.findall(r"(?:^|,)\s*([A-Za-z-]+)(?=\s|,|$)", text)}


def _moved(what: str, headers: Mapping[str, str], url: str) -> RemoteRefused:
    there = urls.shown(headers.get("location", "")) or "somewhere"
    return RemoteRefused(
        what,
        why=f"{urls.origin_of(url).url} says that it is at {there} now",
        hint="if you trust that address, make it the remote's: git mlvc remote add NAME URL",
    )


def _retry_after_s(headers: Mapping[str, str]) -> float:
    """Seconds, or a date; a date counts from the server's own clock, not from ours."""
    text = headers.get("retry-after", "").strip()
    if text.isdigit():
        return float(text[:9])
    then = _timestamp(text)
    if then is None:
        return 1.0
    now = _timestamp(headers.get("date", ""))
    return max(0.0, then - (time.time() if now is None else now))


def _timestamp(text: str) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def failure(exc: BaseException, *, doing: str, url: str) -> MlvcError:
    """Return the error for an answer that never came, or broke off."""
    what = f"cannot {doing}"
    host = urls.origin_of(url).url
    causes = list(_causes(exc))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError | ssl.CertificateError):
            return _distrusted(what, host, cause)
        if isinstance(cause, ssl.SSLError) and cause.reason in (
            "WRONG_VERSION_NUMBER",
            "HTTP_REQUEST",
        ):
            return RemoteRefused(
                what, why=f"{host} does not speak TLS", hint="is it http:// there?"
            )
        if isinstance(cause, socket.gaierror):
            return _nameless(what, urls.origin_of(url).host, cause, is_proxy=_is_proxys(causes))
    if isinstance(exc, requests.exceptions.InvalidSchema):
        return ConfigError(what, why="this kind of proxy needs the package 'pysocks'")
    if isinstance(exc, ValueError):  # an address, header or proxy that is none
        return ConfigError(what, why=f"the address or a header for {host} is malformed")
    if _is_proxys(causes):
        is_unknown = any("407" in str(cause) for cause in causes)
        if is_unknown:
            return refusal(407, {}, doing=doing, url=url)
        return RemoteUnavailable(what, why="the proxy does not let us through", hint="HTTPS_PROXY")
    return RemoteUnavailable(what, why=f"{host}: {_plain(causes)}")


def _distrusted(what: str, host: str, cause: ssl.SSLError | ValueError) -> RemoteRefused:
    why = getattr(cause, "verify_message", "") or "it is not for this server"
    return RemoteRefused(
        what,
        why=f"the certificate of {host} is not trusted: {why}",
        hint=f"git config http.{host}/.sslCAInfo FILE, or SSL_CERT_FILE=FILE, with the authority's certificate",
    )


def _nameless(what: str, host: str, cause: socket.gaierror, *, is_proxy: bool) -> MlvcError:
    who = "the proxy" if is_proxy else host
    if cause.errno in _NO_NAME:
        return Offline(what, why=f"no server is called {who}", hint="is the address right?")
    return RemoteUnavailable(what, why=f"the name of {who} cannot be looked up")


def _is_proxys(causes: list[BaseException]) -> bool:
    return any(
        isinstance(cause, requests.exceptions.ProxyError | urllib3.exceptions.ProxyError)
        for cause in causes
    )


def _plain(causes: list[BaseException]) -> str:
    for cause in causes:
        if isinstance(cause, OSError) and cause.errno in errno.errorcode and cause.strerror:
            return cause.strerror
        if isinstance(cause, http.client.IncompleteRead):
            return "the answer broke off"
    if any(isinstance(cause, _SILENT) for cause in causes):
        return "no answer in time"
    return "the connection broke off"


def _causes(exc: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and what it was made from; the libraries hide it in several places."""
    seen: set[int] = set()
    waiting = [exc]
    while waiting:
        here = waiting.pop(0)
        if not isinstance(here, BaseException) or id(here) in seen:
            continue
        seen.add(id(here))
        yield here
        waiting += [here.__cause__, here.__context__, getattr(here, "reason", None)]
        waiting += [arg for arg in here.args if isinstance(arg, BaseException)]
