"""WebDAV, against nginx, Apache and WsgiDAV: each keeps the standard in its own way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.dav_contract import DavContract, folder_of
from support.servers.apache import Apache
from support.servers.nginx import PASSWORD, USER, Nginx
from support.servers.place import RemotePlace
from support.servers.wsgidav import Wsgidav

from git_mlvc.backend.base import Backend, Capability, Denied, Stat
from git_mlvc.errors import RemoteRefused, StoreError


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


@pytest.fixture(params=["nginx_server", "apache_server"])
def documented(request: pytest.FixtureRequest) -> RemotePlace:
    """A server as the guide sets it up: all may read, who has a login may write."""
    place: RemotePlace = request.getfixturevalue(request.param).place("models")
    return place


def test_a_server_set_up_by_the_guide_is_read_by_all_and_written_by_some(
    documented: RemotePlace,
) -> None:
    known = RemotePlace(documented.url.replace("//", f"//{USER}:{PASSWORD}@")).backend()
    known.put("packs/ab/x", b"x" * 3_000_000)
    assert [one.key for one in known.list("")] == ["packs/ab/x"]
    stranger = documented.backend()
    assert Capability.WRITE in stranger.capabilities
    assert stranger.stat("packs/ab/x") == Stat(3_000_000)
    assert stranger.get_range("packs/ab/x", 2_999_990, 20) == b"x" * 10
    for data in (b"1", b"1" * 3_000_000):
        with pytest.raises(Denied, match="wants a login"):
            stranger.put("packs/ab/y", data)
    with pytest.raises(Denied):
        stranger.delete("packs/ab/x")
    assert [one.key for one in known.list("")] == ["packs/ab/x"]
    stranger.close()
    known.close()


def test_half_of_an_upload_is_never_an_object(wsgidav_server: Wsgidav, tmp_path: Path) -> None:
    """This server keeps what it got of an upload that broke off."""
    place = wsgidav_server.place()
    source = tmp_path / "source"
    source.write_bytes(bytes(3_000_000))

    def break_off(size_bytes: int) -> None:
        sent.append(size_bytes)
        if sum(sent) > 1_000_000:
            source.write_bytes(b"")

    sent: list[int] = []
    good = place.backend()
    good.put("packs/ab/first", b"1")
    backend = place.backend(meter=break_off)
    with pytest.raises(StoreError, match="became shorter"):
        backend.put("packs/ab/x", source)
    assert good.stat("packs/ab/x") is None
    assert [one.key for one in good.list("")] == ["packs/ab/first"]
    assert list(folder_of(place.url, wsgidav_server.data).rglob("_*")) == []
    backend.close()
    good.close()


def test_what_a_server_finds_too_large_is_refused(nginx_server: Nginx, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes(8 << 20))
    backend = nginx_server.place("small").backend()
    with pytest.raises(RemoteRefused, match="too large") as caught:
        backend.put("packs/ab/x", source)
    assert "client_max_body_size" in caught.value.hint
    assert backend.stat("packs/ab/x") is None
    backend.close()
