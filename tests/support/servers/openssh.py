"""OpenSSH on loopback, with keys of its own on both sides, and nothing of the user's own configuration.

Three kinds: with git-mlvc on the PATH of its shell, with a shell but without git-mlvc, and with SFTP alone.
"""

from __future__ import annotations

import contextlib
import getpass
import itertools
import os
import shutil
import subprocess
import tempfile
from enum import Enum
from pathlib import Path

from support.repo import launcher
from support.servers import programs
from support.servers.place import RemotePlace
from support.servers.process import ServerProcess, free_port

HOST = "lab"
NO_SUCH_PROGRAM = "git-mlvc-of-nobody"


class Offers(Enum):
    """What the server has for us."""

    GIT_MLVC = "a git-mlvc"
    SHELL = "a shell, and SFTP"
    SFTP = "SFTP and nothing else"


class OpenSsh:
    """`lab` is its name in the client's configuration; `port` is where it listens, or a proxy before it."""

    def __init__(self, directory: Path, offers: Offers) -> None:
        self.offers = offers
        self.directory = directory
        self.data = directory / "data"
        self.home = directory / "home"
        # Sockets have short paths.
        self.sockets = Path(tempfile.mkdtemp(prefix="mlvc-ssh-"))
        self.port = free_port()
        self._numbers = itertools.count()
        for made in (self.data, self.home):
            made.mkdir(parents=True)
        self.host_key = self.new_key("host_key")
        self.user_key = self.new_key("user_key")
        (directory / "authorized_keys").write_text(self.public(self.user_key))
        self.know(self.host_key)
        self.process = self._start()

    def _start(self) -> ServerProcess:
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        path = os.environ.get("PATH", os.defpath)
        if self.offers is Offers.GIT_MLVC:
            path = f"{launcher().parent}{os.pathsep}{path}"
        config = self.directory / "sshd_config"
        config.write_text(
            f"""\
Port {self.port}
ListenAddress 127.0.0.1
HostKey {self.host_key}
PidFile none
AuthorizedKeysFile {self.directory}/authorized_keys
StrictModes no
UsePAM no
UseDNS no
PrintMotd no
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxStartups 100:30:200
MaxSessions 100
Subsystem sftp internal-sftp
SetEnv PATH={path} HOME={self.home} GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
"""
            + ("ForceCommand internal-sftp\n" if self.offers is Offers.SFTP else "")
        )
        program = programs.program("sshd")
        log = self.directory / "sshd.log"
        process = ServerProcess([program, "-D", "-e", "-f", config], self.port, log)
        process.wait()
        return process

    # -- keys

    def new_key(self, name: str) -> Path:
        path = self.directory / name
        keygen = [programs.program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", path]
        subprocess.run(keygen, check=True, stdin=subprocess.DEVNULL)
        return path

    def public(self, key: Path) -> str:
        return key.with_name(key.name + ".pub").read_text()

    def know(self, key: Path) -> None:
        """Let the client know the server by this key."""
        (self.directory / "known_hosts").write_text(f"{HOST} {self.public(key)}")

    # -- clients

    def environment(
        self,
        *,
        port: int | None = None,
        key: Path | None = None,
        known_hosts: Path | None = None,
        is_shared: bool = False,
        more: str = "",
    ) -> dict[str, str]:
        """Return what a client needs. `is_shared`: several connections are one, as with ControlMaster."""
        config = self.directory / f"client-{next(self._numbers)}"
        config.write_text(
            f"""\
Host {HOST}
  HostName 127.0.0.1
  HostKeyAlias {HOST}
  Port {port or self.port}
  User {getpass.getuser()}
  IdentityFile {key or self.user_key}
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile {known_hosts or self.directory / "known_hosts"}
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
{more}
"""
        )
        if is_shared:
            with config.open("a") as file:
                file.write(
                    f"  ControlMaster auto\n  ControlPath {self.sockets}/%C\n  ControlPersist 60\n"
                )
        return {
            "GIT_SSH_COMMAND": f"ssh -F {config}",
            "GIT_TERMINAL_PROMPT": "0",
        }

    def place(self, *, is_shared: bool = False) -> RemotePlace:
        directory = self.data / str(next(self._numbers))
        directory.mkdir()
        return RemotePlace(
            f"ssh://{HOST}{directory}/remote",
            options=self.options,
            environment=self.environment(is_shared=is_shared),
            git_url=f"ssh://{HOST}{directory}/code.git",
        )

    @property
    def options(self) -> dict[str, str]:
        # A developer may have git-mlvc in a place where it is looked for.
        return {"server-program": NO_SUCH_PROGRAM} if self.offers is Offers.SHELL else {}

    def stop(self) -> None:
        for socket in self.sockets.iterdir():
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                argv = ["ssh", "-F", "/dev/null", "-O", "exit", "-S", str(socket), HOST]
                subprocess.run(argv, check=False, capture_output=True, timeout=10)
        shutil.rmtree(self.sockets, ignore_errors=True)
        self.process.stop()


def start(directory: Path, offers: Offers) -> OpenSsh:
    """Start one. Skips the test where OpenSSH's server is not installed."""
    programs.program("sshd")
    return OpenSsh(directory, offers)
