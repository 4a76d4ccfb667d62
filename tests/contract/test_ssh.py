"""ssh, against OpenSSH: with a git-mlvc there, with a shell but without one, and with SFTP alone."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from support.backend_contract import BackendContract
from support.servers.openssh import HOST, OpenSsh

from git_mlvc.backend import registry
from git_mlvc.backend.base import Backend
from git_mlvc.backend.opening import Meter, Opening, unmetered
from git_mlvc.backend.over_ssh.lines import LARGE_BYTES
from git_mlvc.errors import ConfigError, RemoteRefused


class TestServedByGitMlvc(BackendContract):
    @pytest.fixture
    def backend(self, ssh_server: OpenSsh) -> Iterator[Backend]:
        backend = ssh_server.place(is_shared=True).backend()
        yield backend
        backend.close()


class TestSftpThroughAShell(BackendContract):
    @pytest.fixture
    def backend(self, shell_only_server: OpenSsh) -> Iterator[Backend]:
        backend = shell_only_server.place(is_shared=True).backend()
        yield backend
        backend.close()


class TestSftpAlone(BackendContract):
    @pytest.fixture
    def backend(self, sftp_only_server: OpenSsh) -> Iterator[Backend]:
        backend = sftp_only_server.place(is_shared=True).backend()
        yield backend
        backend.close()

    def test_list_is_not_cut_off(self, backend: Backend) -> None:  # type: ignore[override]
        """In answers of 100 names; the contract's own 1100 were listed through a shell, by the same code."""
        keys = {f"segments/{n:04x}" for n in range(120)}
        for key in keys:
            backend.put(key, b"")
        assert {found.key for found in backend.list("segments/")} == keys


# -- what it costs to find out who answers


class Counted:
    """Places on a server, and how many times ssh was started for them."""

    def __init__(self, server: OpenSsh, directory: Path, *, only_first: bool = False) -> None:
        self._log = directory / "started"
        self._scratch = directory / "scratch"
        self._scratch.mkdir()
        self.place = server.place()
        told = self.place.environment["GIT_SSH_COMMAND"]
        once = f"test ! -e {self._log} || {{ echo ssh >> {self._log}; exit 255; }}; " * only_first
        self._environment = {
            **os.environ,
            **self.place.environment,
            "GIT_SSH_COMMAND": f"{once}echo ssh >> {self._log}; {told}",
            "GIT_SSH_VARIANT": "ssh",
        }

    def asked(self, **options: str) -> int:
        """Ask once; return how often ssh was started for that."""
        before = self.started()
        backend = self.opened(unmetered, **options)
        try:
            assert backend.stat("format") is None
        finally:
            backend.close()
        return self.started() - before

    def opened(self, meter: Meter, **options: str) -> Backend:
        opening = Opening(
            options={**self.place.options, **options},
            environment=self._environment,
            meter=meter,
            scratch=self._scratch,
        )
        return registry.open(self.place.url, opening)

    def started(self) -> int:
        return len(self._log.read_text().split()) if self._log.exists() else 0


def test_where_there_is_a_shell_one_connection_is_enough(
    ssh_server: OpenSsh, shell_only_server: OpenSsh, tmp_path: Path
) -> None:
    for server in (ssh_server, shell_only_server):
        directory = tmp_path / server.offers.name
        directory.mkdir()
        counted = Counted(server, directory)
        assert [counted.asked(), counted.asked(), counted.asked(server="never")] == [1, 1, 1]


def test_that_there_is_no_shell_is_found_out_once(
    sftp_only_server: OpenSsh, tmp_path: Path
) -> None:
    counted = Counted(sftp_only_server, tmp_path)
    assert [counted.asked(), counted.asked(), counted.asked()] == [2, 1, 1]


@pytest.mark.parametrize(("connections", "started"), [("1", 1), ("3", 3), (None, 4)])
def test_large_bodies_at_once_go_over_a_few_connections_and_small_ones_over_one(
    ssh_server: OpenSsh, tmp_path: Path, connections: str | None, started: int
) -> None:
    counted = Counted(ssh_server, tmp_path)
    body = os.urandom(LARGE_BYTES)
    keys = [f"packs/ab/{number}" for number in range(6)]
    options = {} if connections is None else {"connections": connections}
    together = threading.Barrier(len(keys), timeout=60)
    metered = threading.local()

    def meter(size_bytes: int) -> None:
        # All are under way at once before any of them goes on.
        if not getattr(metered, "is_on", False):
            metered.is_on = True
            together.wait()

    backend = counted.opened(meter, **options)
    for key in keys:
        metered.is_on = True
        backend.put(key, b"small")
    assert counted.started() == 1
    with ThreadPoolExecutor(len(keys)) as pool:
        list(pool.map(lambda key: backend.put(key, body), keys))
    assert counted.started() == started
    assert all(backend.get(key) == body for key in keys)
    backend.close()


def test_where_more_connections_cannot_be_had_one_carries_all(
    ssh_server: OpenSsh, tmp_path: Path
) -> None:
    """As where a person has to type a password: only the first may ask her."""
    counted = Counted(ssh_server, tmp_path, only_first=True)
    body = os.urandom(LARGE_BYTES)
    backend = counted.opened(lambda size_bytes: None)
    assert backend.stat("format") is None
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: backend.put(f"packs/ab/{number}", body), range(4)))
    assert all(backend.get(f"packs/ab/{number}") == body for number in range(4))
    before = counted.started()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: backend.put(f"packs/ab/{number}", body), range(4)))
    assert counted.started() == before  # it is not tried again and again
    backend.close()


@pytest.mark.parametrize("said", ["0", "-1", "many", "65", ""])
def test_a_number_of_connections_that_is_none_is_refused(ssh_server: OpenSsh, said: str) -> None:
    place = ssh_server.place()
    with pytest.raises(ConfigError, match="connections"):
        replace(place, options={**place.options, "connections": said}).backend()


@pytest.mark.parametrize("name", ["shell_only_server", "sftp_only_server"])
def test_who_insists_on_our_server_is_told_that_there_is_none(
    request: pytest.FixtureRequest, name: str
) -> None:
    place = request.getfixturevalue(name).place()
    backend = replace(place, options={**place.options, "server": "always"}).backend()
    with pytest.raises(RemoteRefused, match="there is no git-mlvc"):
        backend.stat("format")
    backend.close()


def test_sftp_in_the_address_is_sftp(ssh_server: OpenSsh) -> None:
    place = ssh_server.place()
    backend = replace(place, url=place.url.replace("ssh:", "sftp:")).backend()
    backend.put("format", b"x")
    assert backend._lines.first.connection.extensions is not None  # type: ignore[attr-defined]
    backend.close()


def test_what_is_left_of_a_connection_is_nothing(shell_only_server: OpenSsh) -> None:
    """A directory that others write to as well keeps its mode and group, and gets no other files."""
    place = shell_only_server.place()
    root = Path(place.url.removeprefix(f"ssh://{HOST}"))
    root.mkdir()
    root.chmod(0o2770)
    backend = place.backend()
    backend.put("packs/ab/one", b"1")
    backend.put("packs/ab/one", b"2")
    backend.put_if_absent("packs/ab/one", b"3")
    backend.close()
    found = {path.name: oct(path.stat().st_mode & 0o7777) for path in sorted(root.rglob("*"))}
    assert found == {"packs": "0o2770", "ab": "0o2770", "one": "0o660"}
