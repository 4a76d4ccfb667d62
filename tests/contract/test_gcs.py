"""Google, against a double of our own: there is no server to be had."""

from __future__ import annotations

import json
import subprocess
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from support.backend_contract import BackendContract
from support.servers.gcs_double import GcsDouble
from support.servers.programs import program

from git_mlvc.backend import registry
from git_mlvc.backend.base import Backend, Denied
from git_mlvc.backend.opening import Opening
from git_mlvc.errors import ConfigError, RemoteRefused


class TestGcsDouble(BackendContract):
    @pytest.fixture
    def backend(self, gcs_server: GcsDouble) -> Iterator[Backend]:
        backend = gcs_server.place().backend()
        yield backend
        backend.close()


def test_a_wrong_token_is_refused(gcs_server: GcsDouble, tmp_path: Path) -> None:
    place = replace(gcs_server.place(), environment={"GOOGLE_BEARER_TOKEN": "wrong-one"})
    backend = place.backend()
    pack = tmp_path / "pack"
    pack.write_bytes(bytes(2 << 20))
    for ask in (
        lambda: backend.get("format"),
        lambda: backend.stat("format"),
        lambda: list(backend.list("")),
        lambda: backend.put("format", b"x"),
        lambda: backend.put("format", pack),
    ):
        with pytest.raises(Denied) as caught:
            ask()
        assert "wrong-one" not in f"{caught.value} {caught.value.why} {caught.value.hint}"


def test_a_bucket_that_does_not_exist(gcs_server: GcsDouble) -> None:
    backend = replace(gcs_server.place(), url="gs://nobodys/x").backend()
    for ask in (lambda: backend.stat("format"), lambda: list(backend.list(""))):
        with pytest.raises(RemoteRefused, match="there is no bucket 'nobodys'"):
            ask()


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, int]:
    """A private key in PEM form, and its modulus."""
    path = tmp_path_factory.mktemp("google") / "key.pem"
    openssl = program("openssl")
    subprocess.run([openssl, "genrsa", "-out", path, "2048"], check=True, capture_output=True)
    asked = [openssl, "rsa", "-in", path, "-noout", "-modulus"]
    said = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
    return path.read_text(), int(said.strip().partition("=")[2], 16)


def is_signed(token: str, modulus: int) -> bool:
    """True for a JWT signed with RS256 by the owner of the key."""
    head, _, signature = token.rpartition(".")
    signed = pow(int.from_bytes(_decoded(signature)), 65537, modulus).to_bytes(256)
    return signed.endswith(sha256(head.encode()).digest())


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.mark.parametrize("way", ["option", "GOOGLE_APPLICATION_CREDENTIALS", "at home"])
def test_a_service_account_signs_its_own_tokens(
    key: tuple[str, int], tmp_path: Path, way: str
) -> None:
    pem, modulus = key
    said = {
        "type": "service_account",
        "client_email": "lab@project.iam.gserviceaccount.com",
        "private_key": pem,
        "private_key_id": "1",
    }
    path = tmp_path / ".config/gcloud/application_default_credentials.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(said))
    server = GcsDouble()
    try:
        server.accepts = lambda token: is_signed(token, modulus)
        place = server.place()
        options = dict(place.options)
        environment = {}
        if way == "option":
            options["service-account-file"] = str(path)
        elif way == "at home":
            environment["HOME"] = str(tmp_path)
        else:
            environment[way] = str(path)
        backend = registry.open(place.url, Opening(options=options, environment=environment))
        backend.put("format", b"x")
        assert backend.get("format") == b"x"
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"type": "external_account"}', "not supported: external_account"),
        ("hunter2", "cannot understand"),
        ('["hunter2"]', "cannot understand"),
        (None, "cannot read"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_when_it_is_needed(
    tmp_path: Path, text: str | None, said: str
) -> None:
    path = tmp_path / "login.json"
    if text is not None:
        path.write_text(text)
    opening = Opening(environment={"GOOGLE_APPLICATION_CREDENTIALS": str(path)})
    backend = registry.open("gs://bucket/x", opening)
    with pytest.raises(ConfigError, match=said) as caught:
        backend.get("format")
    assert "hunter2" not in f"{caught.value} {caught.value.why} {caught.value.hint}"
