"""`lfs`: the git-lfs server of the git remote."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.backend_contract import BackendContract
from support.servers.place import RemoteServer

from git_mlvc.backend.base import Backend


class TestLfsOnGiftless(BackendContract):
    @pytest.fixture
    def backend(self, giftless_server: RemoteServer) -> Iterator[Backend]:
        driver = giftless_server.place().backend()
        yield driver
        driver.close()
