"""What the text of an address says, and which server it leads to."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import parse_url

from git_mlvc.backend.address import Server, is_on_server, is_scp, scheme_of, server_of


@pytest.mark.parametrize(
    ("url", "scheme"),
    [
        ("/data", None),
        ("./odd:name", None),
        ("c:\\data", None),
        ("file:///data", "file"),
        ("S3://bucket/x", "s3"),
        ("host:data", "ssh"),
        ("me@host:data", "ssh"),
        ("rclone:drive:data", "rclone"),
        ("exec:program", "exec"),
        ("lfs", "lfs"),
        ("lfs:https://h/x.git", "lfs"),
        ("ext::sh -c x", "ext"),
    ],
)
def test_an_address_has_a_scheme_or_is_a_path(url: str, scheme: str | None) -> None:
    assert scheme_of(url) == scheme


def test_the_short_form_of_ssh_is_told_from_urls() -> None:
    assert is_scp("me@host:data")
    assert not is_scp("ssh://host/data")
    assert not is_scp("/host:data")


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("https://Host.Example/x", Server("https", "host.example", 443)),
        ("https://host:/x", Server("https", "host", 443)),
        ("http://me:pw@host:8080", Server("http", "host", 8080)),
        ("lfs+https://host/x", Server("https", "host", 443)),
        ("sftp://me@host/x", Server("ssh", "host", 22)),
        ("git+ssh://host:2222/x", Server("ssh", "host", 2222)),
        ("me@Host:path", Server("ssh", "host", 22)),
        ("[host:2222]:path", Server("ssh", "host", 2222)),
        ("me@[host:2222]:path", Server("ssh", "host", 2222)),
        ("me@[::1]:path", Server("ssh", "::1", 22)),
        ("ssh://[0:0::1]:23/path", Server("ssh", "::1", 23)),
        ("https://[::ffff:10.0.0.1]/", Server("https", "10.0.0.1", 443)),
        ("https://0x7f.1/", Server("https", "127.0.0.1", 443)),
        ("git://host/x", Server("git", "host", 9418)),
    ],
)
def test_an_address_names_a_server(url: str, server: Server) -> None:
    assert server_of(url) == server


@pytest.mark.parametrize(
    "url",
    [
        "/data",
        "file://host/x",
        "s3://bucket/x",
        "lfs",
        "https:///x",
        "https://host:port/x",
        "https://host:99999/x",
        "https://host:0/x",
        "https://evil\\@host/x",
        "https://host\\@evil/x",
        "https://ho%73t/x",
        "https://h\u00f6st/x",
        "https://hos\u0074\u200b/x",
        "https://\u212aelvin/x",
        "https://[host]/x",
        "https://[fe80::1%25eth0]/x",
        "https://-oProxyCommand=x/",
        "ssh://-oProxyCommand=x@host/x",
        "-oProxyCommand=x:path",
        "https://host host/x",
    ],
)
def test_what_two_programs_might_read_differently_names_no_server(url: str) -> None:
    assert server_of(url) is None


ON_IT = [
    ("https://host/data", "https://host/code.git"),
    ("HTTPS://HOST/data", "https://host/code.git"),
    ("https://host:443/data", "https://host/code.git"),
    ("https://other-user@host/data", "https://me:pw@host/code.git"),
    ("https://host/data", "http://host/code.git"),
    ("https://host/data", "ssh://git@host:2222/code.git"),
    ("https://host/data", "git@host:code.git"),
    ("https://host/data", "git://host/code.git"),
    ("ssh://host/data", "git@host:code.git"),
    ("me@host:data", "ssh://host/code.git"),
    ("ssh://host/data", "https://host/code.git"),
    ("http://host/data", "http://host/code.git"),
    ("https://host:8443/data", "https://host:8443/code.git"),
    ("https://[::1]/data", "https://[0::1]/code.git"),
    ("lfs:https://host/other.git", "https://host/code.git"),
    ("https://host?x=1", "https://host/code.git"),
]
NOT_ON_IT = [
    ("https://evil/data", "https://host/code.git"),
    ("https://host@evil/data", "https://host/code.git"),
    ("https://host:443@evil/data", "https://host/code.git"),
    ("https://evil#@host/data", "https://host/code.git"),
    ("https://evil?@host/data", "https://host/code.git"),
    ("https://evil/@host/data", "https://host/code.git"),
    ("https://evil\\@host/data", "https://host/code.git"),
    ("https://host.evil/data", "https://host/code.git"),
    ("https://xhost/data", "https://host/code.git"),
    ("https://host./data", "https://host/code.git"),
    ("https://host%2e/data", "https://host/code.git"),
    ("https://host:8443/data", "https://host/code.git"),
    ("https://host/data", "https://host:8443/code.git"),
    ("http://host/data", "https://host/code.git"),
    ("http://host:443/data", "https://host/code.git"),
    ("http://host/data", "git@host:code.git"),
    ("ssh://host:2222/data", "git@host:code.git"),
    ("ssh://host/data", "ssh://host:2222/code.git"),
    ("git@evil:host", "git@host:code.git"),
    ("host@evil:data", "git@host:code.git"),
    ("evil:x@host:data", "git@host:code.git"),
    ("evil:@host:data", "git@host:code.git"),
    ("evil:host:data", "git@host:code.git"),
    ("me@evil:x@host:data", "git@host:code.git"),
    ("me@evil@host:data", "git@host:code.git"),
    ("[evil]:x@host:data", "git@host:code.git"),
    ("http://169.254.169.254/latest", "http://169.254.169.254/code.git"),
    ("http://2852039166/latest", "http://169.254.169.254/code.git"),
    ("http://[::ffff:169.254.169.254]/", "http://169.254.169.254/code.git"),
    ("http://[fe80::1]/", "http://[fe80::1]/code.git"),
    ("s3://host/data", "https://host/code.git"),
    ("file://host/data", "https://host/code.git"),
    ("/host/data", "https://host/code.git"),
    ("host", "https://host/code.git"),
    ("lfs:https://evil/other.git", "https://host/code.git"),
    ("lfs:http://host/other.git", "https://host/code.git"),
    ("https://host/data", "/srv/host/code.git"),
    ("https://host/data", ""),
]


@pytest.mark.parametrize(("url", "git_url"), ON_IT)
def test_the_git_remotes_own_server_is_known_however_it_is_written(url: str, git_url: str) -> None:
    assert is_on_server(url, git_url)


@pytest.mark.parametrize(("url", "git_url"), NOT_ON_IT)
def test_law_12_another_server_never_passes_for_the_git_remotes(url: str, git_url: str) -> None:
    assert not is_on_server(url, git_url)


PIECES = ["host", "evil", "@", ":", "/", "\\", "?", "#", "%40", "%2f", "[", "]", ".", " ", "443", "8443", ";", "&", "\u2044"]  # fmt: skip


@given(
    st.sampled_from(["https://", "HTTPS://", "https:/", "https:", "http://", "ssh://"]),
    st.lists(st.sampled_from(PIECES), max_size=8).map("".join),
)
def test_law_12_what_is_on_the_server_is_there_for_every_reader_of_urls(
    scheme: str, rest: str
) -> None:
    url = scheme + rest
    if not is_on_server(url, "https://host/code.git"):
        return
    assert urlsplit(url).hostname == "host"
    assert parse_url(url).host == "host"
    if scheme.lower().startswith("http"):
        sent = requests.Request("GET", url).prepare()
        assert parse_url(str(sent.url)).host == "host"
        assert parse_url(str(sent.url)).port in (None, 443)


@given(st.lists(st.sampled_from([*PIECES, "me"]), max_size=8).map("".join))
def test_law_12_so_is_the_short_form_of_ssh(url: str) -> None:
    if is_scp(url) and is_on_server(url, "git@host:code.git"):
        before, _, _ = url.partition(":")
        assert before.rpartition("@")[2] == "host" or url.partition("[host]:")[1]
        assert before.count("@") <= 1
