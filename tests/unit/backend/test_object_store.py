"""Object stores: what refusals mean, proxies, certificates, servers that know no conditional put."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from pathlib import Path

import pytest
from support.certificate import make_certificate, server_context
from support.scripted_server import Answer, Asked, Script, ScriptedServer

from git_mlvc.backend import registry
from git_mlvc.backend.base import (
    Backend,
    Capability,
    Denied,
    NotFound,
    Throttled,
    Version,
    version_of,
)
from git_mlvc.backend.opening import Opening
from git_mlvc.errors import ConfigError, MlvcError, RemoteRefused, RemoteUnavailable

KEYS = {"AWS_ACCESS_KEY_ID": "AKTEST", "AWS_SECRET_ACCESS_KEY": "hunter2"}
LARGE = (1 << 20) + 1


def s3(server_url: str, **environment: str) -> Backend:
    opening = Opening(
        options={"endpoint": server_url}, environment={**KEYS, **environment}, idle_timeout_s=5
    )
    return registry.open("s3://bucket/data", opening)


def refusing(status: int, code: str, message: str = "No.") -> Script:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return lambda asked: Answer(status, body.encode(), {"Content-Type": "application/xml"})


@pytest.mark.parametrize(
    ("status", "code", "kind", "said"),
    [
        (403, "RequestTimeTooSkewed", Denied, "the clock of this machine is off"),
        (403, "InvalidAccessKeyId", Denied, "the keys are not accepted"),
        (403, "SignatureDoesNotMatch", Denied, "the keys are not accepted"),
        (400, "ExpiredToken", Denied, "has expired: renew it"),
        (400, "InvalidToken", Denied, "has expired: renew it"),
        (403, "AccessDenied", Denied, "s3:PutObject"),
        (403, "QuotaExceeded", RemoteRefused, "it takes no more"),
        (507, "XMinioStorageFull", RemoteRefused, "it takes no more"),
        (404, "NoSuchBucket", RemoteRefused, "there is no bucket 'bucket'"),
        (301, "PermanentRedirect", RemoteRefused, "another region"),
        (400, "BadRequest", RemoteRefused, "the right endpoint?"),
        (409, "ConditionalRequestConflict", RemoteUnavailable, "ConditionalRequestConflict"),
        (400, "RequestTimeout", RemoteUnavailable, "RequestTimeout"),
        (400, "BadDigest", RemoteUnavailable, "BadDigest"),
        (503, "SlowDown", Throttled, "SlowDown"),
        (429, "TooManyRequests", Throttled, "TooManyRequests"),
        (500, "InternalError", RemoteUnavailable, "InternalError"),
    ],
)
@pytest.mark.parametrize("size_bytes", [10, LARGE])
def test_what_a_refusal_means(
    status: int, code: str, kind: type[MlvcError], said: str, size_bytes: int, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes(size_bytes))
    with ScriptedServer(refusing(status, code)) as server, pytest.raises(kind) as caught:
        s3(server.url).put("packs/ab/x", source)
    assert caught.type is kind
    text = f"{caught.value} {caught.value.why} {caught.value.hint}"
    assert said in text
    assert "hunter2" not in text and "Signature=" not in text


def test_the_right_region_is_named() -> None:
    message = "The authorization header is malformed; expecting 'eu-west-3'"
    script = refusing(400, "AuthorizationHeaderMalformed", message)
    with ScriptedServer(script) as server, pytest.raises(RemoteRefused) as caught:
        s3(server.url).get("index")
    assert caught.value.hint == "git mlvc remote set NAME region=eu-west-3"


def test_why_a_look_is_refused_is_asked_for() -> None:
    """The answer to HEAD has no body."""
    with ScriptedServer(refusing(403, "RequestTimeTooSkewed")) as server:
        with pytest.raises(Denied, match="clock of this machine"):
            s3(server.url).stat("format")
        assert [asked.method for asked in server.asked] == ["HEAD", "GET"]


def test_retry_after_is_heard_where_a_large_body_is_sent(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes(LARGE))
    script = lambda asked: Answer(503, b"", {"Retry-After": "17"})  # noqa: E731
    with ScriptedServer(script) as server, pytest.raises(Throttled) as caught:
        s3(server.url).put("packs/ab/x", source)
    assert caught.value.retry_after_s == 17


def test_one_request_each_is_made_of_what_fails() -> None:
    with ScriptedServer(lambda asked: Answer(500)) as server:
        backend = s3(server.url)
        for ask in (
            lambda: backend.put("format", b""),
            lambda: backend.put_if_absent("format", b""),
            lambda: backend.get_range("format", 0, 1),
            lambda: backend.stat("format"),
            lambda: list(backend.list("")),
            lambda: backend.delete("format"),
        ):
            before = len(server.asked)
            with pytest.raises(RemoteUnavailable):
                ask()
            assert len(server.asked) == before + 1


@pytest.mark.parametrize("size_bytes", [10, LARGE])
@pytest.mark.parametrize(("status", "code"), [(501, "NotImplemented"), (400, "InvalidArgument")])
def test_a_server_without_conditional_puts_is_looked_at_first(
    size_bytes: int, status: int, code: str, tmp_path: Path
) -> None:
    kept: dict[str, bytes] = {}

    def script(asked: Asked) -> Answer:
        if asked.method == "PUT":
            if "if-none-match" in asked.headers:
                return refusing(status, code)(asked)
            kept[asked.path.partition("?")[0]] = asked.body
            return Answer(200, b"", {"ETag": '"x"'})
        body = kept.get(asked.path)
        when = {"Last-Modified": "Sat, 01 Jan 2000 00:00:00 GMT", "ETag": '"x"'}
        return refusing(404, "NoSuchKey")(asked) if body is None else Answer(200, body, when)

    source = tmp_path / "source"
    source.write_bytes(bytes(size_bytes))
    with ScriptedServer(script) as server:
        backend = s3(server.url)
        assert backend.put_if_absent("packs/ab/x", source) is True
        assert backend.put_if_absent("packs/ab/x", source) is False
        conditional = [asked for asked in server.asked if "if-none-match" in asked.headers]
        assert len(conditional) == 1  # and never again
        assert kept == {"/bucket/data/packs/ab/x": bytes(size_bytes)}


def test_what_may_not_be_there_is_promised_by_nobody_but_those_who_keep_it() -> None:
    def can(url: str, **options: str) -> frozenset[Capability]:
        return registry.open(url, Opening(options=options, environment=KEYS)).capabilities

    assert Capability.PUT_IF_ABSENT in can("s3://bucket")
    assert Capability.PUT_IF_ABSENT in can("s3://b", endpoint="https://s3.eu-west-1.amazonaws.com")
    assert Capability.PUT_IF_ABSENT not in can("s3://bucket", endpoint="https://minio.lab")
    assert Capability.PUT_IF_ABSENT in can("gs://bucket")
    assert Capability.PUT_IF_ABSENT in can("az://container", account="lab")


def test_a_large_body_is_guarded_on_a_plain_line(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes(LARGE))
    with ScriptedServer(lambda asked: Answer(200)) as server:
        s3(server.url).put("packs/ab/x", source)
    md5 = hashlib.md5(bytes(LARGE), usedforsecurity=False).digest()
    assert server.asked[0].headers["content-md5"] == b64encode(md5).decode()


def test_an_owner_who_takes_no_signed_addresses_gets_large_bodies_otherwise(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes(LARGE))

    def script(asked: Asked) -> Answer:
        if "X-Amz-Signature" in asked.path:
            return refusing(403, "AccessDenied")(asked)
        return Answer(200, b"", {"ETag": '"x"'})

    with ScriptedServer(script) as server:
        backend = s3(server.url)
        for number in range(3):
            backend.put(f"packs/ab/{number}", source)
        assert len(server.asked) == 4  # it was tried once
        assert server.asked[-1].body == bytes(LARGE)


def test_who_may_be_anybody_signs_nothing(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes(LARGE))
    with ScriptedServer(lambda asked: Answer(200, b"", {"ETag": '"x"'})) as server:
        opening = Opening(options={"endpoint": server.url, "anonymous": "true"}, environment=KEYS)
        backend = registry.open("s3://bucket/da ta", opening)
        backend.put("format", b"x")
        backend.put("packs/ab/x", source)
    assert [asked.path for asked in server.asked] == [
        "/bucket/da%20ta/format",
        "/bucket/da%20ta/packs/ab/x",
    ]
    assert not any("authorization" in asked.headers for asked in server.asked)


class TestTheWay:
    def test_a_proxy_is_used_for_all_but_who_is_exempt(self, tmp_path: Path) -> None:
        source = tmp_path / "source"
        source.write_bytes(bytes(LARGE))
        answer = Answer(200, b"", {"ETag": '"x"'})
        with ScriptedServer(lambda asked: answer) as proxy:
            backend = s3("http://s3.lab.test", HTTP_PROXY=proxy.url, NO_PROXY="other.test")
            backend.put("format", b"x")
            backend.put("packs/ab/x", source)
            assert [asked.path.partition("?")[0] for asked in proxy.asked] == [
                "http://s3.lab.test/bucket/data/format",
                "http://s3.lab.test/bucket/data/packs/ab/x",
            ]
            with ScriptedServer(lambda asked: answer) as server:
                s3(server.url, HTTP_PROXY=proxy.url, NO_PROXY="127.0.0.1").put("format", b"x")
                assert len(server.asked) == 1

    @pytest.mark.parametrize("endpoint", ["http://s3.lab.test", "https://s3.lab.test"])
    def test_a_proxy_that_wants_a_login_says_so(self, endpoint: str) -> None:
        wants = Answer(407, b"", {"Proxy-Authenticate": "Basic"})
        with ScriptedServer(lambda asked: wants) as proxy:
            backend = s3(endpoint, HTTP_PROXY=proxy.url, HTTPS_PROXY=proxy.url)
            with pytest.raises(RemoteRefused, match="proxy wants a login"):
                backend.stat("format")

    def test_the_bucket_in_the_host_or_in_the_path(self, tmp_path: Path) -> None:
        source = tmp_path / "source"
        source.write_bytes(bytes(LARGE))
        answer = Answer(200, b"", {"ETag": '"x"'})
        with ScriptedServer(lambda asked: answer) as proxy:
            environment = {**KEYS, "HTTP_PROXY": proxy.url}
            for style, expected in (
                ("false", "http://bucket.lab.test/data/"),
                ("true", "http://lab.test/bucket/data/"),
            ):
                options = {"endpoint": "http://lab.test", "path-style": style}
                opening = Opening(options=options, environment=environment)
                backend = registry.open("s3://bucket/data", opening)
                proxy.asked.clear()
                backend.put("format", b"x")
                backend.put("index", source)
                assert [asked.path.partition("?")[0] for asked in proxy.asked] == [
                    f"{expected}format",
                    f"{expected}index",
                ]

    @pytest.mark.parametrize(
        ("bucket", "region", "host"),
        [
            ("data", "", "data.s3.us-east-1.amazonaws.com"),
            ("data", "eu-west-3", "data.s3.eu-west-3.amazonaws.com"),
            ("data", "cn-north-1", "data.s3.cn-north-1.amazonaws.com.cn"),
            ("my.data", "eu-west-3", "s3.eu-west-3.amazonaws.com"),
        ],
    )
    def test_amazons_own_servers(self, bucket: str, region: str, host: str) -> None:
        with ScriptedServer(lambda asked: Answer(502)) as proxy:
            environment = {**KEYS, "HTTPS_PROXY": proxy.url, "AWS_REGION": region}
            backend = registry.open(f"s3://{bucket}", Opening(environment=environment))
            with pytest.raises(RemoteUnavailable):
                backend.stat("format")
            assert [(asked.method, asked.path) for asked in proxy.asked] == [
                ("CONNECT", f"{host}:443")
            ]

    def test_a_proxy_that_refuses_is_named_as_the_reason(self) -> None:
        with ScriptedServer(lambda asked: Answer(502)) as proxy:
            backend = s3("https://s3.lab.test", HTTPS_PROXY=proxy.url)
            with pytest.raises(RemoteUnavailable, match="proxy does not let us through"):
                backend.stat("format")

    @pytest.fixture(scope="class")
    @classmethod
    def certificate(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        return make_certificate(tmp_path_factory.mktemp("tls"))

    @pytest.mark.parametrize("name", ["AWS_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
    def test_an_authority_of_ones_own(self, certificate: Path, name: str, tmp_path: Path) -> None:
        source = tmp_path / "source"
        source.write_bytes(bytes(LARGE))
        script = lambda asked: Answer(200, b"", {"ETag": '"x"'})  # noqa: E731
        with ScriptedServer(script, tls=server_context(certificate)) as server:
            backend = s3(server.url, **{name: str(certificate)})
            backend.put("format", b"x")
            backend.put("packs/ab/x", source)
            assert len(server.asked) == 2
            with pytest.raises(RemoteRefused, match="cannot trust https://127"):
                s3(server.url).get("format")

    def test_an_authority_that_cannot_be_read(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="no certificates in"):
            s3("https://127.0.0.1:9", AWS_CA_BUNDLE=str(tmp_path / "none")).get("format")

    def test_nobody_there(self) -> None:
        with pytest.raises(RemoteUnavailable, match=r"cannot reach http://127\.0\.0\.1:9"):
            s3("http://127.0.0.1:9").get("format")

    def test_a_name_with_a_typo(self) -> None:
        with pytest.raises(RemoteUnavailable, match="there is no such host"):
            s3("http://no-such-host.invalid").get("format")

    def test_https_to_who_speaks_http(self) -> None:
        with (
            ScriptedServer(lambda asked: Answer(200)) as server,
            pytest.raises(RemoteUnavailable, match="does not speak TLS"),
        ):
            s3(server.url.replace("http:", "https:")).get("format")


def test_a_page_in_the_place_of_data_is_refused() -> None:
    page = Answer(200, b"<html>Log in</html>", {"Content-Type": "text/html", "ETag": '"x"'})
    with ScriptedServer(lambda asked: page) as server:
        backend = s3(server.url)
        for ask in (
            lambda: backend.get("format"),
            lambda: backend.stat("format"),
            lambda: list(backend.list("")),
        ):
            with pytest.raises(MlvcError) as caught:
                ask()
            assert not isinstance(caught.value, NotFound)


def test_law_9_nothing_there_is_only_believed_of_an_object_store() -> None:
    page = Answer(404, b"<html>Not Found</html>", {"Content-Type": "text/html"})
    with ScriptedServer(lambda asked: page) as server:
        backend = s3(server.url)
        for ask in (
            lambda: backend.get("index"),
            lambda: backend.get_range("index", 0, 1),
            lambda: backend.stat("index"),
            lambda: list(backend.list("")),
        ):
            with pytest.raises(RemoteRefused) as caught:
                ask()
            assert not isinstance(caught.value, NotFound)
    with ScriptedServer(refusing(404, "NoSuchKey")) as server:
        assert s3(server.url).stat("index") is None


def test_a_version_is_the_etag_of_any_name_or_nothing() -> None:
    def script(asked: Asked) -> Answer:
        if "Gone" in asked.path:
            return Answer(404)
        headers = {"ETag": '"abc-2"', "Last-Modified": "Sat, 01 Aug 2026 10:00:00 GMT"}
        return Answer(200, b"0123456789", headers)

    with ScriptedServer(script) as server:
        backend = s3(server.url)
        assert version_of(backend, "Raw/Data.CSV") == Version('etag "abc-2"', 10)
        assert version_of(backend, "Gone.csv") is None
        backend.close()
    assert server.asked[0].path == "/bucket/data/Raw/Data.CSV"
