"""The user's AWS files, as the aws program reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from git_mlvc.backend.aws.profiles import read_profile
from git_mlvc.errors import ConfigError

CONFIG = """\
[default]
region = eu-central-1
s3 =
  addressing_style = path
  max_concurrent_requests = 20

# a comment
[profile lab]
region=us-west-2
aws_access_key_id = in-config
credential_process = "/opt/a program" --for lab
endpoint_url = http://localhost:9000

[sso-session corp]
sso_region = us-east-1
"""
CREDENTIALS = """\
[default]
aws_access_key_id = AKDEFAULT
aws_secret_access_key = a/secret+with=100%signs#and;marks

[lab]
aws_access_key_id = AKLAB
aws_secret_access_key = secret
aws_session_token = token
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/config").write_text(CONFIG)
    (tmp_path / ".aws/credentials").write_text(CREDENTIALS)
    return {"HOME": str(tmp_path)}


def test_the_default_profile_is_read_from_both_files(environment: dict[str, str]) -> None:
    profile = read_profile(None, environment)
    assert profile.name == "default"
    assert profile.get("region") == "eu-central-1"
    assert profile.get("aws_secret_access_key") == "a/secret+with=100%signs#and;marks"


def test_keys_of_the_credentials_file_win(environment: dict[str, str]) -> None:
    profile = read_profile("lab", environment)
    assert profile.get("aws_access_key_id") == "AKLAB"
    assert profile.get("endpoint_url") == "http://localhost:9000"
    assert profile.get("credential_process") == '"/opt/a program" --for lab'


def test_the_environment_names_a_profile_and_an_option_wins(environment: dict[str, str]) -> None:
    environment["AWS_PROFILE"] = "lab"
    assert read_profile(None, environment).name == "lab"
    assert read_profile("default", environment).name == "default"


def test_the_environment_names_the_files(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("[mine]\naws_access_key_id = AKMINE\n")
    environment = {
        "HOME": str(tmp_path),
        "AWS_SHARED_CREDENTIALS_FILE": "~/keys",
        "AWS_CONFIG_FILE": str(tmp_path / "nothing"),
    }
    assert read_profile("mine", environment).get("aws_access_key_id") == "AKMINE"


def test_law_6_no_home_but_that_of_the_environment() -> None:
    assert read_profile(None, {}).values == {}


def test_a_profile_that_is_named_must_be_there(environment: dict[str, str]) -> None:
    for ask in (lambda: read_profile("lib", environment), lambda: read_profile("lib", {})):
        with pytest.raises(ConfigError, match="no AWS profile 'lib'") as caught:
            ask()
        assert caught.value.hint == "aws configure --profile lib"


@pytest.mark.parametrize("text", ["aws_secret_access_key = hunter2\n", "[half\nkey = hunter2\n"])
def test_a_malformed_file_is_named_and_nothing_in_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "credentials"
    path.write_text(text)
    with pytest.raises(ConfigError, match="credentials") as caught:
        read_profile(None, {"AWS_SHARED_CREDENTIALS_FILE": str(path)})
    assert "hunter2" not in f"{caught.value} {caught.value.why} {caught.value.hint}"


def test_keys_are_not_shown(environment: dict[str, str]) -> None:
    assert "AKLAB" not in repr(read_profile("lab", environment))
