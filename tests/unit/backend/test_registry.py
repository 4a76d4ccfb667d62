"""From URL to driver."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from git_mlvc.backend import registry
from git_mlvc.errors import ConfigError


def test_plain_paths_and_file_urls_are_directories(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    target = tmp_path / "a b"
    for url in (str(target), "./a b", "a b", f"file://{tmp_path}/a%20b", f"file://{tmp_path}/a b"):
        registry.open(url).put("format", b"x")
        assert (target / "format").read_bytes() == b"x"
        (target / "format").unlink()


def test_no_address_leads_to_a_memory_that_ends_with_the_process() -> None:
    assert all("memory" not in kind.form for kind in registry.kinds())


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("s3:/bucket/x", "s3://BUCKET"),
        ("S3:bucket", "s3://BUCKET"),
        ("https:/host/x", "https://HOST"),
        ("http:host/x", "https://HOST"),
        ("gs:bucket", "gs://BUCKET"),
    ],
)
def test_one_slash_too_few_does_not_make_a_host_of_ssh(url: str, meant: str) -> None:
    with pytest.raises(ConfigError) as caught:
        registry.kind_of(url)
    assert meant in caught.value.hint


@pytest.mark.parametrize("url", ["lab:data", "s3.example.org:data", "ann@s3:data", "[s3]:data"])
def test_other_hosts_of_ssh_are_hosts(url: str) -> None:
    assert "ssh" in registry.kind_of(url).form


@pytest.mark.parametrize("url", ["s3x://bucket/prefix", "ext::sh -c true", "FTP://x/"])
def test_an_unknown_scheme_is_named_with_those_that_are_known(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        registry.open(url)
    assert "/path" in caught.value.why


@pytest.mark.parametrize(
    "url", ["", "-oProxyCommand=true", "--help", "/a\nb", "file://host/path", "file:relative"]
)
def test_addresses_that_could_mean_something_else_are_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        registry.open(url)


def test_secrets_in_an_address_are_not_repeated() -> None:
    with pytest.raises(ConfigError) as caught:
        registry.open("foo://user:hunter2@host/x?token=hunter2")
    assert "hunter2" not in str(caught.value)


def test_a_driver_is_imported_only_when_it_is_used() -> None:
    code = (
        "import sys, git_mlvc.backend.registry; print([m for m in sys.modules if 'backend.' in m])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "memory" not in shown.stdout
    assert "backend.file" not in shown.stdout
