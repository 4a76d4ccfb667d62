"""S3, against a server that verifies signatures (Swift)."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.backend_contract import BackendContract
from support.servers.s3_server import S3Server

from git_mlvc.backend.base import Backend


class TestSwift(BackendContract):
    @pytest.fixture
    def backend(self, swift_server: S3Server) -> Iterator[Backend]:
        backend = swift_server.place().backend()
        yield backend
        backend.close()

    def test_list_is_not_cut_off(self, backend: Backend) -> None:  # type: ignore[override]
        """In pages of 50 here; the contract's own 1100 objects are for doubles to take."""
        keys = {f"segments/{n:04x}" for n in range(70)}
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda key: backend.put(key, b""), keys))
        assert {found.key for found in backend.list("segments/")} == keys
