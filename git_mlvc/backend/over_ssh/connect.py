"""From an address to somebody who answers: starts ssh, and finds out which of two protocols is spoken there.

What is sent first is the first packet of SFTP, which both understand: our own server answers with its greeting, an SFTP server with
its version. So a server that has git-mlvc, one that has only SFTP, and one where a command is forced on us cost the same. What
a login shell prints before is passed over, up to a bound.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from git_mlvc.backend.opening import Opening
from git_mlvc.backend.over_ssh import command, said, served_protocol, sftp_protocol
from git_mlvc.backend.over_ssh.command import Patience, Program, Variant
from git_mlvc.backend.over_ssh.exchange import Exchange
from git_mlvc.backend.over_ssh.place import Place
from git_mlvc.backend.over_ssh.process import SshProcess, a_person_can_answer, runs
from git_mlvc.errors import ConfigError, MlvcError, RemoteRefused, RemoteUnavailable

_MOST_NOISE_BYTES = 64 << 10
_REMEMBERED_S = 7 * 24 * 3600.0


class Serve(Enum):
    """Whether our own server is used on the other side: the option `server`."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Connection:
    """Somebody who answers. `extensions`: of an SFTP server; None if it is a git-mlvc."""

    process: SshProcess
    exchange: Exchange
    extensions: dict[str, bytes] | None

    def close(self) -> None:
        self.exchange.close()
        self.process.close()


