"""Every driver and wrapper keeps the one contract."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.backend_contract import BackendContract
from support.faulty_backend import FaultyBackend

from git_mlvc.backend.base import Backend
from git_mlvc.backend.file import FileBackend
from git_mlvc.backend.memory import MemoryBackend
from git_mlvc.backend.wrap.limit import Limit
from git_mlvc.backend.wrap.retry import Retry


class TestMemoryBackend(BackendContract):
    @pytest.fixture
    def backend(self) -> Backend:
        return MemoryBackend()


class TestFileBackend(BackendContract):
    @pytest.fixture
    def backend(self, tmp_path: Path) -> Backend:
        return FileBackend(tmp_path / "a remote")


class TestRetryAroundAFlakyRemote(BackendContract):
    @pytest.fixture
    def backend(self, tmp_path: Path) -> Backend:
        flaky = FaultyBackend(FileBackend(tmp_path / "remote"), "E.EE...E")
        return Retry(flaky, sleep=lambda seconds: None)


class TestLimit(BackendContract):
    @pytest.fixture
    def backend(self) -> Backend:
        return Limit(MemoryBackend(), 1e6, sleep=lambda seconds: None)
