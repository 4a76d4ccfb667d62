"""One fixture a server, for the whole session of a worker; started when a test first asks for it.

Each imports its module when it is used. Names end in `_server`; each gives a `RemoteServer`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from support.servers.apache import Apache
    from support.servers.azurite import AzuriteServer
    from support.servers.dulwich_lfs import Forge
    from support.servers.gcs_double import GcsDouble
    from support.servers.giftless import Giftless
    from support.servers.nginx import Nginx
    from support.servers.openssh import OpenSsh
    from support.servers.s3_server import S3Server
    from support.servers.wsgidav import Wsgidav


@pytest.fixture(scope="session")
def moto_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """An S3 in memory that checks no signature."""
    from support.servers import moto

    server = moto.start(tmp_path_factory.mktemp("moto"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def swift_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A real S3 that checks signatures; its conditional put is not atomic."""
    from support.servers import swift

    server = swift.start(tmp_path_factory.mktemp("swift"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def azurite_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzuriteServer]:
    """Microsoft's double of Azure Blob Storage."""
    from support.servers import azurite

    server = azurite.start(tmp_path_factory.mktemp("azurite"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def gcs_server() -> Iterator[GcsDouble]:
    """Our own double of Google's storage; in this process."""
    from support.servers.gcs_double import GcsDouble

    server = GcsDouble()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def giftless_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Giftless]:
    """A git-lfs server; its git repositories are directories."""
    from support.servers import giftless

    server = giftless.start(tmp_path_factory.mktemp("giftless"))
    yield server
    server.stop()


@pytest.fixture
def forge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forge]:
    """Git over HTTP with a git-lfs server beside each repository; for one test, at no cost."""
    from support.servers import dulwich_lfs

    server = dulwich_lfs.start(tmp_path_factory.mktemp("forge"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def nginx_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """nginx: plain files, WebDAV, passwords, TLS."""
    from support.servers import nginx

    server = nginx.start(tmp_path_factory.mktemp("nginx"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def apache_server() -> Iterator[Apache]:
    """Apache with mod_dav."""
    from support.servers import apache

    server = apache.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def wsgidav_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wsgidav]:
    """A WebDAV server that publishes truncated uploads."""
    from support.servers import wsgidav

    server = wsgidav.start(tmp_path_factory.mktemp("wsgidav"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def ssh_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSsh]:
    """OpenSSH, with git-mlvc on the PATH of its shell."""
    from support.servers import openssh

    server = openssh.start(tmp_path_factory.mktemp("ssh"), openssh.Offers.GIT_MLVC)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def shell_only_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSsh]:
    """OpenSSH with a shell and SFTP, and without git-mlvc."""
    from support.servers import openssh

    server = openssh.start(tmp_path_factory.mktemp("shell_only"), openssh.Offers.SHELL)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def sftp_only_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSsh]:
    """OpenSSH that lets nobody in but for SFTP."""
    from support.servers import openssh

    server = openssh.start(tmp_path_factory.mktemp("sftp_only"), openssh.Offers.SFTP)
    yield server
    server.stop()
