"""Azure, against Microsoft's own double, which checks signatures."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.backend_contract import BackendContract
from support.servers.azurite import ACCOUNT, KEY, AzuriteServer

from git_mlvc.backend import registry
from git_mlvc.backend.base import Backend, Denied
from git_mlvc.backend.opening import Opening
from git_mlvc.errors import ConfigError, RemoteRefused


class TestAzurite(BackendContract):
    @pytest.fixture
    def backend(self, azurite_server: AzuriteServer) -> Iterator[Backend]:
        backend = azurite_server.place().backend()
        yield backend
        backend.close()

    def test_list_is_not_cut_off(self, backend: Backend) -> None:  # type: ignore[override]
        """The contract's own 1100 objects are for quicker doubles to take."""
        keys = {f"segments/{n:04x}" for n in range(60)}
        for key in keys:
            backend.put(key, b"")
        assert {found.key for found in backend.list("segments/")} == keys


def opened(url: str, environment: dict[str, str], **options: str) -> Backend:
    return registry.open(url, Opening(options=options, environment=environment))


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    path = tmp_path / "pack"
    path.write_bytes(bytes(2 << 20))
    return path


def test_a_connection_string_says_it_all(azurite_server: AzuriteServer, pack: Path) -> None:
    text = f"AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={azurite_server.endpoint};"
    backend = opened(azurite_server.place().url, {"AZURE_STORAGE_CONNECTION_STRING": text})
    backend.put("format", b"x")
    assert backend.put_if_absent("packs/ab/x", pack) is True
    assert backend.put_if_absent("packs/ab/x", pack) is False
    assert len(list(backend.list(""))) == 2


def test_a_shared_access_signature(azurite_server: AzuriteServer, pack: Path) -> None:
    place = azurite_server.place()
    container = place.url.split("/")[2]
    environment = {"AZURE_STORAGE_SAS_TOKEN": azurite_server.shared_access(container)}
    backend = opened(place.url, environment, endpoint=azurite_server.endpoint)
    backend.put("format", b"x")
    assert backend.put_if_absent("packs/ab/x", pack) is True
    assert backend.get("packs/ab/x") == pack.read_bytes()
    assert len(list(backend.list(""))) == 2


def test_a_wrong_key_is_refused(azurite_server: AzuriteServer, pack: Path) -> None:
    wrong = b64encode(b"wrong" * 8).decode()
    place = replace(azurite_server.place(), environment={"AZURE_STORAGE_KEY": wrong})
    backend = place.backend()
    for ask in (
        lambda: backend.get("format"),
        lambda: backend.stat("format"),
        lambda: list(backend.list("")),
        lambda: backend.put("format", b"x"),
        lambda: backend.put("format", pack),
    ):
        with pytest.raises(Denied) as caught:
            ask()
        assert wrong not in f"{caught.value} {caught.value.why} {caught.value.hint}"


def test_a_container_that_does_not_exist(azurite_server: AzuriteServer, pack: Path) -> None:
    backend = replace(azurite_server.place(), url="az://nobodys/x").backend()
    for ask in (
        lambda: backend.stat("format"),
        lambda: list(backend.list("")),
        lambda: backend.put("format", b"x"),
        lambda: backend.put("format", pack),
    ):
        with pytest.raises(RemoteRefused, match="there is no container 'nobodys'"):
            ask()


def test_an_account_that_is_not_named_is_told_when_it_is_needed() -> None:
    backend = opened("az://container/x", {})
    with pytest.raises(ConfigError, match="which Azure storage account") as caught:
        backend.get("format")
    assert "-o account=" in caught.value.hint
