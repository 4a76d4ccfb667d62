"""WebDAV, against nginx, Apache and WsgiDAV: each keeps the standard in its own way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.dav_contract import DavContract, folder_of
from support.servers.apache import Apache
from support.servers.nginx import Nginx
from support.servers.wsgidav import Wsgidav

from git_mlvc.backend.base import Backend


class TestNginx(DavContract):
    """One that makes no folders by itself."""

    @pytest.fixture
    def backend(self, nginx_server: Nginx) -> Iterator[Backend]:
        backend = nginx_server.place("strict").backend()
        yield backend
        backend.close()

    @pytest.fixture
    def folder(self, backend: Backend, nginx_server: Nginx) -> Path:
        return folder_of(backend.url, nginx_server.data)


class TestApache(DavContract):
    @pytest.fixture
    def backend(self, apache_server: Apache) -> Iterator[Backend]:
        backend = apache_server.place().backend()
        yield backend
        backend.close()

    @pytest.fixture
    def folder(self, backend: Backend, apache_server: Apache) -> Path:
        return folder_of(backend.url, apache_server.data)


class TestWsgidav(DavContract):
    @pytest.fixture
    def backend(self, wsgidav_server: Wsgidav) -> Iterator[Backend]:
        backend = wsgidav_server.place().backend()
        yield backend
        backend.close()

    @pytest.fixture
    def folder(self, backend: Backend, wsgidav_server: Wsgidav) -> Path:
        return folder_of(backend.url, wsgidav_server.data)
