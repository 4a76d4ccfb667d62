"""Through which proxy a web server is reached, and whose certificates are believed."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.scripted_server import Answer, ScriptedServer

from git_mlvc.backend.http import HttpBackend
from git_mlvc.backend.opening import Opening
from git_mlvc.backend.web import network
from git_mlvc.errors import ConfigError, RemoteRefused, RemoteUnavailable

PROXY = "http://proxy.example:3128"


@pytest.mark.parametrize(
    ("environment", "proxy"),
    [
        ({}, None),
        ({"HTTPS_PROXY": PROXY}, PROXY),
        ({"https_proxy": "proxy.example:3128"}, PROXY),
        ({"https_proxy": PROXY, "HTTPS_PROXY": "http://other"}, PROXY),
        ({"HTTP_PROXY": PROXY}, None),
        ({"ALL_PROXY": "socks5h://proxy:1"}, "socks5h://proxy:1"),
        ({"HTTPS_PROXY": ""}, None),
        *(
            ({"HTTPS_PROXY": PROXY, "NO_PROXY": exempt}, None)
            for exempt in (
                "*",
                "data.example",
                ".example",
                "example",
                "localhost, data.example:443",
                "*.example",
                "x DATA.example",
            )
        ),
        *(
            ({"HTTPS_PROXY": PROXY, "no_proxy": exempt}, PROXY)
            for exempt in ("", "ata.example", "data.example:8443", "data.example.org", "10.0.0.0/8")
        ),
    ],
)
def test_the_usual_variables_say_which_proxy(
    environment: dict[str, str], proxy: str | None
) -> None:
    opening = Opening(environment=environment)
    assert network.proxy_for("https://data.example/x", opening) == proxy


def test_networks_may_be_exempt() -> None:
    opening = Opening(environment={"http_proxy": PROXY, "no_proxy": "10.1.0.0/16,::1"})
    assert network.proxy_for("http://10.1.2.3/x", opening) is None
    assert network.proxy_for("http://10.2.2.3/x", opening) == PROXY
    assert network.proxy_for("http://[::1]:80/x", opening) is None


def test_a_cgi_clients_header_is_no_setting() -> None:
    environment = {"HTTP_PROXY": "http://evil", "REQUEST_METHOD": "GET"}
    assert network.proxy_for("http://h/x", Opening(environment=environment)) is None


def test_an_option_wins_over_gits_settings_and_these_over_variables() -> None:
    def opening(**options: str) -> Opening:
        return Opening(
            options=options,
            environment={"https_proxy": "http://variable"},
            web_settings=lambda url: {"proxy": "http://git"},
        )

    assert network.proxy_for("https://h/", opening()) == "http://git"
    assert network.proxy_for("https://h/", opening(proxy="http://option")) == "http://option"
    assert network.proxy_for("https://h/", opening(proxy="")) is None


def test_requests_go_through_the_proxy() -> None:
    with ScriptedServer(lambda asked: Answer(200, b"data")) as proxy:
        opening = Opening(environment={"http_proxy": proxy.url.replace("//", "//me:s3cret@")})
        backend = HttpBackend("http://nowhere.invalid/r", opening)
        assert backend.get("x") == b"data"
        backend.close()
        assert proxy.asked[0].path == "http://nowhere.invalid/r/x"
        assert proxy.asked[0].headers["proxy-authorization"] == "Basic bWU6czNjcmV0"


@pytest.mark.parametrize(
    ("status", "kind", "says"),
    [(407, RemoteRefused, "the proxy wants a login"), (502, RemoteUnavailable, "proxy")],
)
def test_a_proxy_that_lets_nobody_through_is_named(
    status: int, kind: type[Exception], says: str
) -> None:
    with ScriptedServer(lambda asked: Answer(status)) as proxy:
        opening = Opening(environment={"https_proxy": proxy.url.replace("//", "//me:s3cret@")})
        backend = HttpBackend("https://nowhere.invalid/r", opening)
        with pytest.raises(kind, match=says) as caught:
            backend.get("x")
        backend.close()
    assert "s3cret" not in f"{caught.value!r} {caught.value}"


def test_a_proxy_that_is_not_there_may_be_tried_again() -> None:
    opening = Opening(environment={"https_proxy": "http://127.0.0.1:1"})
    backend = HttpBackend("https://nowhere.invalid/r", opening)
    with pytest.raises(RemoteUnavailable, match="proxy"):
        backend.get("x")
    backend.close()


@pytest.mark.parametrize(
    "variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_DIR"]
)
def test_authorities_come_from_the_usual_variables(tmp_path: Path, variable: str) -> None:
    path = tmp_path / "ca.pem"
    path.write_text("")
    opening = Opening(environment={variable: str(path)})
    assert network.authorities_for("https://h/", opening) == str(path)
    assert network.authorities_for("https://h/", Opening()) is True


def test_authorities_of_an_option_win_over_gits(tmp_path: Path) -> None:
    for name in ("own.pem", "git.pem"):
        (tmp_path / name).write_text("")

    def opening(**options: str) -> Opening:
        return Opening(
            options=options,
            environment={"HOME": str(tmp_path)},
            web_settings=lambda url: {"sslcainfo": "~/git.pem"},
        )

    assert network.authorities_for("https://h/", opening()) == str(tmp_path / "git.pem")
    own = opening(**{"ca-file": "~/own.pem"})
    assert network.authorities_for("https://h/", own) == str(tmp_path / "own.pem")


def test_a_file_that_is_not_there_is_a_mistake_of_settings() -> None:
    opening = Opening(environment={"SSL_CERT_FILE": "/nonexistent/ca.pem"})
    backend = HttpBackend("https://127.0.0.1:1/r", opening)
    with pytest.raises(ConfigError, match=r"/nonexistent/ca\.pem"):
        backend.get("x")
    backend.close()


def test_only_git_can_be_told_to_believe_anybody() -> None:
    anybody = Opening(web_settings=lambda url: {"sslverify": "false"})
    assert network.authorities_for("https://h/", anybody) is False
    assert (
        network.authorities_for("https://h/", Opening(environment={"GIT_SSL_NO_VERIFY": "1"}))
        is False
    )


def test_the_certificate_to_show_is_gits() -> None:
    opening = Opening(
        environment={"HOME": "/home/ann"},
        web_settings=lambda url: {"sslcert": "~/me.pem", "sslkey": "/me.key"},
    )
    assert network.certificate_for("https://h/", opening) == ("/home/ann/me.pem", "/me.key")
    assert network.certificate_for("https://h/", Opening()) is None
