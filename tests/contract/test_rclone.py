"""`rclone:` through a real rclone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.backend_contract import BackendContract
from support.scripted_server import Answer, Asked, ScriptedServer
from support.servers import programs
from support.servers.rclone import Rclone

from git_mlvc.backend import registry
from git_mlvc.backend.base import Backend
from git_mlvc.backend.opening import Opening
from git_mlvc.errors import ConfigError, RemoteRefused, RemoteUnavailable


@pytest.fixture
def rclone(tmp_path: Path) -> Rclone:
    return Rclone(tmp_path)


class TestRcloneWhereFilesCanBeRenamed(BackendContract):
    @pytest.fixture
    def backend(self, rclone: Rclone) -> Iterator[Backend]:
        driver = rclone.place().backend()
        yield driver
        driver.close()


def test_a_service_that_cannot_rename(rclone: Rclone) -> None:
    backend = rclone.place("memory").backend()
    data = os.urandom(3 << 20)
    backend.put("packs/ab/x", data)
    backend.put("packs/ab/x", data[::-1])
    assert backend.get("packs/ab/x") == data[::-1]
    assert backend.put_if_absent("packs/ab/x", b"") is False
    assert [found.size_bytes for found in backend.list("packs/")] == [3 << 20]
    backend.close()


def test_nothing_half_written_and_no_temporary_file_is_listed(rclone: Rclone) -> None:
    place = rclone.place()
    backend = place.backend()
    backend.put("packs/ab/x", b"data")
    (rclone.directory(place) / "packs/ab/.y-123456").write_bytes(b"half")
    assert [found.key for found in backend.list("")] == ["packs/ab/x"]
    backend.close()


def test_a_name_that_rclone_does_not_know(rclone: Rclone) -> None:
    backend = registry.open(
        "rclone:nowhere:x",
        Opening(environment={**os.environ, "RCLONE_CONFIG": str(rclone.config)}),
    )
    with pytest.raises(RemoteRefused) as caught:
        backend.get("format")
    assert "section" in caught.value.why
    assert "rclone config" in caught.value.hint
    backend.close()


def test_without_rclone_it_is_told_so() -> None:
    backend = registry.open("rclone:lab:x", Opening(environment={"PATH": "/nowhere"}))
    with pytest.raises(RemoteRefused, match="cannot start rclone") as caught:
        backend.stat("format")
    assert caught.value.why == "it is not on PATH"
    backend.close()


@pytest.mark.parametrize(
    "url",
    ["rclone:", "rclone:name", "rclone:-x:y", "rclone::local:/x", "rclone:a,b=c:d", "rclone:a:b]c"],
)
def test_what_is_no_place_of_rclone(url: str) -> None:
    with pytest.raises(ConfigError, match="rclone knows"):
        registry.open(url, Opening())


def test_a_service_that_is_silent_ends_in_an_error(tmp_path: Path) -> None:
    programs.program("rclone")
    over = threading.Event()

    def hang(asked: Asked) -> Answer:
        over.wait(60)
        return Answer(503)

    with ScriptedServer(hang) as server:
        config = tmp_path / "rclone.conf"
        config.write_text(f"[away]\ntype = webdav\nurl = {server.url}\nvendor = other\n")
        environment = {**os.environ, "RCLONE_CONFIG": str(config)}
        backend = registry.open("rclone:away:x", Opening(environment=environment, idle_timeout_s=1))
        with pytest.raises(RemoteUnavailable):
            backend.stat("format")
        over.set()
        backend.close()


_ASK_AND_HANG = """
import os, sys, time
from git_mlvc.backend import registry
from git_mlvc.backend.opening import Opening
backend = registry.open(sys.argv[1], Opening(environment=dict(os.environ)))
backend.stat("format")
print(backend._service._process.pid, flush=True)
time.sleep(600)
"""


def test_rclone_ends_when_we_are_killed(rclone: Rclone) -> None:
    place = rclone.place()
    child = subprocess.Popen(
        [sys.executable, "-c", _ASK_AND_HANG, place.url],
        env={**os.environ, **place.environment},
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    group = int(child.stdout.readline())
    lives = subprocess.run(["ps", "-o", "comm=", "-s", str(group)], capture_output=True, text=True)
    assert "rclone" in lives.stdout
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    for _ in range(3000):  # until it is gone; a test of its own ends a hang
        if not _is_alive(group):
            break
        os.sched_yield()
        subprocess.run(["sleep", "0.01"], check=True)
    assert not _is_alive(group)


def _is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_an_rclone_that_died_is_started_again(rclone: Rclone) -> None:
    backend = rclone.place().backend()
    backend.put("format", b"x")
    process = backend._service._process  # type: ignore[attr-defined]
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert backend.get("format") == b"x"
    backend.close()
