"""Google, against a double of our own: there is no server to be had."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.backend_contract import BackendContract
from support.servers.gcs_double import GcsDouble

from git_mlvc.backend.base import Backend


class TestGcsDouble(BackendContract):
    @pytest.fixture
    def backend(self, gcs_server: GcsDouble) -> Iterator[Backend]:
        backend = gcs_server.place().backend()
        yield backend
        backend.close()
