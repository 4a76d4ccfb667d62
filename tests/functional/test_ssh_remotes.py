"""Data over ssh with a real git: keys for one directory, talkative shells, what git is told of ssh, and Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.content import noise
from support.fault_tcp import Cut, TcpFaults
from support.repo import Machine, Repo
from support.servers.openssh import HOST, OpenSsh
from support.servers.place import RemotePlace

DATA = noise(300_000, 1)
_HANG_S = 30.0


def repository(machine: Machine, url: str) -> Repo:
    repo = machine.init().track("*.bin")
    repo.git("remote", "add", "origin", machine.bare().path)
    repo.mlvc("remote", "add", "lab", url, "--private", "--default")
    return repo


def directory_of(place: RemotePlace) -> Path:
    return Path(place.url.removeprefix(f"ssh://{HOST}"))


def test_ssh_is_the_one_of_git_s_configuration(machine: Machine, ssh_server: OpenSsh) -> None:
    place = ssh_server.place()
    machine.config("core.sshCommand", place.environment["GIT_SSH_COMMAND"])
    repo = repository(machine, place.url)
    repo.write({"a.bin": DATA}).add().commit("one")
    repo.git("push", "-q", "-u", "origin", "main")
    assert (directory_of(place) / "format").exists()
    repo.mlvc("fsck", "--remote")
    repo.mlvc("remote", "check", "lab")


def test_a_path_that_is_relative_to_the_home_there(machine: Machine, ssh_server: OpenSsh) -> None:
    machine.extra_env |= ssh_server.environment()
    repo = repository(machine, f"{HOST}:lab/of ada")
    repo.write({"a.bin": DATA}).add().commit("one")
    assert repo.fails("push", "-q", "origin", "main").refused_because("there is no directory")
    (ssh_server.home / "lab").mkdir()
    repo.git("push", "-q", "origin", "main")
    assert (ssh_server.home / "lab" / "of ada" / "format").exists()


@pytest.fixture
def talkative(ssh_server: OpenSsh) -> Iterator[None]:
    """A login shell that greets whoever comes, also programs."""
    greeting = ssh_server.home / ".bashrc"
    greeting.write_text("echo 'Welcome to the lab!'; printf '\\0\\0\\0'; echo 'No food' >&2\n")
    yield
    greeting.unlink()


@pytest.mark.usefixtures("talkative")
def test_what_a_login_shell_prints_does_no_harm(machine: Machine, ssh_server: OpenSsh) -> None:
    place = ssh_server.place()
    machine.extra_env |= place.environment
    repo = repository(machine, place.url)
    repo.write({"a.bin": DATA}).add().commit("one")
    repo.git("push", "-q", "origin", "main")
    assert (directory_of(place) / "format").exists()


def test_a_key_that_is_good_for_one_directory(machine: Machine, ssh_server: OpenSsh) -> None:
    place = ssh_server.place()
    directory = directory_of(place)
    directory.mkdir()
    (directory.parent / "secret").write_bytes(b"not yours")
    key = ssh_server.new_key(f"key_for_{directory.parent.name}")
    forced = f'command="git-mlvc serve-store --restrict {directory}",restrict'
    with (ssh_server.directory / "authorized_keys").open("a") as file:
        file.write(f"{forced} {ssh_server.public(key)}")
    machine.extra_env |= ssh_server.environment(key=key)
    repo = repository(machine, f"{HOST}:project")
    repo.write({"a.bin": DATA}).add().commit("one")
    repo.git("push", "-q", "origin", "main")
    assert (directory / "project" / "format").exists()
    for url in (f"ssh://{HOST}{directory.parent}", f"{HOST}:../x"):
        repo.git("config", "mlvc.remote.lab.url", url)
        said = repo.mlvc("push", "lab", "--all", check=False)
        assert said.refused_because("this key is for one directory")
    assert {path.name for path in directory.parent.iterdir()} == {"remote", "secret"}


@pytest.mark.parametrize("url", ["ssh://-oProxyCommand=touch${IFS}owned/x", "x@-oProxyCommand=y:z"])
def test_an_address_that_begins_like_an_option(machine: Machine, url: str) -> None:
    repo = machine.init().track("*.bin")
    said = repo.mlvc("remote", "add", "lab", url, "--private", check=False)
    assert said.refused_because("begins with a dash")
    repo.git("config", "mlvc.remote.lab.url", url)
    repo.git("config", "mlvc.default", "lab")
    repo.write({"a.bin": DATA}).add().commit("one")
    assert repo.mlvc("push", "lab", check=False).refused_because("begins with a dash")
    assert not (repo.path / "owned").exists()


def test_a_server_that_cannot_be_reached_stops_the_push_with_one_error(
    machine: Machine, ssh_server: OpenSsh
) -> None:
    stranger = ssh_server.new_key("key_of_nobody")
    machine.extra_env |= ssh_server.environment(key=stranger)
    repo = repository(machine, f"ssh://{HOST}/srv/data")
    repo.write({"a.bin": DATA}).add().commit("one")
    said = repo.fails("push", "origin", "main")
    assert said.refused_because("Permission denied (publickey)")
    assert said.err.count("error: cannot") == 1
    assert f"ssh {HOST}" in said.err


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_ctrl_c_ends_all_of_it_at_once(machine: Machine, ssh_server: OpenSsh) -> None:
    with TcpFaults(ssh_server.port) as proxy:
        proxy.faults.append(Cut(up=100_000, stall=True))
        machine.extra_env |= ssh_server.environment(port=proxy.port)
        repo = repository(machine, ssh_server.place().url)
        repo.write({"a.bin": DATA}).add().commit("one")
        child = subprocess.Popen(
            ["git", "mlvc", "push", "lab", "--all"],
            cwd=repo.path,
            env=machine.env(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        wait_until(lambda: child.poll() is not None or members(child.pid, "ssh") != [])
        assert child.poll() is None
        os.killpg(child.pid, signal.SIGINT)
        _, said = child.communicate(timeout=60)  # its own patience is a minute and more
        assert child.returncode != 0
        assert b"Traceback" not in said
        wait_until(lambda: members(child.pid, "ssh") == [])


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_nothing_is_left_behind_when_it_is_killed(machine: Machine, ssh_server: OpenSsh) -> None:
    place = ssh_server.place()
    machine.extra_env |= place.environment
    holder = (
        "import os, sys, signal\n"
        "from git_mlvc.backend import registry\nfrom git_mlvc.backend.opening import Opening\n"
        f"backend = registry.open({place.url!r}, Opening(environment=dict(os.environ)))\n"
        "backend.put('format', b'x')\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    child = subprocess.run(
        [sys.executable, "-c", holder], env=machine.env(), check=False, start_new_session=True
    )
    assert child.returncode == -signal.SIGKILL
    assert (directory_of(place) / "format").exists()
    wait_until(
        lambda: not serving(directory_of(place))
    )  # its input has ended; nothing else would end it


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _HANG_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def members(session: int, name: str) -> list[int]:
    """Return the processes of a session whose program has this name."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            program, rest = stat[stat.index("(") + 1 :].rsplit(")", 1)
            if program == name and int(rest.split()[3]) == session and rest.split()[0] != "Z":
                found.append(int(entry.name))
    return found


def serving(directory: Path) -> bool:
    """True while some process of ours serves: it is this server's only one that does."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes()
                environ = (entry / "environ").read_bytes()
            except OSError:
                continue
            if b"serve-store" in words and str(directory.parents[1].parent).encode() in environ:
                return True
    return False
