"""ssh on bad days: each ends in one clear error, or is mended by trying again; none hangs beyond the time-out."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from support.fault_tcp import Cut, Dripping, TcpFaults
from support.servers.openssh import HOST, OpenSsh
from support.servers.place import RemotePlace

from git_mlvc.backend.base import Denied, Offline, Stat
from git_mlvc.backend.ssh import SshBackend
from git_mlvc.backend.wrap.retry import Retry
from git_mlvc.errors import MlvcError, RemoteRefused, RemoteUnavailable

is_root = os.geteuid() == 0
BLOB = secrets.token_bytes(3 << 20)


@pytest.fixture(params=["ssh_server", "shell_only_server"])
def server(request: pytest.FixtureRequest) -> OpenSsh:
    """Both protocols in turn."""
    found: OpenSsh = request.getfixturevalue(request.param)
    return found


@contextmanager
def opened(place: RemotePlace, *, idle_timeout_s: float = 20.0) -> Iterator[SshBackend]:
    backend = place.backend(idle_timeout_s=idle_timeout_s)
    assert isinstance(backend, SshBackend)
    try:
        yield backend
    finally:
        backend.close()


def directory_of(place: RemotePlace) -> Path:
    return Path(place.url.removeprefix(f"ssh://{HOST}"))


def refusal(place: RemotePlace) -> MlvcError:
    with opened(place) as backend, pytest.raises(MlvcError) as caught:
        backend.get("format")
    return caught.value


# -- not getting there


def test_a_host_key_that_changed_is_told_and_left_alone(ssh_server: OpenSsh) -> None:
    other = ssh_server.new_key("another_host_key")
    known = ssh_server.directory / "known_hosts_of_old"
    known.write_text(f"{HOST} {ssh_server.public(other)}")
    place = replace(ssh_server.place(), environment=ssh_server.environment(known_hosts=known))
    error = refusal(place)
    assert isinstance(error, RemoteRefused)
    assert "host key of lab has changed" in error.what
    assert f"line 1 of {known}" in error.why
    assert "ssh-keygen -R lab" in error.hint
    assert known.read_text() == f"{HOST} {ssh_server.public(other)}"


def test_an_unknown_host_is_not_believed(ssh_server: OpenSsh, tmp_path: Path) -> None:
    place = ssh_server.place()
    environment = ssh_server.environment(known_hosts=tmp_path / "none")
    error = refusal(replace(place, environment=environment))
    assert isinstance(error, RemoteRefused)
    assert "not known here yet: ssh lab" in error.hint
    assert not (tmp_path / "none").exists()


def test_a_wrong_key_is_denied(ssh_server: OpenSsh) -> None:
    stranger = ssh_server.new_key("key_of_a_stranger")
    error = refusal(replace(ssh_server.place(), environment=ssh_server.environment(key=stranger)))
    assert isinstance(error, Denied)
    assert "Permission denied (publickey)" in error.why
    assert "ssh lab" in error.hint


def test_a_typo_in_the_host(ssh_server: OpenSsh) -> None:
    place = replace(ssh_server.place(), url="ssh://no-such-host.invalid/srv/data")
    error = refusal(place)
    assert isinstance(error, Offline)
    assert "cannot connect to no-such-host.invalid" in error.what
    assert "resolve" in error.why


def test_nobody_listens(ssh_server: OpenSsh) -> None:
    with TcpFaults(ssh_server.port) as proxy, proxy.refusing():
        environment = ssh_server.environment(port=proxy.port)
        error = refusal(replace(ssh_server.place(), environment=environment))
    assert isinstance(error, RemoteUnavailable)
    assert "refused" in error.why


def test_a_program_that_is_not_there(ssh_server: OpenSsh) -> None:
    place = replace(ssh_server.place(), environment={"GIT_SSH": "/no/such/ssh"})
    place = replace(place, environment={**place.environment, "GIT_SSH_VARIANT": "ssh"})
    error = refusal(place)
    assert isinstance(error, RemoteRefused)
    assert "cannot run /no/such/ssh" in error.what


# -- what is there


def test_a_disk_that_is_not_mounted_is_unknown(server: OpenSsh) -> None:
    place = server.place()
    place = replace(place, url=f"{place.url}/not/mounted")
    with opened(place) as backend:
        for ask in (
            lambda: backend.stat("format"),
            lambda: backend.get("format"),
            lambda: list(backend.list("packs/")),
            lambda: backend.put("format", b"x"),
            lambda: backend.delete("format"),
        ):
            with pytest.raises(Offline, match="cannot reach"):
                ask()


@pytest.mark.skipif(not is_root, reason="only root may mount")
def test_a_directory_that_may_not_be_written(server: OpenSsh) -> None:
    place = server.place()
    directory = directory_of(place)
    directory.mkdir()
    (directory / "format").write_bytes(b"here")
    subprocess.run(["mount", "--bind", directory, directory], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", directory], check=True)
        with opened(place) as backend:
            assert backend.get("format") == b"here"
            with pytest.raises(RemoteRefused, match=r"read-only|Read-only"):
                backend.put("index", b"new")
            with pytest.raises(RemoteRefused):
                backend.put_if_absent("packs/ab/x", b"new")
    finally:
        subprocess.run(["umount", directory], check=True)
    assert [path.name for path in directory.iterdir()] == ["format"]


@pytest.mark.skipif(not is_root, reason="only root may mount")
def test_a_full_disk_is_told_before_and_while_a_file_is_sent(server: OpenSsh) -> None:
    place = server.place()
    directory = directory_of(place)
    directory.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", directory], check=True)
    try:
        with opened(place) as backend:
            backend.put("packs/ab/small", b"x" * 1000)
            for size_bytes in (len(BLOB), (1 << 20) - 1):  # told before; told while, over SFTP
                with pytest.raises(RemoteRefused, match=r"room|No space") as caught:
                    backend.put_if_absent("packs/ab/large", BLOB[:size_bytes])
                assert "free some space there" in caught.value.hint
                if size_bytes == len(BLOB):
                    backend.put("packs/ab/medium", BLOB[: 5 << 18])
            assert backend.stat("packs/ab/large") is None
            assert backend.stat("packs/ab/small") == Stat(1000)
        names = {path.name for path in (directory / "packs" / "ab").iterdir()}
        assert names == {"small", "medium"}
    finally:
        subprocess.run(["umount", directory], check=True)


# -- connections that break


def faulty(server: OpenSsh, proxy: TcpFaults) -> RemotePlace:
    return replace(server.place(), environment=server.environment(port=proxy.port))


def patient(backend: SshBackend) -> Retry:
    return Retry(backend, sleep=lambda seconds: None)


@pytest.mark.parametrize("way", ["up", "down"])
def test_a_connection_that_is_reset_is_made_again(server: OpenSsh, way: str) -> None:
    with TcpFaults(server.port) as proxy, opened(faulty(server, proxy)) as backend:
        backend.put("packs/ab/blob", BLOB)  # the server's ways are known now
        for key in ("packs/ab/one", "packs/ab/two"):
            backend.close()
            proxy.faults[:] = [Cut(up=1 << 20) if way == "up" else Cut(down=1 << 20)]
            patient(backend).put(key, BLOB)
            assert patient(backend).get(key) == BLOB
    here = directory_of(RemotePlace(backend.url)) / "packs" / "ab"
    if server.offers.name != "GIT_MLVC":  # there the process cleans up in its own time
        assert sorted(path.name for path in here.iterdir()) == ["blob", "one", "two"]


@pytest.mark.parametrize("cut", [Cut(up=1 << 20, stall=True), Cut(down=1 << 20, stall=True)])
def test_a_connection_that_stalls_is_given_up(server: OpenSsh, cut: Cut) -> None:
    with TcpFaults(server.port) as proxy:
        place = faulty(server, proxy)
        with opened(place) as fine:
            fine.put("packs/ab/blob", BLOB)
        with opened(place, idle_timeout_s=1.0) as backend:
            proxy.faults.append(cut)
            with pytest.raises(RemoteUnavailable, match="lost"):
                backend.put("packs/ab/more", BLOB)
                backend.get("packs/ab/blob")
                raise AssertionError
            assert backend.get("packs/ab/blob") == BLOB


def test_a_slow_drip_is_not_silence(ssh_server: OpenSsh) -> None:
    with TcpFaults(ssh_server.port) as proxy:
        place = faulty(ssh_server, proxy)
        with opened(place) as backend:
            backend.put("packs/ab/blob", BLOB[:200_000])
        proxy.faults.append(Dripping(4096, 0.01))
        with opened(place, idle_timeout_s=1.0) as backend:
            assert backend.get("packs/ab/blob") == BLOB[:200_000]


def test_all_who_wait_hear_of_a_lost_connection_and_the_next_connects(server: OpenSsh) -> None:
    with opened(server.place()) as backend:
        backend.put("packs/ab/blob", BLOB)
        process = backend._lines.first.connection.process._process  # type: ignore[union-attr]

        def read(number: int) -> bytes:
            if number == 3:
                os.kill(process.pid, signal.SIGKILL)
            return patient(backend).get("packs/ab/blob")

        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(read, range(16))) == {BLOB}


def test_nothing_is_left_behind(server: OpenSsh) -> None:
    backend = server.place().backend()
    assert isinstance(backend, SshBackend)
    backend.put("format", b"x")
    process = backend._lines.first.connection.process._process  # type: ignore[union-attr]
    backend.close()
    assert process.returncode is not None
    assert backend.get("format") == b"x"  # and it can be used again
    backend.close()
