"""Whether packs stand on a remote, with the size their segment gives: asked once between two refreshes.

A few are asked for one by one, more by listing all; where a listing is short it is always that.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from git_mlvc.backend.base import Backend, Capability, folders_in
from git_mlvc.errors import MlvcError, RemoteRefused
from git_mlvc.transfer import remote_layout
from git_mlvc.transfer.queue import Lanes, Pool

FOLDERS = 256  # that packs lie in
LISTING_PAGE = 1000  # packs that one request of a listing tells of, about
FEW_STATS = 16  # single questions; after so many, all are listed
STAT_COST = 1
SHORT_PAGES = 2  # so short a listing is always asked for
MOST_UNLISTED = 512  # that a listing does not show: looked for one by one, beyond that believed


class PackPresence:
    """Answers by pack id; `sizes` is what segments say, and grows as they are read."""

    def __init__(
        self, backend: Backend, sizes: Mapping[bytes, int], lanes: Lanes | None = None
    ) -> None:
        self._backend = backend
        self._lanes = lanes or Lanes()
        self._sizes = sizes
        self._present: dict[bytes, bool] = {}
        self._listed: dict[bytes, int] | None = None
        self._is_for_certain = False
        self._asked = 0

    def forget(self, *, for_certain: bool = False) -> None:
        """Ask anew from now on; `for_certain`: each for itself, for listings may lag behind."""
        self._is_for_certain = for_certain
        self._present.clear()
        self._listed = None
        self._asked = 0

    def note(self, packs: Collection[bytes]) -> None:
        """Take packs that were just seen to be whole for present."""
        self._present.update(dict.fromkeys(packs, True))

    def absent(self, packs: Collection[bytes], *, on_remote: int) -> set[bytes]:
        """Return those that do not stand there; there are about `on_remote` packs. Raises RemoteError."""
        unknown = [pack for pack in packs if pack not in self._present]
        if unknown:
            can_list = Capability.LIST in self._backend.capabilities and not self._is_for_certain
            cost = self._cost(on_remote)
            if can_list and (
                self._listed is not None
                or cost <= SHORT_PAGES
                or self._asked + len(unknown) > max(FEW_STATS, cost)
            ):
                self._compare_with_listing(unknown)
            else:
                self._ask(unknown)
        return {pack for pack in packs if not self._present[pack]}

    def is_listing_cheaper(self, questions: int, *, on_remote: int) -> bool:
        """True if listing all costs less than so many single questions."""
        can_list = Capability.LIST in self._backend.capabilities
        return can_list and questions > self._cost(on_remote + questions)

    def _cost(self, packs: int) -> int:
        """Return how many requests a listing of so many packs takes, about."""
        if Capability.FLAT_LIST in self._backend.capabilities:
            return 1 + packs // LISTING_PAGE
        return 1 + min(packs, FOLDERS)

    def list_now(self) -> dict[bytes, int]:
        """Return the packs that a listing shows (id -> bytes). Raises RemoteError."""
        found = {}
        for listed in self._backend.list(remote_layout.PACKS):
            pack = remote_layout.pack_of(listed.key)
            if pack is not None:
                found[pack] = listed.size_bytes
        return found

    def folders_now(self) -> frozenset[str] | None:
        """Return the folders that have packs, None where one request does not tell. Raises RemoteUnavailable."""
        try:
            return folders_in(self._backend, remote_layout.PACKS)
        except RemoteRefused:  # then each pack is looked for alone
            return None

    def _compare_with_listing(self, packs: Collection[bytes]) -> None:
        if self._listed is None:
            self._listed = self.list_now()
        for pack in packs:
            self._present[pack] = self._listed.get(pack, -1) == self._sizes.get(pack)
        # A listing may lag behind.
        unlisted = [pack for pack in packs if not self._present[pack]]
        if len(unlisted) <= MOST_UNLISTED:
            self._ask(unlisted)

    def _ask(self, packs: Collection[bytes]) -> None:
        self._asked += len(packs)
        pool: Pool[bytes, bool] = Pool(self._stands, cost=lambda pack: STAT_COST, lanes=self._lanes)
        for pack, outcome in pool.run(packs):
            if isinstance(outcome, MlvcError):
                raise outcome
            self._present[pack] = outcome

    def _stands(self, pack: bytes) -> bool:
        found = self._backend.stat(remote_layout.pack_key(pack))
        return found is not None and found.size_bytes == self._sizes.get(pack)
