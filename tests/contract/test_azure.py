"""Azure, against Microsoft's own double, which checks signatures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.backend_contract import BackendContract
from support.servers.azurite import AzuriteServer

from git_mlvc.backend.base import Backend


class TestAzurite(BackendContract):
    @pytest.fixture
    def backend(self, azurite_server: AzuriteServer) -> Iterator[Backend]:
        backend = azurite_server.place().backend()
        yield backend
        backend.close()
