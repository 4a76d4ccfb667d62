"""New files that look like secrets: their names, what they say, and which of them an experiment added."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.repo import Machine

from git_mlvc.experiments import secret_signs
from git_mlvc.experiments.secrets import Suspect, suspicious, suspicious_in
from git_mlvc.git.repository import Repository
from git_mlvc.repo_path import RepoPath

TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0"  # made up


@pytest.mark.parametrize(
    "name",
    [".env", "deploy/.env.local", "home/id_rsa", "Server.PEM", "tls.key", "credentials.json", ".netrc", "x/kubeconfig", ".aws/config"],
)  # fmt: skip
def test_names_of_secrets_are_known(name: str) -> None:
    assert secret_signs.by_name(RepoPath.parse(name))


@pytest.mark.parametrize(
    "name",
    [".env.example", "id_rsa.pub", "environment.yml", "keys.py", "monkey.png", "tokenizer.json", "config", "params.toml"],
)  # fmt: skip
def test_names_of_other_files_are_left_alone(name: str) -> None:
    assert not secret_signs.by_name(RepoPath.parse(name))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a\nb\n-----BEGIN OPENSSH PRIVATE KEY-----\n", "line 3 looks like a private key"),
        (f"url = x\ntoken={TOKEN}\n", "line 2 looks like a token of GitHub"),
        ("db: postgres://ada:s3cret@db.example.org/x", "line 1 looks like a password in an address"),
        ("\n[api]\napi_key = 'A8f3kQ92LmZp0XcV7bNt'\n", "line 3 gives a value to api_key"),
        ('{"aws": "AKIAABCDEFGHIJKLMNOP"}', "line 1 looks like an access key of AWS"),
    ],
)  # fmt: skip
def test_what_texts_say_is_looked_at(text: str, why: str) -> None:
    assert secret_signs.by_content(text.encode()) == why


@pytest.mark.parametrize(
    "text",
    [
        "token = tokenizer.decode(batch, skip_special_tokens=True)",
        "max_tokens: 20000000000000000000000",
        "see https://example.org:8080/a@b and git@example.org:a/b.git",
        "# Basic tutorials for a bearer of good news",
        "password = os.environ['PASSWORD']",
        "-----BEGIN CERTIFICATE-----",
    ],
)
def test_ordinary_texts_are_left_alone(text: str) -> None:
    assert secret_signs.by_content(text.encode()) == ""


@given(st.binary(max_size=400))
def test_any_bytes_can_be_looked_at(data: bytes) -> None:
    assert isinstance(secret_signs.by_content(data), str)
    assert secret_signs.by_content(data + b"\0" + TOKEN.encode()) == ""  # not a text


def test_only_what_an_experiment_added_counts(bare_machine: Machine) -> None:
    repo = bare_machine.init().write({".env": b"OLD=1\n", "train.py": b"1\n"}).add().commit("one")
    baseline = repo.head()
    repo.write({".env": b"NEW=1\n", "notes.txt": TOKEN.encode(), "deep/.netrc": b"", "a.txt": b"a"})
    first = repo.add().commit("two").head()
    second = repo.write({"b.pem": b""}).add().commit("three").head()
    opened = Repository.discover(repo.path, bare_machine.env())
    notes = Suspect(RepoPath.parse("notes.txt"), "line 1 looks like a token of GitHub")
    found = suspicious(opened, first, baseline)
    assert [str(one.path) for one in found] == ["deep/.netrc", "notes.txt"]
    assert found[1] == notes
    assert suspicious(opened, first, first) == []
    among = suspicious_in(opened, [(first, baseline), (second, first), (baseline, "")])
    assert {sha: [str(one.path) for one in some] for sha, some in among.items()} == {
        first: ["deep/.netrc", "notes.txt"],
        second: ["b.pem"],
        baseline: [".env"],
    }
    assert suspicious_in(opened, []) == {}
