"""Whether a remote really holds a content now: asked afresh before anything local goes (law 11).

Nothing is taken from memory or from the store: recipes are read from the remote itself, each chunk
must be named by a segment that is there now, and each pack must stand there with the right size.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice

from git_mlvc.backend.base import NotFound
from git_mlvc.errors import CorruptChunk, FormatError, MissingChunk, MlvcError, RemoteError
from git_mlvc.formats.chunk_codec import ChunkCodec
from git_mlvc.formats.pack import Kind
from git_mlvc.formats.pointer import Pointer
from git_mlvc.formats.recipe import Recipe
from git_mlvc.formats.segment import Location
from git_mlvc.store.verified import verify_stored
from git_mlvc.transfer.content import levels, receive
from git_mlvc.transfer.remote_view import RemoteView

BATCH_POINTERS = 256
DEEP_WINDOW = 1 << 12


def copies_on(
    view: RemoteView,
    pointers: Iterable[Pointer],
    *,
    deep: bool = False,
    for_deletion: bool = False,
) -> set[Pointer]:
    """Return those that the remote holds in full. With `deep`, every byte is read and hashed.

    `for_deletion`: the caller's own copy goes, so that each pack is looked at: a listing may lag behind.
    Asks the remote anew. Raises RemoteError when it cannot be told (law 9): unknown is not "no".
    """
    view.refresh(for_certain=for_deletion)
    return held(view, pointers, deep=deep)


def held(view: RemoteView, pointers: Iterable[Pointer], *, deep: bool = False) -> set[Pointer]:
    """As `copies_on`, by what the remote said at the last refresh."""
    remaining = iter(dict.fromkeys(pointers))
    found: set[Pointer] = set()
    while batch := list(islice(remaining, BATCH_POINTERS)):
        found |= _complete(view, batch, deep=deep)
    return found


def chunks_on(view: RemoteView, digests: Iterable[bytes]) -> set[bytes]:
    """Return those records that a segment there names now, in packs that stand there now.

    For whoever is about to delete: asks the remote anew, about each pack. Raises RemoteError when it cannot be told.
    """
    view.refresh(for_certain=True)
    found: set[bytes] = set()
    for window in _windows(digests):
        found |= _there(view, window)
    return found


def read_chunk(view: RemoteView, digest: bytes) -> bytes:
    """Return one chunk from a remote, verified. Raises MissingChunk, CorruptChunk, RemoteError."""
    taken = _Taken()
    receipt = receive(view, [digest], taken.take)
    if digest in receipt.failed:
        raise receipt.failed[digest]
    if digest not in taken.raw or taken.kinds[digest] != Kind.CHUNK:
        raise MissingChunk(f"chunk {digest.hex()[:16]} is not on remote '{view.name}'")
    return taken.raw[digest]


class _Taken:
    """Verified records, in memory."""

    def __init__(self) -> None:
        self.raw: dict[bytes, bytes] = {}
        self.kinds: dict[bytes, int] = {}
        self._codec = ChunkCodec()

    def take(self, digest: bytes, location: Location, payload: bytes) -> None:
        self.raw[digest] = self.check(digest, location, payload)
        self.kinds[digest] = location.kind

    def check(self, digest: bytes, location: Location, payload: bytes) -> bytes:
        return verify_stored(
            digest, location.kind, location.codec, location.raw_len, payload, self._codec
        )


def _complete(view: RemoteView, pointers: Sequence[Pointer], *, deep: bool) -> set[Pointer]:
    whole: set[Pointer] = set()
    recipes: list[Pointer] = []
    digests = [pointer.oid.digest for pointer in pointers]
    found = view.confirmed_many(_there(view, digests))
    for pointer in pointers:
        location = found.get(pointer.oid.digest)
        if location is None:
            continue
        if location.kind == Kind.RECIPE:
            recipes.append(pointer)
        elif location.raw_len == pointer.size_bytes and (
            not deep or _reads_well(view, [pointer.oid.digest])
        ):
            whole.add(pointer)
    tops = _Taken()
    receipt = receive(view, [pointer.oid.digest for pointer in recipes], tops.take)
    _raise_if_unknown(receipt.failed.values())
    for pointer in recipes:
        encoded = tops.raw.pop(pointer.oid.digest, None)
        if encoded is not None and _recipe_is_there(view, pointer, encoded, deep=deep):
            whole.add(pointer)
    return whole


def _recipe_is_there(view: RemoteView, pointer: Pointer, encoded: bytes, *, deep: bool) -> bool:
    nested = _Taken()
    recipe: Recipe | None = None
    try:
        for recipe in levels(encoded, lambda digest: nested.raw[digest]):
            for window in _windows(recipe.digests()):
                if _there(view, window) != set(window):
                    return False
            if recipe.depth:
                nested.raw.clear()
                receipt = receive(view, set(recipe.digests()), nested.take)
                _raise_if_unknown(receipt.failed.values())
            elif deep and not _reads_well(view, recipe.digests()):
                return False
    except (KeyError, FormatError, CorruptChunk):
        return False
    return recipe is not None and recipe.size_bytes == pointer.size_bytes


def _there(view: RemoteView, digests: Collection[bytes]) -> set[bytes]:
    """Return those that are there for certain; the rest certainly is not, or RemoteError is raised."""
    found = set(view.confirmed_many(digests))
    lacking = [digest for digest in digests if digest not in found]
    if lacking and view.unseen_bytes:
        view.see_all()  # what ranges do not show may be there all the same
        found |= view.confirmed_many(lacking).keys()
        lacking = [digest for digest in lacking if digest not in found]
    view.find_many(lacking)  # raises if not being found means "unknown"
    return found


def _reads_well(view: RemoteView, digests: Iterable[bytes]) -> bool:
    """Read and hash records; memory stays bounded."""
    codec = _Taken()

    def check(digest: bytes, location: Location, payload: bytes) -> None:
        codec.check(digest, location, payload)

    for window in _windows(dict.fromkeys(digests)):
        receipt = receive(view, window, check)
        if receipt.failed or receipt.absent:
            _raise_if_unknown(receipt.failed.values())
            return False
    return True


def _raise_if_unknown(failures: Iterable[MlvcError]) -> None:
    for failure in failures:
        if isinstance(failure, RemoteError) and not isinstance(failure, NotFound):
            raise failure


def _windows(digests: Iterable[bytes]) -> Iterator[list[bytes]]:
    source = iter(digests)
    while window := list(islice(source, DEEP_WINDOW)):
        yield window
