"""A directory that a web server shows: written as a directory, read over HTTP, plain and with TLS."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.backend_contract import BackendContract
from support.dav_contract import folder_of
from support.scripted_server import Answer, ScriptedServer
from support.servers.nginx import Nginx
from support.servers.place import RemotePlace

from git_mlvc.backend.base import Backend, Capability, Listed, Stat
from git_mlvc.backend.file import FileBackend
from git_mlvc.errors import RemoteRefused
from git_mlvc.formats import store_config
from git_mlvc.transfer.probe import Probe, probe

UNSET = dict.fromkeys(
    ("GIT_SSL_CAINFO", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"), ""
)


class Published:
    """What is put goes to the directory; all else is asked of the web server."""

    def __init__(self, shown: Backend, directory: Path) -> None:
        self._shown = shown
        self._directory = FileBackend(directory)
        self.url = shown.url

    @property
    def capabilities(self) -> frozenset[Capability]:
        return self._shown.capabilities

    def put(self, key: str, source: bytes | Path) -> None:
        self._directory.put(key, source)

    def put_if_absent(self, key: str, source: bytes | Path) -> bool:
        return self._directory.put_if_absent(key, source)

    def get(self, key: str) -> bytes:
        return self._shown.get(key)

    def get_range(self, key: str, start: int, length: int) -> bytes:
        return self._shown.get_range(key, start, length)

    def get_file(self, key: str, target: int) -> None:
        self._shown.get_file(key, target)

    def stat(self, key: str) -> Stat | None:
        return self._shown.stat(key)

    def list(self, prefix: str) -> Iterator[Listed]:
        return self._shown.list(prefix)

    def delete(self, key: str) -> None:
        self._shown.delete(key)

    def close(self) -> None:
        self._shown.close()


class TestNginxWithPlainFiles(BackendContract):
    @pytest.fixture
    def backend(self, nginx_server: Nginx) -> Iterator[Backend]:
        place = nginx_server.place("files")
        backend = Published(place.backend(), folder_of(place.url, nginx_server.data))
        yield backend
        backend.close()

    def test_remote_check_finds_that_all_works_and_leaves_next_to_nothing(
        self, backend: Backend
    ) -> None:
        # As nothing can be written, there has to be a remote before it can be checked.
        backend.put("format", store_config.encode(store_config.StoreConfig()))
        found = Probe()
        probe(backend, found, lambda step: None)
        assert found.is_well and not found.left, found.steps

    def test_it_is_for_reading_and_says_so(self, backend: Backend) -> None:
        assert backend.capabilities == {Capability.RANGES}
        with pytest.raises(RemoteRefused, match="this kind of remote has no delete"):
            backend.delete("packs/ab/x")
        with pytest.raises(RemoteRefused, match="this kind of remote has no list"):
            list(backend.list(""))


@pytest.mark.parametrize("says_it", ["an option", "a variable"])
def test_a_server_with_a_certificate_of_its_own(
    nginx_server: Nginx, tmp_path: Path, says_it: str
) -> None:
    plain = nginx_server.place("dav")
    place = replace(plain, url=plain.url.replace(nginx_server.url, nginx_server.tls_url))
    authority = str(nginx_server.authority)
    if says_it == "an option":
        place = replace(place, options={"ca-file": authority})
    else:
        place = replace(place, environment={**UNSET, "SSL_CERT_FILE": authority})
    backend = place.backend()
    backend.put("packs/ab/x", b"x" * 3_000_000)
    assert backend.put_if_absent("packs/ab/x", b"") is False
    assert backend.get("packs/ab/x") == b"x" * 3_000_000
    source = tmp_path / "source"
    source.write_bytes(b"of a file" * 300_000)
    backend.put("packs/ab/y", source)
    assert backend.get("packs/ab/y") == source.read_bytes()
    backend.close()

    stranger = replace(place, options={}, environment=UNSET).backend()
    with pytest.raises(RemoteRefused, match="is not trusted: self-signed certificate") as caught:
        stranger.get("packs/ab/x")
    assert "SSL_CERT_FILE" in caught.value.hint
    stranger.close()


def test_from_https_nobody_is_sent_on_to_http(nginx_server: Nginx) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(nginx_server.authority, nginx_server.top / "key.pem")
    with (
        ScriptedServer(lambda asked: Answer(200, b"data")) as plain,
        ScriptedServer(
            lambda asked: Answer(302, headers={"Location": plain.url + "/x"}), tls=tls
        ) as secure,
    ):
        options = {"ca-file": str(nginx_server.authority), "token": "t0"}
        backend = RemotePlace(secure.url + "/r", options).backend()
        with pytest.raises(RemoteRefused, match="which is not encrypted"):
            backend.get("packs/ab/x")
        backend.close()
        assert plain.asked == []
