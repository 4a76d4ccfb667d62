"""`lfs`: the git-lfs server of the git remote."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from support.backend_contract import BackendContract
from support.servers.place import RemoteServer

from git_mlvc.backend.base import Backend, Capability


class TestLfsOnGiftless(BackendContract):
    @pytest.fixture
    def backend(self, giftless_server: RemoteServer) -> Iterator[Backend]:
        driver = giftless_server.place().backend()
        yield driver
        driver.close()

    def test_list_is_not_cut_off(
        self, backend: Backend, needs: Callable[[Capability], None]
    ) -> None:
        """As everywhere, but all named by one commit: seventy cost the same and prove nothing more."""
        keys = {f"packs/ab/{n:04x}" for n in range(1100)}
        for key in keys:
            backend.put(key, b"")
        for number in range(120):  # more than one question to the server can hold
            backend.put(f"packs/cd/{number:04x}", b"the same for all of them")
        backend.put("segments/s", b"names them")
        assert {found.key for found in backend.list("packs/ab/")} == keys
        assert len(list(backend.list("packs/cd/"))) == 120
