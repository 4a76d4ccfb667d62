"""The verbs of a driver over SFTP: looking and reading. What writes is in `sftp_writing.py`.

Requests are sent without waiting for the answers to those before them, wherever one does not depend on the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from git_mlvc.backend.base import Denied, Listed, Offline, Stat, not_found
from git_mlvc.backend.opening import Meter
from git_mlvc.backend.over_ssh import sftp_protocol as sftp
from git_mlvc.backend.over_ssh.exchange import Exchange
from git_mlvc.backend.over_ssh.frames import Frame
from git_mlvc.backend.over_ssh.said import clean
from git_mlvc.backend.over_ssh.sftp_listing import Listing
from git_mlvc.backend.over_ssh.sftp_protocol import Code, Status
from git_mlvc.backend.over_ssh.talk import Talk
from git_mlvc.backend.over_ssh.window import BLOCK_BYTES, ENDLESS, Block, Reading, into_file, whole
from git_mlvc.errors import MlvcError, RemoteRefused, RemoteUnavailable

_QUESTIONS = 512  # sent together


class SftpFiles:
    """The files below `root` on the other side of an exchange. `url` is for messages."""

    def __init__(
        self,
        exchange: Exchange,
        extensions: Mapping[str, bytes],
        root: bytes,
        *,
        url: str,
        meter: Meter,
    ) -> None:
        self.exchange = exchange
        self.extensions = extensions
        self.url = url
        self.meter = meter
        self._limits: sftp.Limits | None = None
        self._limits_talk: Talk | None = None
        if sftp.LIMITS in extensions:  # asked now, looked at when something large is moved
            self._limits_talk = exchange.talk()
            self._limits_talk.ask(sftp.limits())
        self._home_was_seen = False
        self.root = self._expanded(root)

    # -- what is there

    def stat(self, key: str) -> Stat | None:
        return self.stat_many([key])[0]

    def stat_many(self, keys: Sequence[str]) -> list[Stat | None]:
        """As `stat` for each of them, in few round trips."""
        found: list[Stat | None] = []
        for at in range(0, len(keys), _QUESTIONS):
            some = keys[at : at + _QUESTIONS]
            home = [] if self._home_was_seen else [sftp.stat(self.home)]
            with self.exchange.talk() as talk:
                answers = talk.all_of(*home, *(sftp.stat(self.path(key)) for key in some))
            if home:
                self._see_home(answers.pop(0))
            found += [self._stat_of(key, answer) for key, answer in zip(some, answers, strict=True)]
        return found

    def _stat_of(self, key: str, answer: Frame) -> Stat | None:
        status = sftp.status_of(answer)
        if status is None:
            attributes = sftp.attributes_of(answer)
            if attributes.is_file is False:
                return None
            if attributes.size_bytes is None:
                raise RemoteRefused(f"{self.url} does not say how large files are")
            return Stat(attributes.size_bytes)
        if status.code == Code.NO_SUCH_FILE:
            self.require_home()
            return None
        raise self.meant(status, "look for", key)

    def list(self, prefix: str) -> Iterator[Listed]:
        top = self.path(prefix[:-1]) if prefix else self.root
        return Listing(self.exchange, self._not_listed).below(top, prefix)

    def _not_listed(self, status: Status, prefix: str, is_top: bool) -> None:
        """Raise what an answer means; a directory that is not there is an empty one."""
        if status.code != Code.NO_SUCH_FILE:
            raise self.meant(status, "list", prefix)
        if is_top:
            self.require_home()

    # -- reading

    def get_range(self, key: str, start: int, length: int) -> bytes:
        if length <= 0:
            if self.stat(key) is None:
                raise self.absent(key)
            return b""
        return whole(self._read(key, start, start + length), self.meter)

    def get(self, key: str) -> bytes:
        return whole(self._read(key, 0, ENDLESS), self.meter)

    def get_file(self, key: str, target: int) -> None:
        into_file(self._read(key, 0, ENDLESS), target, key, self.meter)

    def _read(self, key: str, start: int, end: int) -> Iterator[tuple[int, memoryview]]:
        with self.exchange.talk() as talk:
            answer = talk.all_of(sftp.open_to_read(self.path(key)))[0]
            status = sftp.status_of(answer)
            if status is not None:
                if status.code == Code.NO_SUCH_FILE:
                    raise self.absent(key)
                raise self.meant(status, "read", key)
            handle = sftp.handle_of(answer)

            def learn_size(number: int, frame: Frame) -> None:
                said = sftp.status_of(frame)
                if said is not None:
                    raise self.meant(said, "read", key)
                attributes = sftp.attributes_of(frame)
                if attributes.is_directory:
                    raise self.absent(key)
                if attributes.size_bytes is not None:
                    reading.knows_size(attributes.size_bytes)

            def block_of(frame: Frame) -> Block:
                said = sftp.status_of(frame)
                if said is None:
                    return Block(sftp.data_of(frame))
                if said.code == Code.EOF:
                    return Block(memoryview(b""))
                raise self.meant(said, "read", key)

            reading = Reading(
                talk,
                lambda offset, length: sftp.read(handle, offset, length),
                block_of,
                start=start,
                end=end,
                block_bytes=self.limits.read_bytes,
                others=learn_size,
            )
            try:
                reading.begin(sftp.fstat(handle))
                yield from reading.blocks()
            finally:
                talk.tell(sftp.close(handle))

    # -- for those who write, too

    def path(self, key: str) -> bytes:
        return self.root.rstrip(b"/") + b"/" + key.encode("ascii")

    @property
    def limits(self) -> sftp.Limits:
        if self._limits is None:
            self._limits = sftp.Limits(sftp.SAFE_BLOCK_BYTES, sftp.SAFE_BLOCK_BYTES)
            talk, self._limits_talk = self._limits_talk, None
            if talk is not None:
                _, answer = talk.answer()
                if sftp.status_of(answer) is None:
                    said = sftp.limits_of(answer)
                    self._limits = sftp.Limits(
                        min(said.read_bytes, BLOCK_BYTES), min(said.write_bytes, BLOCK_BYTES)
                    )
        return self._limits

    def require_home(self) -> None:
        """Raise Offline if the directory that the root stands in is not there."""
        if not self._home_was_seen:
            with self.exchange.talk() as talk:
                self._see_home(talk.all_of(sftp.stat(self.home))[0])

    def absent(self, key: str) -> MlvcError:
        """Return the error for a key under which nothing is, as far as that can be said."""
        try:
            self.require_home()
        except Offline as offline:
            return offline
        return not_found(self.url, key)

    def meant(self, status: Status, verb: str, key: str) -> MlvcError:
        """Return the error for what a server answered, which names no reasons but a few."""
        what = f"cannot {verb} {key or '.'} on {self.url}"
        why = clean(status.message) or f"it answers with code {status.code}"
        if status.code == Code.NO_SUCH_FILE:
            return self.absent(key)
        if status.code == Code.PERMISSION_DENIED:
            return Denied(what, why=why, hint=f"ask for the right to {verb} files in {self.url}")
        if status.code in (Code.OP_UNSUPPORTED, Code.BAD_MESSAGE):
            return RemoteRefused(what, why=why)
        return RemoteUnavailable(what, why=why, hint="is the disk there still in order?")

    # -- inside

    @property
    def home(self) -> bytes:
        """The directory that the root stands in."""
        parent, slash, name = self.root.rstrip(b"/").rpartition(b"/")
        if name in (b"", b".", b".."):
            return self.root or b"/"
        return parent or (b"/" if slash else b".")

    def _see_home(self, answer: Frame) -> None:
        status = sftp.status_of(answer)
        if status is not None and status.code == Code.NO_SUCH_FILE:
            raise Offline(
                f"cannot reach {self.url}",
                why=f"there is no directory {self.home.decode('utf-8', 'replace')} there",
                hint="is the disk mounted there? Otherwise create that directory or mend the address",
            )
        # Not being allowed to look at it says nothing against what is inside.
        self._home_was_seen = True

    def _expanded(self, root: bytes) -> bytes:
        """SFTP starts at home and knows no `~`."""
        if not root.startswith(b"~"):
            return root
        name, _, rest = root.partition(b"/")
        if name == b"~":
            return rest.lstrip(b"/") or b"."
        if sftp.EXPAND_PATH not in self.extensions:
            raise RemoteRefused(
                f"cannot tell where {self.url} is",
                why="this server does not say where the homes of its users are",
                hint="write the whole path",
            )
        with self.exchange.talk() as talk:
            answer = talk.all_of(sftp.expand_path(root))[0]
        status = sftp.status_of(answer)
        if status is not None:
            raise self.meant(status, "find", root.decode("utf-8", "replace"))
        return next(sftp.names_of(answer)).name
