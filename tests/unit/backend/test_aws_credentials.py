"""In which order keys for S3 are looked for, and that nobody is asked before it is needed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.scripted_server import Answer, Asked, ScriptedServer

from git_mlvc.backend.aws.credentials import Keys, SignIn, sign_in
from git_mlvc.backend.aws.profiles import Profile, read_profile
from git_mlvc.backend.base import Denied
from git_mlvc.errors import ConfigError, MlvcError

URL = "s3://bucket/data"
ENV = {"AWS_ACCESS_KEY_ID": "AKENV", "AWS_SECRET_ACCESS_KEY": "env"}


def way(
    options: dict[str, str] | None = None,
    environment: dict[str, str] | None = None,
    profile: dict[str, str] | None = None,
) -> SignIn:
    return sign_in(URL, options or {}, environment or {}, Profile("lab", profile or {}))


def keys(found: SignIn) -> Keys:
    found.check()
    assert found.keys is not None
    return found.keys()


def test_options_come_first() -> None:
    options = {"access-key-id": "AKOPT", "secret-access-key": "opt"}
    assert keys(way(options, ENV)) == Keys("AKOPT", "opt")


def test_then_the_environment() -> None:
    environment = {**ENV, "AWS_SESSION_TOKEN": "token"}
    profile = {"aws_access_key_id": "AKFILE", "aws_secret_access_key": "file"}
    assert keys(way({}, environment, profile)) == Keys("AKENV", "env", "token")


def test_but_a_profile_that_an_option_names_wins_over_the_environment() -> None:
    profile = {"aws_access_key_id": "AKFILE", "aws_secret_access_key": "file"}
    assert keys(way({"profile": "lab"}, ENV, profile)) == Keys("AKFILE", "file")


def test_half_a_pair_is_an_error() -> None:
    with pytest.raises(ConfigError, match="AWS_SECRET_ACCESS_KEY is not set"):
        way({}, {"AWS_ACCESS_KEY_ID": "AKENV"})


def test_a_web_identity_is_left_to_the_library() -> None:
    environment = {"AWS_WEB_IDENTITY_TOKEN_FILE": "/run/token", "AWS_ROLE_ARN": "arn:aws:iam::1:r"}
    found = way({}, environment)
    assert found.keys is None
    assert found.config is not None
    assert found.config["web_identity_token_file"] == "/run/token"
    assert found.config["role_arn"] == "arn:aws:iam::1:r"


def test_so_is_a_container() -> None:
    found = way({}, {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/abc"})
    assert found.config == {"container_credentials_relative_uri": "/v2/credentials/abc"}
    found.check()


def test_a_named_profile_without_keys_is_an_error() -> None:
    with pytest.raises(ConfigError, match="'lab' has no keys"):
        way({}, {"AWS_PROFILE": "lab"}, {"region": "eu-west-1"})


# -- programs


def program(tmp_path: Path, text: str) -> str:
    path = tmp_path / "give keys"
    path.write_text(f"#!/bin/sh\necho run >> '{tmp_path}/runs'\n{text}\n")
    path.chmod(0o755)
    return f"'{path}' --for lab"


def runs(tmp_path: Path) -> int:
    path = tmp_path / "runs"
    return len(path.read_text().splitlines()) if path.exists() else 0


def answer(expires_in: timedelta | None) -> str:
    said = {"Version": 1, "AccessKeyId": "AKPROC", "SecretAccessKey": "s", "SessionToken": "t"}
    if expires_in is not None:
        said["Expiration"] = (datetime.now(UTC) + expires_in).isoformat()
    return f"echo '{json.dumps(said)}'"


def test_a_program_is_run_when_keys_are_needed_and_once(tmp_path: Path) -> None:
    command = program(tmp_path, answer(timedelta(hours=1)))
    found = way({}, {}, {"credential_process": command})
    assert runs(tmp_path) == 0
    assert keys(found).access_key_id == "AKPROC"
    assert keys(found).token == "t"
    assert runs(tmp_path) == 1


def test_a_program_is_run_again_before_keys_expire(tmp_path: Path) -> None:
    found = way({}, {}, {"credential_process": program(tmp_path, answer(timedelta(minutes=1)))})
    keys(found)
    before = runs(tmp_path)
    keys(found)
    assert runs(tmp_path) > before


def test_what_a_program_complains_of_is_shown_in_one_line(tmp_path: Path) -> None:
    command = program(tmp_path, "echo 'long story' >&2; echo 'Session expired' >&2; exit 255")
    found = way({}, {}, {"credential_process": command})
    with pytest.raises(Denied, match="Session expired"):
        found.check()


def test_what_a_program_says_is_never_shown(tmp_path: Path) -> None:
    found = way({}, {}, {"credential_process": program(tmp_path, "echo hunter2")})
    with pytest.raises(ConfigError) as caught:
        found.check()
    assert "hunter2" not in f"{caught.value} {caught.value.why} {caught.value.hint}"


@pytest.mark.parametrize("name", ["sso_session", "role_arn", "sso_start_url"])
def test_what_only_the_aws_program_can_do_is_left_to_it(tmp_path: Path, name: str) -> None:
    aws = tmp_path / "aws"
    aws.write_text(f"#!/bin/sh\necho \"$@\" > '{tmp_path}/words'\n{answer(None)}\n")
    aws.chmod(0o755)
    assert keys(way({}, {"PATH": str(tmp_path)}, {name: "x"})).access_key_id == "AKPROC"
    words = (tmp_path / "words").read_text()
    assert words == "configure export-credentials --format process --profile lab\n"
    with pytest.raises(ConfigError, match="needs the aws program"):
        way({}, {"PATH": str(tmp_path / "nothing")}, {name: "x"}).check()


def test_law_12_a_program_is_only_taken_from_the_users_own_files(tmp_path: Path) -> None:
    """A tracked option may name a profile; what that does stands in the user's home."""
    with pytest.raises(ConfigError, match="no AWS profile"):
        read_profile("lab", {"HOME": str(tmp_path)})


# -- the machine


def test_the_machines_role_is_used_where_somebody_answers() -> None:
    def script(asked: Asked) -> Answer:
        assert asked.method == "PUT"
        return Answer(200, b"token") if asked.path == "/latest/api/token" else Answer(404)

    with ScriptedServer(script) as server:
        found = way({}, {"AWS_EC2_METADATA_SERVICE_ENDPOINT": server.url})
        assert server.asked == []  # not before a request is made
        found.check()
        found.check()
        assert len(server.asked) == 1
        assert found.config == {"metadata_endpoint": server.url}


def test_nobody_is_asked_when_that_is_turned_off_and_one_error_says_what_to_do() -> None:
    with ScriptedServer(lambda asked: Answer(200)) as server:
        environment = {
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": server.url,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        with pytest.raises(Denied, match="no keys for s3://bucket/data") as caught:
            way({}, environment).check()
        assert "AWS_ACCESS_KEY_ID" in caught.value.hint
        assert server.asked == []


def test_somebody_else_at_that_address_is_not_believed() -> None:
    with ScriptedServer(lambda asked: Answer(404)) as server, pytest.raises(MlvcError):
        way({}, {"AWS_EC2_METADATA_SERVICE_ENDPOINT": server.url}).check()


def test_keys_are_not_shown() -> None:
    assert "AKENV" not in repr(way({}, ENV))
    assert "AKENV" not in repr(keys(way({}, ENV)))
