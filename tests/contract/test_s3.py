"""S3, against a server that verifies signatures (Swift)."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.backend_contract import BackendContract
from support.servers.s3_server import S3Server

from git_mlvc.backend.base import Backend, version_of


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

    def test_a_version_changes_with_the_content(self, backend: Backend) -> None:
        backend.put("packs/a", b"1")
        first = version_of(backend, "packs/a")
        assert first is not None and first.size_bytes == 1
        assert version_of(backend, "packs/a") == first
        backend.put("packs/a", b"2")
        assert version_of(backend, "packs/a") != first
        assert version_of(backend, "packs/No.Such") is None
