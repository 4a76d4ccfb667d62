"""The `format` file: what a store or a remote is, before anything in it is touched.

Layout: docs/formats/store.md. Two lines of text; a later version is refused, never guessed at.
"""

from __future__ import annotations

import re

from git_mlvc.errors import FormatError
from git_mlvc.values import value_class

VERSION = 1
DEFAULT_CHUNKER = "fastcdc2020 16384 65536 262144 1 0"
MAX_CONFIG_BYTES = 4096
_FIRST_LINE = re.compile(rb"git-mlvc store ([1-9][0-9]{0,8})\n")
_SECOND_LINE = re.compile(rb"chunks ([a-z0-9]+(?: [0-9]+)*)\n\Z")


@value_class
class StoreConfig:
    """How a store's contents are cut: algorithm, then min, avg, max, normalization and seed.

    Reading needs none of it; writers of one store should agree, or nothing deduplicates.
    """

    chunker: str = DEFAULT_CHUNKER


def encode(config: StoreConfig) -> bytes:
    data = f"git-mlvc store {VERSION}\nchunks {config.chunker}\n".encode("ascii")
    if decode(data) != config:
        raise ValueError(f"not a chunker profile: {config.chunker!r}")
    return data


def decode(data: bytes) -> StoreConfig:
    """Raises FormatError, which says so if a newer git-mlvc has written it."""
    first = _FIRST_LINE.match(data[:MAX_CONFIG_BYTES])
    if first is None:
        raise FormatError(
            "not a git-mlvc store", why="its `format` file does not begin with 'git-mlvc store'"
        )
    version = int(first[1])
    if version > VERSION:
        raise FormatError(
            "cannot use this store",
            why=f"its format is {version} and was written by a newer git-mlvc; "
            f"this one knows format {VERSION}",
            hint="upgrade git-mlvc",
        )
    second = _SECOND_LINE.match(data[first.end() :]) if len(data) <= MAX_CONFIG_BYTES else None
    if second is None:
        raise FormatError("damaged store format file", why="its second line is not 'chunks …'")
    return StoreConfig(second[1].decode("ascii"))
