"""Every driver and wrapper keeps the one contract."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from support.backend_contract import BackendContract
from support.faulty_backend import FaultyBackend

from git_mlvc.backend.base import Backend
from git_mlvc.backend.file import FileBackend
from git_mlvc.backend.memory import MemoryBackend
from git_mlvc.backend.wrap.retry import Retry


class TestMemoryBackend(BackendContract):
    @pytest.fixture
    def backend(self) -> Backend:
        return MemoryBackend()


class TestFileBackend(BackendContract):
    @pytest.fixture
    def backend(self, tmp_path: Path) -> Backend:
        return FileBackend(tmp_path / "a remote")


class TestFileBackendOnAnotherMount(BackendContract):
    """Sources and targets are on one file system, the remote on another."""

    @pytest.fixture
    def backend(self, tmp_path: Path, second_mount: Path) -> Backend:
        assert tmp_path.stat().st_dev != second_mount.stat().st_dev
        return FileBackend(second_mount / "remote")


class TestFileBackendWithoutLinksOrModes(BackendContract):
    """FAT, some shares: neither hard links nor modes; each name is taken once all the same."""

    @pytest.fixture
    def backend(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Backend:
        def refuse(*args: object, **options: object) -> None:
            raise OSError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(os, "link", refuse)
        monkeypatch.setattr(os, "chmod", refuse)
        return FileBackend(tmp_path / "a remote")


class TestRetryAroundAFlakyRemote(BackendContract):
    @pytest.fixture
    def backend(self, tmp_path: Path) -> Backend:
        flaky = FaultyBackend(FileBackend(tmp_path / "remote"), "E.EE...E")
        return Retry(flaky, sleep=lambda seconds: None)


class TestFileBackendWithAMeter(BackendContract):
    @pytest.fixture
    def backend(self, tmp_path: Path) -> Backend:
        return FileBackend(tmp_path / "remote", meter=lambda size_bytes: None)
