"""The levels of a recipe, and records on their way from a remote."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field

from git_mlvc.errors import CorruptChunk, FormatError, MlvcError, RemoteUnavailable
from git_mlvc.formats import recipe as recipe_format
from git_mlvc.formats.recipe import Recipe
from git_mlvc.formats.segment import Location
from git_mlvc.transfer import plan, remote_layout
from git_mlvc.transfer.plan import Read
from git_mlvc.transfer.queue import Pool
from git_mlvc.transfer.remote_view import RemoteView

Take = Callable[[bytes, Location, bytes], None]


def levels(encoded: bytes, read_chunk: Callable[[bytes], bytes]) -> Iterator[Recipe]:
    """Yield a recipe and the recipes nested in it, outermost first; the last is the content's own.

    The chunks of a level are read only when the next level is asked for. Raises FormatError, and
    whatever `read_chunk` raises.
    """
    recipe = recipe_format.decode(encoded)
    while True:
        yield recipe
        if not recipe.depth:
            return
        if recipe.size_bytes > recipe_format.MAX_ENCODED_LEN:
            raise FormatError(
                "damaged recipe", why=f"{recipe.size_bytes} bytes is too long for one"
            )
        inner = bytearray()
        for digest, raw_len in recipe:
            piece = read_chunk(digest)
            if len(piece) != raw_len:
                raise FormatError(
                    "damaged recipe", why=f"a piece of {raw_len} has {len(piece)} bytes"
                )
            inner += piece
        depth = recipe.depth
        recipe = recipe_format.decode(memoryview(inner))
        del inner
        if recipe.depth != depth - 1:
            raise FormatError("damaged recipe", why=f"depth {recipe.depth} inside depth {depth}")


@dataclass(slots=True)
class Receipt:
    """What came, and why the rest did not, by id."""

    received_bytes: int = 0
    failed: dict[bytes, MlvcError] = field(default_factory=dict)
    absent: set[bytes] = field(default_factory=set)  # certainly not there, which is no failure


def receive(view: RemoteView, digests: Iterable[bytes], take: Take) -> Receipt:
    """Read records from a remote and hand each to `take`, in any order, on this thread.

    `take` verifies and raises CorruptChunk for wrong bytes; then, or when a pack has gone, other
    packs that hold the record are tried. Raises RemoteUnavailable when the remote falls silent; what
    was taken by then stays taken.
    """
    receipt = Receipt()
    pool: Pool[Read, bytes] = Pool(
        lambda read: _on_its_way(view, read), cost=lambda read: read.length, lanes=view.lanes
    )
    pending = list(digests)
    while pending:
        located = _locate(view, pending, receipt)
        pending = []
        for read, outcome in pool.run(plan.reads(located, view.pack_sizes)):
            if isinstance(outcome, RemoteUnavailable):
                raise outcome
            if isinstance(outcome, MlvcError):
                view.distrust(None, read.pack)
                for digest, _ in read.records:
                    receipt.failed[digest] = outcome
                    pending.append(digest)
                continue
            receipt.received_bytes += len(outcome)
            for digest, location in read.records:
                start = location.offset - read.start
                payload = outcome[start : start + location.stored_len]
                try:
                    if len(payload) != location.stored_len:
                        raise CorruptChunk("the pack is cut short")
                    take(digest, location, payload)
                except CorruptChunk as exc:
                    view.distrust(digest, location.pack)
                    receipt.failed[digest] = _wrong_bytes(view, digest, location, exc)
                    pending.append(digest)
                else:
                    receipt.failed.pop(digest, None)
            del outcome  # up to 16 MiB, while the next is on its way
    return receipt


def _on_its_way(view: RemoteView, read: Read) -> bytes:
    shown_bytes = sum(location.raw_len for _, location in read.records)
    with view.traffic.journey(read.length, shown_bytes):
        return view.read(read)


def _locate(
    view: RemoteView, digests: Collection[bytes], receipt: Receipt
) -> list[tuple[bytes, Location]]:
    located, unknown = view.locate(digests)
    for digest in digests:
        if digest in located or digest in receipt.failed:
            continue
        if unknown is not None:
            receipt.failed[digest] = unknown
        else:
            receipt.absent.add(digest)
    return [(digest, located[digest]) for digest in digests if digest in located]


def _wrong_bytes(
    view: RemoteView, digest: bytes, location: Location, exc: CorruptChunk
) -> CorruptChunk:
    return CorruptChunk(
        f"remote '{view.name}' sent wrong bytes for chunk {digest.hex()[:16]}",
        why=f"pack {location.pack.hex()}: {exc.why or exc.what}",
        hint="git mlvc whereis --deep shows who has it whole; to mend this one, delete"
        f" {remote_layout.pack_key(location.pack)} there, then git mlvc push from a clone that has it",
    )
