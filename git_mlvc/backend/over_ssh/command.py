"""The command line that leads to a host, as git would write it. Starts nothing but what git starts to learn its options."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from git_mlvc.backend.over_ssh.place import Place
from git_mlvc.errors import ConfigError

SERVER_VERB = "serve-store"
DEFAULT_PROGRAM = "git-mlvc"
_ALIVE_COUNT = 3
# Unquoted in a command line of ours there, so that `~` and words work; nothing else may.
_PROGRAM = re.compile(r"[A-Za-z0-9_./~+][A-Za-z0-9_./~+@%=:, -]*\Z")
_NOT_ONE_COMMAND = re.compile(r"[;&|<>()`\n{}!#]|^\s*[A-Za-z_]\w*=")
# Where systems keep the program that sshd itself starts for its subsystem "sftp".
_SFTP_SERVERS = (
    "/usr/lib/openssh /usr/libexec/openssh /usr/libexec /usr/lib/ssh /usr/lib /usr/local/libexec"
)


class Variant(Enum):
    """Which options a program takes, in git's words."""

    SSH = "ssh"
    PLINK = "plink"
    PUTTY = "putty"
    TORTOISE = "tortoiseplink"
    SIMPLE = "simple"


@dataclass(frozen=True, slots=True)
class Program:
    """What is run instead of `ssh`: a shell's text, or the path of a program."""

    text: str
    is_shell: bool

    def argv(self, arguments: Sequence[str]) -> list[str]:
        if not self.is_shell:
            return [self.text, *arguments]
        # One command takes the shell's place, so that ending our child ends ssh and not only a shell before it.
        place = "exec " if self.name and not _NOT_ONE_COMMAND.search(self.text) else ""
        return ["sh", "-c", f'{place}{self.text} "$@"', self.text, *arguments]

    @property
    def name(self) -> str:
        """What it is called, as far as can be seen, without directory and `.exe`."""
        try:
            words = shlex.split(self.text) if self.is_shell else [self.text]
        except ValueError:
            words = []
        words = [word for word in words if not re.match(r"[A-Za-z_]\w*=", word)] or [""]
        return os.path.basename(words[0]).lower().removesuffix(".exe")


def program(environment: Mapping[str, str]) -> Program:
    """Return what git would run; `core.sshCommand` was put into GIT_SSH_COMMAND by whoever read it."""
    if environment.get("GIT_SSH_COMMAND"):
        return Program(environment["GIT_SSH_COMMAND"], True)
    return Program(environment.get("GIT_SSH") or "ssh", False)


def variant(
    named: Program, environment: Mapping[str, str], takes_options: Callable[[list[str]], bool]
) -> Variant:
    """Return which options it takes. `takes_options`: runs a command line and says whether that went well.

    Raises ConfigError for a variant that nobody knows.
    """
    chosen = environment.get("GIT_SSH_VARIANT", "auto").lower() or "auto"
    if chosen != "auto":
        try:
            return Variant(chosen)
        except ValueError:
            raise ConfigError(
                f"no kind of ssh is called '{chosen}'",
                hint=f"git config ssh.variant auto, or one of {', '.join(v.value for v in Variant)}",
            ) from None
    for one in (Variant.SSH, Variant.PLINK, Variant.PUTTY, Variant.TORTOISE):
        if named.name == one.value:
            return one
    return Variant.SSH if takes_options(named.argv(["-G", "localhost"])) else Variant.SIMPLE


@dataclass(frozen=True, slots=True)
class Patience:
    """`connect_s`: to reach the host. `idle_s`: so long may a connection be silent. `may_ask`: a person is there."""

    connect_s: float
    idle_s: float
    may_ask: bool


def login_arguments(place: Place, which: Variant, patience: Patience) -> list[str]:
    """Return the options and the host. Raises ConfigError for what this program cannot do."""
    if which is Variant.SIMPLE:
        raise ConfigError(
            f"cannot reach {place.host}: the ssh command that is set does not say that it takes options",
            hint="if it does: git config ssh.variant ssh",
        )
    if which is not Variant.SSH:
        port = ["-P", str(place.port)] if place.port else []
        batch = [] if patience.may_ask and which is not Variant.TORTOISE else ["-batch"]
        return [*batch, "-T", *port, place.login]
    options = {
        "ConnectTimeout": str(max(1, round(patience.connect_s))),
        # A network that is gone is noticed while nothing is being asked, too.
        "ServerAliveInterval": str(max(1, int(patience.idle_s / (_ALIVE_COUNT + 1)))),
        "ServerAliveCountMax": str(_ALIVE_COUNT),
        "ClearAllForwardings": "yes",
        "ForwardX11": "no",
        "ForwardAgent": "no",
        "PermitLocalCommand": "no",
        "RemoteCommand": "none",
    }
    if not patience.may_ask:
        options["BatchMode"] = "yes"
    given = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    port = ["-p", str(place.port)] if place.port else []
    return [*given, "-T", *port]


def subsystem(place: Place, which: Variant, patience: Patience) -> list[str]:
    """Return the arguments that have sshd start its SFTP server."""
    options = login_arguments(place, which, patience)
    if which is Variant.SSH:
        return [*options, "-s", "--", place.login, "sftp"]
    return [*options[:-1], "-s", options[-1], "sftp"]


def through_shell(
    place: Place, which: Variant, patience: Patience, server: str, *, or_sftp: bool
) -> list[str]:
    """Return the arguments that start our server there, or else the system's SFTP server, on one connection."""
    options = login_arguments(place, which, patience)
    said = remote_command(server, or_sftp=or_sftp)
    if which is Variant.SSH:
        return [*options, "--", place.login, said]
    return [*options, said]


def remote_command(server: str, *, or_sftp: bool) -> str:
    """Return a line that every login shell takes: sh, bash, zsh, fish, csh. Single quotes only, and none inside.

    A shell that nobody logs in to reads no profile, so the places where users install programs are looked at too.
    """
    if not _PROGRAM.match(server):
        raise ConfigError(f"not the name of a program on another host: {server!r}")
    name = server.split()[0]
    script = (
        f"PATH=$PATH:$HOME/.local/bin:$HOME/bin:/usr/local/bin; "
        f"command -v {name} >/dev/null 2>&1 && exec {server} {SERVER_VERB}; "
    )
    if or_sftp:
        script += (
            f"for d in {_SFTP_SERVERS}; do test -x $d/sftp-server && exec $d/sftp-server; done; "
        )
    return f"exec sh -c '{script}exit 127'"