class Connector:
    """Knows how to reach one place. Contacts nothing before it is asked to.

    `may_ask`: a person may be asked, if there is one.
    """

    def __init__(self, place: Place, url: str, opening: Opening, *, may_ask: bool = True) -> None:
        self._may_ask = may_ask
        self._place = place
        self._url = url
        self._opening = opening
        self._server = opening.options.get("server-program", command.DEFAULT_PROGRAM)
        command.remote_command(self._server, or_sftp=False)  # refuses what is no name of a program
        try:
            self._serve = Serve(opening.options.get("server", Serve.AUTO.value))
        except ValueError:
            raise ConfigError(
                f"the option 'server' of {url} is one of {', '.join(one.value for one in Serve)}"
            ) from None
        self._program: tuple[Program, Variant] | None = None

    def connect(self) -> Connection:
        """Raises RemoteRefused, RemoteUnavailable, ConfigError."""
        shell_first = self._serve is Serve.ALWAYS or (
            self._serve is Serve.AUTO and not self._remembers_no_shell()
        )
        if not shell_first:
            return self._must(self._subsystem())
        found = self._try(self._shell())
        if isinstance(found, Connection):
            return found
        if self._serve is Serve.ALWAYS:
            raise found
        try:
            connection = self._must(self._subsystem())
        except RemoteRefused as refused:
            raise refused from found
        self._remember_no_shell()
        return connection

    # -- one connection

    def _must(self, arguments: Sequence[str]) -> Connection:
        found = self._try(arguments)
        if isinstance(found, Connection):
            return found
        raise found

    def _try(self, arguments: Sequence[str]) -> Connection | MlvcError:
        """Return somebody who answers, or why the other side is not one. Raises when it was not reached at all."""
        named, _ = self._how()
        process = SshProcess(named.argv(arguments), self._opening.environment, self._place)
        try:
            process.write(sftp_protocol.INIT)
            heard = self._listen(process)
            if isinstance(heard, MlvcError):
                process.stop()
                process.close()
                return heard
            return heard
        except BaseException:
            process.stop()
            process.close()
            raise

    def _listen(self, process: SshProcess) -> Connection | MlvcError:
        patience = self._patience
        # A person at a terminal may take her time; ssh itself gives up on a host that does not answer.
        end = None if patience.may_ask else time.monotonic() + patience.connect_s + patience.idle_s
        heard = b""
        while True:
            version = sftp_protocol.find_version(heard)
            if version is not None:
                if self._serve is Serve.ALWAYS:
                    return self._no_server("an SFTP server answers")
                packet, rest = heard[version[0] : version[1]], heard[version[1] :]
                return self._speak(process, rest, sftp_protocol.extensions(packet))
            greeting = served_protocol.find_greeting(heard)
            if greeting is not None and self._serve is not Serve.NEVER:
                at, oldest, newest = greeting
                if oldest <= served_protocol.NEWEST and newest >= served_protocol.OLDEST:
                    return self._speak(process, heard[at:], None)
                return self._no_server("the git-mlvc there is too old or too new")
            if len(heard) > _MOST_NOISE_BYTES:
                return self._no_protocol(heard)
            block = process.read_some(None if end is None else end - time.monotonic())
            if block is None:
                raise RemoteUnavailable(
                    f"cannot connect to {self._place.login}",
                    why="it does not answer",
                    hint=f"try it by hand: {said.by_hand(self._place)}",
                )
            if not block:
                return self._ended(process, heard)
            heard += block

    def _speak(
        self, process: SshProcess, rest: bytes, extensions: dict[str, bytes] | None
    ) -> Connection:
        is_sftp = extensions is not None
        exchange = Exchange(
            process,
            idle_timeout_s=self._opening.idle_timeout_s,
            said=rest,
            is_last=(lambda kind: True) if is_sftp else served_protocol.is_last,
        )
        return Connection(process, exchange, extensions)

    def _ended(self, process: SshProcess, heard: bytes) -> MlvcError:
        """Return why the command there ended without a word we know; raise if ssh did not even get there."""
        code = process.exit_code()
        if code == said.OWN_FAILURE and not said.has_no_shell(process.stderr):
            raise said.not_connected(self._place, process.stderr)
        if code < 0:
            raise RemoteUnavailable(f"ssh to {self._place.login} was ended by a signal")
        words = said.last_words(process.stderr) or said.clean(heard.decode("utf-8", "replace"))
        if self._serve is Serve.ALWAYS:
            return self._no_server(words or f"the command there ended with code {code}")
        return RemoteRefused(
            f"{self._place.login} offers no SFTP and has no {self._server}",
            why=words or f"the command there ended with code {code}",
            hint=f"try it by hand: {said.by_hand(self._place)}",
        )

    def _no_server(self, why: str) -> RemoteRefused:
        return RemoteRefused(
            f"there is no {self._server} on {self._place.login}",
            why=why,
            hint="install it there, or name it with the option server-program; or leave out server=always",
        )

    def _no_protocol(self, heard: bytes) -> RemoteRefused:
        return RemoteRefused(
            f"{self._place.login} says what is not SFTP",
            why=f"it begins: {said.clean(heard[:200].decode('utf-8', 'replace'))}",
            hint="what its login shell prints belongs behind a test whether somebody is there to read it",
        )

    # -- how to get there

    def _how(self) -> tuple[Program, Variant]:
        if self._program is None:
            environment = self._opening.environment
            named = command.program(environment)
            self._program = (
                named,
                command.variant(named, environment, lambda argv: runs(argv, environment)),
            )
        return self._program

    def _subsystem(self) -> list[str]:
        return command.subsystem(self._place, self._how()[1], self._patience)

    def _shell(self) -> list[str]:
        or_sftp = self._serve is Serve.AUTO
        variant = self._how()[1]
        return command.through_shell(
            self._place, variant, self._patience, self._server, or_sftp=or_sftp
        )

    @property
    def _patience(self) -> Patience:
        opening = self._opening
        may_ask = self._may_ask and a_person_can_answer(opening.environment)
        return Patience(opening.connect_timeout_s, opening.idle_timeout_s, may_ask)

    # -- what is remembered: that there is no shell, so that this is tried once a week and not each time

    @property
    def _note(self) -> Path | None:
        if self._opening.scratch is None:
            return None
        named = f"{self._place.login}:{self._place.port} {self._server}"
        name = hashlib.blake2b(named.encode("utf-8", "surrogateescape"), digest_size=8)
        return self._opening.scratch / f"ssh-{name.hexdigest()}.only-sftp"

    def _remembers_no_shell(self) -> bool:
        if self._note is None:
            return False
        try:
            return time.time() - self._note.stat().st_mtime < _REMEMBERED_S
        except OSError:
            return False

    def _remember_no_shell(self) -> None:
        with contextlib.suppress(OSError):
            if self._note is not None:
                self._note.write_bytes(b"")
