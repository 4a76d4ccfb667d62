"""Which of several recipes under one content id is the content's.

A recipe is filed under the id of the content, which its own bytes cannot prove. Two that differ mean that
one came from a remote which lies; only hashing what they lead to tells them apart (law 3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from blake3 import blake3

from git_mlvc.errors import CorruptChunk, FormatError, MissingChunk
from git_mlvc.formats import recipe as recipe_format
from git_mlvc.formats.recipe import Recipe


def true_recipe(
    digest: bytes, copies: Sequence[bytes], read_chunk: Callable[[bytes], bytes]
) -> Recipe:
    """Return the first recipe whose content has this id; where none can be tried, the first that parses.

    Raises FormatError if none parses.
    """
    first: Recipe | None = None
    failure = FormatError("there is no recipe", why=digest.hex()[:16])
    for encoded in copies:
        try:
            recipe = recipe_format.decode(encoded)
        except FormatError as exc:
            failure = exc
            continue
        first = first or recipe
        try:
            hasher = blake3()
            for chunk, _ in recipe_format.stream(recipe, read_chunk).entries:
                hasher.update(read_chunk(chunk))
        except (MissingChunk, CorruptChunk, FormatError):
            continue
        if hasher.digest() == digest:
            return recipe
    if first is None:
        raise failure
    return first
