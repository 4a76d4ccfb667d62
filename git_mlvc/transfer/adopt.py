"""Packs of a remote that are brought as they are, because most of what is in them is wanted.

Copying a file costs a fraction of taking it apart and putting it together again; and where the remote
is on the same file system, the copy may share its blocks. Each record is verified all the same
(`store/adoption.py`). A pack that turns out to be anything but true is left for its records to be
read one by one, which finds the good ones and names the bad.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from git_mlvc.backend.base import NotFound
from git_mlvc.errors import CorruptChunk, MlvcError
from git_mlvc.formats.pack import PACK_TARGET_BYTES
from git_mlvc.formats.segment import PackTable
from git_mlvc.store.adoption import Adoption, Guest
from git_mlvc.transfer.queue import Pool
from git_mlvc.transfer.remote_view import RemoteView

# On the disk and on their way, with no name yet: one is verified while others come. With more of them
# at once none is ready early, and whoever waits for the first waits for all.
BUDGET_BYTES = 5 * PACK_TARGET_BYTES


def adopt(
    view: RemoteView,
    packs: Mapping[bytes, int],
    adoption: Adoption,
    shown_bytes: Mapping[bytes, int] | None = None,
) -> Iterator[PackTable]:
    """Bring `packs` (id -> size) into the store, several at once; yield the table of each that came.

    `shown_bytes`: what each counts for in progress while it is on its way, if not its size.
    Each is in its place when it is yielded. Raises RemoteError when the remote falls silent, and
    StoreError; what came stays.
    """
    shown = shown_bytes or {}

    def bring(pack: bytes) -> Guest:
        def copy(fd: int) -> None:
            with view.traffic.journey(packs[pack], shown.get(pack)):
                view.packs.copy(pack, fd)
            pool.leave_lane()  # to verify it is not the remote's affair: the next one may come

        return adoption.fetch(pack, copy)

    pool: Pool[bytes, Guest] = Pool(
        bring,
        cost=lambda pack: packs[pack],
        lanes=view.lanes,
        budget_bytes=BUDGET_BYTES,
        goes_on=True,
    )
    failures: list[MlvcError] = []
    for _, outcome in pool.run(pack for pack in packs if not failures):
        if isinstance(outcome, (NotFound, CorruptChunk)):
            continue
        if isinstance(outcome, MlvcError):
            failures.append(outcome)  # raised when what is on its way has come
            continue
        adoption.keep(outcome)
        yield outcome.table
    if failures:
        raise failures[0]
