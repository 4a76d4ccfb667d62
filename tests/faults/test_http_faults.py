"""A web server on a bad day: one that is only read, and one that is written by WebDAV."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.dav_contract import folder_of
from support.fault_contract import FaultContract
from support.faulty_place import Faulty, faulty_place
from support.servers.nginx import PASSWORD, USER, Nginx

from git_mlvc.backend.file import FileBackend
from git_mlvc.login import Login

IDLE_S = 0.6


class TestReading(FaultContract):
    @pytest.fixture
    def faulty(self, nginx_server: Nginx) -> Iterator[Faulty]:
        place = nginx_server.place("files")
        truth = FileBackend(folder_of(place.url, nginx_server.data))
        with faulty_place(place, truth=truth, idle_timeout_s=IDLE_S) as faulty:
            yield faulty


class Known:
    """Git's helpers, who know the one login."""

    def fill(self, url: str) -> Login:
        return Login(USER, PASSWORD)

    def approve(self, url: str, login: Login) -> None:
        pass

    def reject(self, url: str, login: Login) -> None:
        pass


class TestWriting(FaultContract):
    @pytest.fixture
    def faulty(self, nginx_server: Nginx, tmp_path: Path) -> Iterator[Faulty]:
        place = nginx_server.place("guarded")
        with faulty_place(
            place, credentials=Known(), secrets=(PASSWORD,), idle_timeout_s=IDLE_S
        ) as faulty:
            yield faulty
