"""Keys that others hand out - a machine, a container, a token exchange - used on a server that verifies them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.certificate import make_certificate, server_context
from support.scripted_server import Answer, Asked, ScriptedServer
from support.servers.s3_server import S3Server

from git_mlvc.backend import registry
from git_mlvc.backend.base import Backend
from git_mlvc.backend.opening import Opening
from git_mlvc.errors import RemoteRefused


@pytest.fixture
def handed_out(swift_server: S3Server) -> str:
    """Keys as metadata services write them."""
    later = (datetime.now(UTC) + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return (
        f'{{"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": "{swift_server.access_key}", '
        f'"SecretAccessKey": "{swift_server.secret_key}", "Token": "", "Expiration": "{later}"}}'
    )


def opened(server: S3Server, environment: dict[str, str]) -> Backend:
    place = server.place()
    options = {"endpoint": server.endpoint}
    return registry.open(place.url, Opening(options=options, environment=environment))


def works(backend: Backend, tmp_path: Path) -> None:
    pack = tmp_path / "pack"
    pack.write_bytes(bytes(2 << 20))
    assert backend.stat("format") is None
    backend.put("format", b"x")
    assert backend.put_if_absent("packs/ab/x", pack) is True
    assert backend.get("format") == b"x"
    assert len(list(backend.list(""))) == 2


def test_the_role_of_a_machine(swift_server: S3Server, handed_out: str, tmp_path: Path) -> None:
    def script(asked: Asked) -> Answer:
        if asked.path == "/latest/api/token":
            return Answer(200, b"t0ken")
        assert asked.headers["x-aws-ec2-metadata-token"] == "t0ken"
        roles = "/latest/meta-data/iam/security-credentials/"
        if asked.path == roles:
            return Answer(200, b"lab-role")
        return Answer(200, handed_out.encode()) if asked.path == f"{roles}lab-role" else Answer(404)

    with ScriptedServer(script) as metadata:
        environment = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata.url}
        works(opened(swift_server, environment), tmp_path)
        assert len(metadata.asked) < 12  # the knock, and three for each way of asking


def test_a_container(swift_server: S3Server, handed_out: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t0ken")

    def script(asked: Asked) -> Answer:
        assert asked.headers["authorization"] == "t0ken"
        return Answer(200, handed_out.encode())

    with ScriptedServer(script) as metadata:
        environment = {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{metadata.url}/v1/credentials",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(tmp_path / "token"),
        }
        works(opened(swift_server, environment), tmp_path)
        assert metadata.asked


def test_a_web_identity(swift_server: S3Server, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("a.web.token")
    later = (datetime.now(UTC) + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    body = (
        "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>"
        f"<SessionToken></SessionToken><SecretAccessKey>{swift_server.secret_key}</SecretAccessKey>"
        f"<Expiration>{later}</Expiration><AccessKeyId>{swift_server.access_key}</AccessKeyId>"
        "</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
    )
    certificate = make_certificate(tmp_path)
    tls = server_context(certificate)  # the library exchanges tokens over nothing else
    with ScriptedServer(lambda asked: Answer(200, body.encode()), tls=tls) as sts:
        environment = {
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
            "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/lab",
            "AWS_ENDPOINT_URL_STS": sts.url,
            "AWS_CA_BUNDLE": str(certificate),
        }
        works(opened(swift_server, environment), tmp_path)
        assert any("a.web.token" in f"{asked.path}{asked.body!r}" for asked in sts.asked)


def test_a_token_that_is_not_there(swift_server: S3Server, tmp_path: Path) -> None:
    environment = {
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "nothing"),
        "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/lab",
    }
    with pytest.raises(RemoteRefused) as caught:
        opened(swift_server, environment).get("format")
    assert "nothing" in caught.value.why
