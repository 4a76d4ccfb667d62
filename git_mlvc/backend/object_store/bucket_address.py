"""Addresses of buckets: `s3://BUCKET/PREFIX`, and endpoints that options name."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from git_mlvc.errors import ConfigError

_BUCKET = re.compile(r"[A-Za-z0-9$][A-Za-z0-9._-]{0,254}\Z")


def split_address(url: str, form: str) -> tuple[str, str]:
    """Return the bucket, and the prefix as "" or ending in "/"; the prefix is taken as it is written.

    Raises ConfigError.
    """
    bucket, _, prefix = url.partition("://")[2].partition("/")
    if not _BUCKET.match(bucket):
        raise ConfigError(
            f"not the address of a bucket: {url.partition('@')[0]}",
            why="after the two slashes stands the name of a bucket and nothing else",
            hint=f"write {form}; servers and keys are options",
        )
    prefix = prefix.strip("/")
    if prefix and any(part in ("", ".", "..") for part in prefix.split("/")):
        raise ConfigError(
            f"not the address of a bucket: {url}",
            why="its path has a part that is empty or made of dots",
        )
    return bucket, f"{prefix}/" if prefix else ""


def checked_endpoint(endpoint: str, source: str) -> str:
    """Return the endpoint without a slash at its end. Raises ConfigError naming `source`."""
    parts = urlsplit(endpoint)
    try:
        well_formed = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        well_formed = False
    if not well_formed or parts.query or parts.fragment or "@" in parts.netloc:
        raise ConfigError(
            f"{source} is not the address of a server: {endpoint.rpartition('@')[2]}",
            hint="it looks like https://s3.example.org or http://127.0.0.1:9000",
        )
    return endpoint.rstrip("/")
