"""Secrets are recognised where they may not be, and left out of what is shown."""

from __future__ import annotations

import pytest

from git_mlvc.secret_text import (
    holds_secret,
    is_secret_name,
    shown_option,
    shown_words,
    without_secrets,
)

SECRET = "hunter2-and-more"
HOLDING = [
    f"https://me:{SECRET}@host/x",
    f"https://:{SECRET}@host/x",
    f"https://me:a@{SECRET}@host/x",
    f"https://me:a/{SECRET}@host/x",
    f"ssh://me:{SECRET}@host/x",
    f"https://h/x?sig={SECRET}&sp=r",
    f"https://h/x?sp=r&X-Amz-Signature={SECRET}",
    f"https://h/x?access_token={SECRET}",
    f"https://h/x?AccountKey={SECRET}",
    f"AccountName=x;AccountKey={SECRET}==;EndpointSuffix=y",
    f"Authorization: Bearer {SECRET}",
    "AKIAIOSFODNN7EXAMPLE",
    "https://ghp_0123456789abcdefghij@host/x",
    "-----BEGIN OPENSSH PRIVATE KEY-----",
]
HARMLESS = [
    "/data",
    "s3://bucket/prefix",
    "https://host/x",
    "https://host:8080/@scope/x",
    "https://org@dev.azure.com/org/x",
    "https://h/x?versionId=3",
    "ssh://git@host/x",
    "git@host:keys/token.git",
    "eu-central-1",
    "/data/key=value",
]


@pytest.mark.parametrize("text", HOLDING)
def test_a_secret_is_recognised_and_not_shown(text: str) -> None:
    assert holds_secret(text)
    assert SECRET not in without_secrets(f"before {text} after")
    assert without_secrets(f"before {text} after").startswith("before ")


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_is_left_alone(text: str) -> None:
    assert not holds_secret(text)
    assert without_secrets(text) == text or "dev.azure.com" in text


def test_a_name_alone_in_an_address_may_be_a_token_and_is_not_shown() -> None:
    assert without_secrets("https://me@host/x") == "https://…@host/x"
    assert without_secrets("ssh://me@host/x") == "ssh://me@host/x"
    assert without_secrets("sftp://me@h/ https://me@h/") == "sftp://me@h/ https://…@h/"


@pytest.mark.parametrize(
    "name",
    [
        "secret-access-key",
        "access-key-id",
        "account-key",
        "sas-token",
        "sas",
        "password",
        "key",
        "bearer-token",
        "session-token",
        "client-secret",
        "cookie",
        "token-file",
        "passphrase",
    ],
)
def test_options_that_hold_secrets_are_known_by_name(name: str) -> None:
    assert is_secret_name(name)
    assert shown_option(name, "x") == "…"


@pytest.mark.parametrize(
    "name", ["region", "endpoint", "profile", "path-style", "kms-key-arn", "author"]
)
def test_other_options_are_shown(name: str) -> None:
    assert not is_secret_name(name)
    assert shown_option(name, "x") == "x"
    assert shown_option(name, "https://me:pw@host") == "https://…@host"


@pytest.mark.parametrize(
    "words",
    [
        ["remote", "add", "x", "s3://b", "-o", f"secret-access-key={SECRET}"],
        ["remote", "add", "x", "s3://b", f"-osecret_access_key={SECRET}"],
        ["remote", "add", "x", "s3://b", f"--option=secret-access-key={SECRET}"],
        ["remote", "set", "x", f"Password={SECRET}", "--private"],
        ["remote", "add", "x", f"https://me:{SECRET}@host"],
    ],
)
def test_a_command_line_is_logged_without_its_secrets(words: list[str]) -> None:
    assert SECRET not in shown_words(words)
    assert shown_words(["remote", "set", "x", "region=eu"]) == "remote set x region=eu"
