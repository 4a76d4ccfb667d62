"""`rclone:` through a real rclone."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.backend_contract import BackendContract
from support.scripted_server import Answer, Asked, ScriptedServer
from support.servers import programs
from support.servers.place import RemotePlace
from support.servers.rclone import Rclone

from git_mlvc.backend import registry
from git_mlvc.backend.base import Backend
from git_mlvc.backend.opening import Opening
from git_mlvc.errors import ConfigError, RemoteRefused, RemoteUnavailable

Opened = Callable[..., Backend]


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Opens remotes that are closed at the end, whatever happens."""
    made: list[Backend] = []

    def open_one(place: RemotePlace | str, **settings: Any) -> Backend:
        if isinstance(place, str):
            made.append(registry.open(place, Opening(**settings)))
        else:
            made.append(place.backend())
        return made[-1]

    yield open_one
    for backend in made:
        backend.close()


@pytest.fixture
def rclone(tmp_path: Path) -> Rclone:
    return Rclone(tmp_path)


class TestRcloneWhereFilesCanBeRenamed(BackendContract):
    listed = 200  # each is put with a temporary name and a rename; there are no pages

    @pytest.fixture
    def backend(self, rclone: Rclone, opened: Opened) -> Backend:
        return opened(rclone.place())


def test_a_service_that_cannot_rename(rclone: Rclone, opened: Opened) -> None:
    backend = opened(rclone.place("memory"))
    data = os.urandom(3 << 20)
    backend.put("packs/ab/x", data)
    backend.put("packs/ab/x", data[::-1])
    assert backend.get("packs/ab/x") == data[::-1]
    assert backend.put_if_absent("packs/ab/x", b"") is False
    assert [found.size_bytes for found in backend.list("packs/")] == [3 << 20]


def test_nothing_half_written_and_no_temporary_file_is_listed(
    rclone: Rclone, opened: Opened
) -> None:
    place = rclone.place()
    backend = opened(place)
    backend.put("packs/ab/x", b"data")
    (rclone.directory(place) / "packs/ab/.y-123456").write_bytes(b"half")
    assert [found.key for found in backend.list("")] == ["packs/ab/x"]


def test_a_name_that_rclone_does_not_know(rclone: Rclone, opened: Opened) -> None:
    backend = opened(
        "rclone:nowhere:x", environment={**os.environ, "RCLONE_CONFIG": str(rclone.config)}
    )
    with pytest.raises(RemoteRefused) as caught:
        backend.get("format")
    assert "section" in caught.value.why
    assert "rclone config" in caught.value.hint


def test_without_rclone_it_is_told_so(opened: Opened) -> None:
    backend = opened("rclone:lab:x", environment={"PATH": "/nowhere"})
    with pytest.raises(RemoteRefused, match="cannot start rclone") as caught:
        backend.stat("format")
    assert caught.value.why == "it is not on PATH"


@pytest.mark.parametrize(
    "url",
    ["rclone:", "rclone:name", "rclone:-x:y", "rclone::local:/x", "rclone:a,b=c:d", "rclone:a:b]c"],
)
def test_what_is_no_place_of_rclone(url: str) -> None:
    with pytest.raises(ConfigError, match="rclone knows"):
        registry.open(url, Opening())


def test_a_service_that_is_silent_ends_in_an_error(tmp_path: Path, opened: Opened) -> None:
    programs.program("rclone")
    over = threading.Event()

    def hang(asked: Asked) -> Answer:
        over.wait(60)
        return Answer(503)

    with ScriptedServer(hang) as server:
        config = tmp_path / "rclone.conf"
        config.write_text(f"[away]\ntype = webdav\nurl = {server.url}\nvendor = other\n")
        environment = {**os.environ, "RCLONE_CONFIG": str(config)}
        backend = opened("rclone:away:x", environment=environment, idle_timeout_s=1)
        with pytest.raises(RemoteUnavailable):
            backend.stat("format")
        over.set()


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
    shell = int(child.stdout.readline())
    lives = subprocess.run(["ps", "-o", "comm=", "-s", str(shell)], capture_output=True, text=True)
    assert "rclone" in lives.stdout
    watched = os.pidfd_open(shell)
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    ended, _, _ = select.select([watched], [], [], 60)  # it ends after rclone
    os.close(watched)
    assert ended


def test_an_rclone_that_died_is_started_again(rclone: Rclone, opened: Opened) -> None:
    backend = opened(rclone.place())
    backend.put("format", b"x")
    process = backend._service._process  # type: ignore[attr-defined]
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert backend.get("format") == b"x"
