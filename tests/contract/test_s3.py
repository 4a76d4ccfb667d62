"""S3, against a server that verifies signatures (Swift) and one that is quick (moto)."""

from __future__ import annotations

from collections.abc import Iterator

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


class TestMoto(BackendContract):
    @pytest.fixture
    def backend(self, moto_server: S3Server) -> Iterator[Backend]:
        backend = moto_server.place("").backend()
        yield backend
        backend.close()
