"""ssh, against OpenSSH: with a git-mlvc there, with a shell but without one, and with SFTP alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.backend_contract import BackendContract
from support.servers.openssh import OpenSsh

from git_mlvc.backend.base import Backend


class TestServedByGitMlvc(BackendContract):
    @pytest.fixture
    def backend(self, ssh_server: OpenSsh) -> Iterator[Backend]:
        backend = ssh_server.place(is_shared=True).backend()
        yield backend
        backend.close()


class TestSftpThroughAShell(BackendContract):
    @pytest.fixture
    def backend(self, shell_only_server: OpenSsh) -> Iterator[Backend]:
        backend = shell_only_server.place(is_shared=True).backend()
        yield backend
        backend.close()


class TestSftpAlone(BackendContract):
    @pytest.fixture
    def backend(self, sftp_only_server: OpenSsh) -> Iterator[Backend]:
        backend = sftp_only_server.place(is_shared=True).backend()
        yield backend
        backend.close()
