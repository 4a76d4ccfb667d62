"""S3 beyond the contract: keys, buckets, names, requests counted, on a server that verifies signatures."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from support.fault_proxy import FaultProxy, Stall, StallRequest
from support.faulty_place import through
from support.servers.place import RemotePlace
from support.servers.s3_server import S3Server

from git_mlvc.backend import registry
from git_mlvc.backend.base import Backend, Denied, Listed, NotFound
from git_mlvc.backend.opening import METERED_BYTES, Opening
from git_mlvc.errors import MlvcError, RemoteRefused, RemoteUnavailable

PACK = 5 << 20


def told(caught: pytest.ExceptionInfo[MlvcError]) -> str:
    return f"{caught.value} {caught.value.why} {caught.value.hint}"


def ask_everything(backend: Backend, scratch: Path) -> list[MlvcError]:
    """Return what each verb raised; all must."""
    (scratch / "pack").write_bytes(bytes(PACK))
    verbs = [
        lambda: backend.put("packs/ab/x", b"x"),
        lambda: backend.put("packs/ab/x", scratch / "pack"),
        lambda: backend.put_if_absent("packs/ab/x", b"x"),
        lambda: backend.put_if_absent("packs/ab/x", scratch / "pack"),
        lambda: backend.get("packs/ab/x"),
        lambda: backend.get_range("packs/ab/x", 0, 1),
        lambda: backend.stat("packs/ab/x"),
        lambda: list(backend.list("packs/")),
        lambda: backend.delete("packs/ab/x"),
    ]
    came = []
    for verb in verbs:
        with pytest.raises(MlvcError) as caught:
            verb()
        came.append(caught.value)
    return came


class TestKeys:
    @pytest.mark.parametrize("name", ["AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"])
    def test_wrong_keys_are_one_clear_error_for_every_verb(
        self, swift_server: S3Server, tmp_path: Path, name: str
    ) -> None:
        place = swift_server.place()
        place = replace(place, environment={**place.environment, name: "wrong-one"})
        for error in ask_everything(place.backend(), tmp_path):
            assert isinstance(error, Denied)
            assert "keys are not accepted" in error.hint
            assert "wrong-one" not in f"{error} {error.why} {error.hint}"

    def test_without_any_keys_nobody_is_asked(self, tmp_path: Path) -> None:
        environment = {"HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"}
        backend = registry.open("s3://bucket/x", Opening(environment=environment))
        with pytest.raises(Denied, match="no keys for s3://bucket/x"):
            backend.get("index")

    def test_keys_of_a_profile(self, swift_server: S3Server, tmp_path: Path) -> None:
        place = swift_server.place()
        (tmp_path / "credentials").write_text(
            f"[lab]\naws_access_key_id = {swift_server.access_key}\n"
            f"aws_secret_access_key = {swift_server.secret_key}\n"
        )
        (tmp_path / "config").write_text(f"[profile lab]\nendpoint_url = {swift_server.endpoint}\n")
        environment = {
            "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
            "AWS_CONFIG_FILE": str(tmp_path / "config"),
        }
        opening = Opening(options={"profile": "lab"}, environment=environment)
        backend = registry.open(place.url, opening)
        backend.put("format", b"x")
        assert place.backend().get("format") == b"x"

    def test_options_that_are_private(self, swift_server: S3Server) -> None:
        place = swift_server.place()
        options = {
            **place.options,
            "access-key-id": swift_server.access_key,
            "secret-access-key": swift_server.secret_key,
        }
        registry.open(place.url, Opening(options=options)).put("format", b"x")
        assert place.backend().get("format") == b"x"

    def test_what_is_missing_is_told_when_it_is_needed_and_not_before(self) -> None:
        options = {"profile": "nobody", "endpoint": "http://127.0.0.1:9"}
        backend = registry.open("s3://bucket/x", Opening(options=options))
        with pytest.raises(MlvcError, match="no AWS profile 'nobody'"):
            backend.stat("format")

    def test_law_6_the_process_s_own_environment_is_not_looked_at(
        self, swift_server: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        place = swift_server.place()
        opening = Opening(options=place.options, environment=place.environment)
        nowhere = "http://127.0.0.1:9"
        for name, value in {
            "AWS_ACCESS_KEY_ID": "leak",
            "AWS_SECRET_ACCESS_KEY": "leak",
            "AWS_SESSION_TOKEN": "leak",
            "AWS_SKIP_SIGNATURE": "true",
            "AWS_ENDPOINT_URL": nowhere,
            "AWS_ENDPOINT_URL_S3": nowhere,
            "AWS_REGION": "eu-south-9",
            "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "true",
            "AWS_PROXY_URL": nowhere,
            "HTTP_PROXY": nowhere,
            "http_proxy": nowhere,
            "ALL_PROXY": nowhere,
        }.items():
            monkeypatch.setenv(name, value)
        backend = registry.open(place.url, opening)
        backend.put("format", b"x")
        pack = tmp_path / "pack"
        pack.write_bytes(bytes(PACK))
        assert backend.put_if_absent("packs/ab/x", pack) is True
        assert {found.key for found in backend.list("")} == {"format", "packs/ab/x"}


class TestBuckets:
    def test_one_that_does_not_exist_is_named_by_every_verb(
        self, swift_server: S3Server, tmp_path: Path
    ) -> None:
        place = replace(swift_server.place(), url="s3://no-such-bucket/data")
        for error in ask_everything(place.backend(), tmp_path):
            assert isinstance(error, RemoteRefused)
            assert not isinstance(error, NotFound)
            assert "there is no bucket 'no-such-bucket'" in str(error)

    def test_dots_in_a_name(self, swift_server: S3Server) -> None:
        name = f"data.lab.{secrets.token_hex(4)}"
        assert swift_server.request("PUT", f"/{name}")[0] == 200
        backend = replace(swift_server.place(), url=f"s3://{name}").backend()
        backend.put("packs/ab/x", b"x")
        assert list(backend.list("packs/")) == [Listed("packs/ab/x", 1)]

    @pytest.mark.parametrize(
        "prefix", ["deep/er/and/deep.er", "Für Daten (2026)", "a+b=c&d%20e#f?g", "~me/*"]
    )
    def test_any_prefix(self, swift_server: S3Server, tmp_path: Path, prefix: str) -> None:
        place = swift_server.place(prefix)
        backend = place.backend()
        pack = tmp_path / "pack"
        pack.write_bytes(secrets.token_bytes(PACK))
        backend.put("format", b"x")
        assert backend.put_if_absent("packs/ab/pack", pack) is True
        assert backend.put_if_absent("packs/ab/pack", pack) is False
        assert backend.get("packs/ab/pack") == pack.read_bytes()
        assert sorted(backend.list("")) == [Listed("format", 1), Listed("packs/ab/pack", PACK)]
        assert list(backend.list("packs/ab/")) == [Listed("packs/ab/pack", PACK)]
        backend.delete("packs/ab/pack")
        assert backend.stat("packs/ab/pack") is None

    @pytest.mark.parametrize(
        "url",
        [
            "s3://",
            "s3:///x",
            "s3://user@bucket/x",
            "s3://bucket:80/x",
            "s3://b/../x",
            "s3://b/a//c",
        ],
    )
    def test_a_malformed_address(self, url: str) -> None:
        with pytest.raises(MlvcError, match="not the address of a bucket"):
            registry.open(url)

    @pytest.mark.parametrize("endpoint", ["minio:9000", "ftp://host", "https://", "http://a/?x=1"])
    def test_a_malformed_endpoint(self, endpoint: str) -> None:
        with pytest.raises(MlvcError, match="not the address of a server"):
            registry.open("s3://bucket", Opening(options={"endpoint": endpoint}))


class TestStrangers:
    def test_names_that_are_not_ours_are_left_out(self, moto_server: S3Server) -> None:
        place = moto_server.place("data")
        bucket = place.url.split("/")[2]
        for name in (
            "//double",
            "/../up",
            "/./dot",
            "/packs/",
            "/UPPER",
            "/a%01b",
            "/.hidden",
            "x",
        ):
            assert moto_server.request("PUT", f"/{bucket}/data{name}")[0] == 200
        backend = place.backend()
        for key in ("format", "packs/ab/one", "segments/zz"):
            backend.put(key, b"1")
        assert {found.key for found in backend.list("")} == {
            "format",
            "packs/ab/one",
            "segments/zz",
        }


class TestRequests:
    def test_a_pack_is_one_request_each_way(self, swift_server: S3Server, tmp_path: Path) -> None:
        place = swift_server.place()
        pack = tmp_path / "pack"
        pack.write_bytes(secrets.token_bytes(20 << 20))
        with FaultProxy(swift_server.process.port) as proxy:
            backend = through(place, proxy).backend()
            assert backend.put_if_absent("packs/ab/pack", pack) is True
            assert [one.method for one in proxy.requests] == ["PUT"]
            with (tmp_path / "came").open("w+b") as target:
                backend.get_file("packs/ab/pack", target.fileno())
            assert [one.method for one in proxy.requests] == ["PUT", "GET"]
            assert backend.stat("packs/ab/pack") is not None
            backend.delete("packs/ab/pack")
            assert [one.method for one in proxy.requests] == ["PUT", "GET", "HEAD", "DELETE"]
        assert (tmp_path / "came").read_bytes() == pack.read_bytes()

    def test_every_byte_passes_the_meter_in_small_steps(
        self, swift_server: S3Server, tmp_path: Path
    ) -> None:
        place = swift_server.place()
        steps: list[int] = []
        opening = Opening(options=place.options, environment=place.environment, meter=steps.append)
        backend = registry.open(place.url, opening)
        pack = tmp_path / "pack"
        pack.write_bytes(bytes(PACK))
        for size_bytes, ask in (
            (PACK, lambda: backend.put("packs/ab/pack", pack)),
            (700_000, lambda: backend.put("segments/x", bytes(700_000))),
            (PACK, lambda: backend.get("packs/ab/pack")),
            (300_000, lambda: backend.get_range("packs/ab/pack", 1, 300_000)),
        ):
            steps.clear()
            ask()
            assert sum(steps) == size_bytes
            assert max(steps) <= METERED_BYTES

    def test_eight_packs_at_once_are_not_held_in_memory(
        self, swift_server: S3Server, tmp_path: Path
    ) -> None:
        place = swift_server.place()
        pack = tmp_path / "pack"
        with pack.open("wb") as file:
            file.truncate(12 << 20)
        done = run_driver(
            place,
            "from concurrent.futures import ThreadPoolExecutor\n"
            "backend.stat('format')\n"
            "backend.put('packs/ab/warm', pathlib.Path(sys.argv[3]))\n"
            "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
            "with ThreadPoolExecutor(8) as pool:\n"
            "    list(pool.map(lambda n: backend.put(f'packs/ab/{n}', pathlib.Path(sys.argv[3])), range(8)))\n"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n",
            str(pack),
        )
        assert int(done) < 24 << 10  # KiB, for 96 MiB on their way


class TestSilence:
    @pytest.mark.parametrize("fault", [StallRequest(100_000), Stall()])
    @pytest.mark.parametrize("verb", ["put", "put_if_absent"])
    def test_a_large_upload_that_stands_still_is_noticed(
        self, moto_server: S3Server, tmp_path: Path, verb: str, fault: Stall | StallRequest
    ) -> None:
        pack = tmp_path / "pack"
        pack.write_bytes(bytes(3 * PACK))  # more than the system takes in for us
        with FaultProxy(moto_server.process.port) as proxy:
            backend = through(moto_server.place(), proxy).backend(idle_timeout_s=1)
            proxy.rules.add(fault, method="PUT", times=-1)
            with pytest.raises(RemoteUnavailable):
                getattr(backend, verb)("packs/ab/x", pack)


class TestInterrupt:
    @pytest.mark.parametrize(
        "verb", ["backend.stat('format')", "backend.get('format')", "list(backend.list(''))"]
    )
    def test_ctrl_c_is_heard_while_a_server_is_silent(
        self, moto_server: S3Server, verb: str
    ) -> None:
        with FaultProxy(moto_server.process.port) as proxy:
            proxy.rules.add(Stall(), times=-1)
            process = start_driver(through(moto_server.place(), proxy), verb)
            while not proxy.requests:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    raise AssertionError(f"it ended by itself: {process.wait(0.02)}")
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=20)  # the idle time-out is a minute
            assert process.returncode == -signal.SIGINT


DRIVER = """\
import os, pathlib, resource, sys
from git_mlvc.backend import registry
from git_mlvc.backend.opening import Opening
backend = registry.open(sys.argv[1], Opening(options={"endpoint": sys.argv[2]}, environment=os.environ))
"""


def start_driver(place: RemotePlace, text: str, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", DRIVER + text, place.url, place.options["endpoint"], *words],
        env={**os.environ, **place.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def run_driver(place: RemotePlace, text: str, *words: str) -> str:
    process = start_driver(place, text, *words)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err.decode()
    return out.decode()
