"""Writing over SFTP: under a temporary name in the same directory, synced, then named; and the directories for it.

New files and directories follow the mode and group of the directory they are in, as on a disk of our own. Three round trips
for a file: create it, fill it, name it. What could not be removed because the connection was lost is
noted in `left`, for the next one.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from git_mlvc.backend.base import Denied
from git_mlvc.backend.over_ssh import sftp_protocol as sftp
from git_mlvc.backend.over_ssh.frames import Frame, Request
from git_mlvc.backend.over_ssh.sftp import SftpFiles
from git_mlvc.backend.over_ssh.sftp_protocol import Attributes, Code, Status
from git_mlvc.backend.over_ssh.source import Source, opened
from git_mlvc.backend.over_ssh.talk import Talk
from git_mlvc.backend.shared_modes import dir_mode, file_mode
from git_mlvc.errors import MlvcError, RemoteRefused, RemoteUnavailable
from git_mlvc.units import size_text

ASK_ROOM_BYTES = 1 << 20  # of a file from this size on it is asked first whether there is room
FULL_BYTES = 64 << 10  # a disk with less than this left is full
_S_ISGID = 0o2000
_MASK = 0o7777


class _Opened(NamedTuple):
    """A temporary file that was just made, and the directory it is in."""

    handle: bytes
    directory: Attributes
    is_taken: bool  # the name that it is to get
    room: sftp.Room | None


class SftpWriter:
    """One for each connection."""

    def __init__(self, files: SftpFiles, left: set[bytes]) -> None:
        self._files = files
        self._left = left
        self._making = threading.Lock()
        # Of directories with this mode and group: what a new file needs to follow them.
        self._amends: dict[tuple[int, int], Attributes | None] = {}
        self._has_links = True

    def put(self, key: str, source: bytes | Path, *, if_absent: bool) -> bool:
        """Return False if the name was taken and `if_absent` is set."""
        final = self._files.path(key)
        directory, _, name = final.rpartition(b"/")
        temp = directory + b"/.%b.%b.tmp" % (name[:80], os.urandom(6).hex().encode())
        with opened(source) as content, self._files.exchange.talk() as talk:
            made: list[bytes] = []
            try:
                if self._sent(talk, key, temp, final, content, made, if_absent=if_absent):
                    return True
            except MlvcError:
                self._discard(talk, temp, made)
                raise
            except BaseException:  # Ctrl-C waits for nobody
                talk.tell(*map(sftp.close, made), sftp.remove(temp))
                raise
            self._discard(talk, temp, made)
            return False

    def _sent(
        self,
        talk: Talk,
        key: str,
        temp: bytes,
        final: bytes,
        content: Source,
        made: list[bytes],
        *,
        if_absent: bool,
    ) -> bool:
        """Make the file and give it its name; False if that is taken. The open file is noted in `made`."""
        begun = self._create(talk, key, temp, final if if_absent else None, content)
        made.append(begun.handle)
        if begun.is_taken:
            return False
        if begun.room is not None and begun.room.free_bytes < content.size_bytes:
            raise self._no_room(key, begun.room)
        self._fill(talk, key, begun, content)
        made.clear()
        return self._name(talk, key, temp, final, if_absent=if_absent)

    def delete(self, key: str) -> None:
        with self._files.exchange.talk() as talk:
            status = _status(talk, sftp.remove(self._files.path(key)))
        if status.code == Code.NO_SUCH_FILE:
            self._files.require_home()
        elif status.code != Code.OK:
            raise self._meant(status, "delete", key)

    def remove_left(self) -> None:
        """Remove what an earlier connection left."""
        some = list(self._left)
        self._left.difference_update(some)
        with self._files.exchange.talk() as talk:
            talk.tell(*map(sftp.remove, some))

    # -- the file

    def _create(
        self, talk: Talk, key: str, temp: bytes, final: bytes | None, content: Source
    ) -> _Opened:
        """Make the temporary file, and its directories if there are none; ask with it all that can be asked."""
        directory = temp.rpartition(b"/")[0]
        asks_room = content.size_bytes >= ASK_ROOM_BYTES and sftp.STATVFS in self._files.extensions
        questions = [sftp.create(temp), sftp.stat(directory)]
        questions += [sftp.stat(final)] if final is not None else []
        questions += [sftp.statvfs(directory)] if asks_room else []
        answers = talk.all_of(*questions)
        status = sftp.status_of(answers[0])
        if status is not None and status.code == Code.NO_SUCH_FILE:
            self._make_directory(talk, directory, key)
            answers = talk.all_of(*questions)
            status = sftp.status_of(answers[0])
        if status is not None:
            raise self._meant(status, "write", key, talk=talk, directory=directory)
        room = answers[-1] if asks_room and sftp.status_of(answers[-1]) is None else None
        return _Opened(
            sftp.handle_of(answers[0]),
            _attributes(answers[1]),
            final is not None and sftp.status_of(answers[2]) is None,
            sftp.room_of(room) if room is not None else None,
        )

    def _fill(self, talk: Talk, key: str, made: _Opened, content: Source) -> None:
        """Write all of it; it is on the disk there, and has its size, when this returns."""

        def check(frame: Frame) -> None:
            status = sftp.status_of(frame)
            if status is not None and status.code != Code.OK:
                directory = self._files.path(key).rpartition(b"/")[0]
                size_bytes = content.size_bytes
                raise self._meant(
                    status, "write", key, talk=talk, directory=directory, size_bytes=size_bytes
                )

        flight = _Flight(talk, check)
        kind = (made.directory.mode or 0, made.directory.gid or 0)
        is_known = kind in self._amends
        owner = [] if is_known else talk.ask_all([sftp.fstat(made.handle)])
        for offset, data in content.blocks(self._files.limits.write_bytes):
            while flight.flying_bytes and flight.flying_bytes + len(data) > talk.window_bytes:
                flight.wait()
            self._files.meter(len(data))
            flight.send(sftp.write(made.handle, offset, data), len(data))
        if not is_known:
            own = _attributes(flight.answers(owner)[0])
            self._amends[kind] = _amends(made.directory, own, is_directory=False)
        amends = self._amends[kind]
        last = [sftp.fstat(made.handle), sftp.close(made.handle)]
        if sftp.FSYNC in self._files.extensions:
            last.insert(0, sftp.fsync(made.handle))
        if amends is not None:
            talk.tell(sftp.fsetstat(made.handle, amends))  # what the system forbids stays as it is
        answers = flight.answers(talk.ask_all(last))
        flight.land()
        for answer in answers:
            check(answer)
        arrived = _attributes(answers[-2]).size_bytes
        if arrived is not None and arrived != content.size_bytes:
            raise RemoteUnavailable(
                f"{self._files.url} kept {arrived} of {content.size_bytes} bytes of {key}",
                hint="try again",
            )

    def _name(self, talk: Talk, key: str, temp: bytes, final: bytes, *, if_absent: bool) -> bool:
        if not if_absent:
            self._replace(talk, key, temp, final)
            return True
        is_openssh = (
            sftp.LSETSTAT in self._files.extensions
        )  # its rename leaves alone what is there
        if not is_openssh and self._has_links and sftp.HARDLINK in self._files.extensions:
            if _status(talk, sftp.hardlink(temp, final)).code == Code.OK:
                _status(talk, sftp.remove(temp))
                return True
            if _is_there(talk, final):
                return False
            self._has_links = False  # a file system without them
        if not is_openssh and _is_there(talk, final):
            return False
        status = _status(talk, sftp.rename(temp, final))
        if status.code == Code.OK:
            return True
        if _is_there(talk, final):
            return False
        raise self._meant(status, "write", key, talk=talk, directory=final.rpartition(b"/")[0])

    def _replace(self, talk: Talk, key: str, temp: bytes, final: bytes) -> None:
        if sftp.POSIX_RENAME in self._files.extensions:
            status = _status(talk, sftp.posix_rename(temp, final))
        else:
            status = _status(talk, sftp.rename(temp, final))
            if status.code != Code.OK and _is_there(talk, final):
                talk.tell(sftp.remove(final))  # this server has nothing better
                status = _status(talk, sftp.rename(temp, final))
        if status.code != Code.OK:
            raise self._meant(status, "write", key, talk=talk, directory=final.rpartition(b"/")[0])

    def _discard(self, talk: Talk, temp: bytes, made: list[bytes]) -> None:
        """Remove a temporary file, and see that it is done: the program may be about to end."""
        try:
            talk.all_of(*map(sftp.close, made), sftp.remove(temp))
        except RemoteUnavailable:
            self._left.add(temp)

    # -- the directories

    def _make_directory(self, talk: Talk, directory: bytes, key: str) -> None:
        """Make what is missing from the root down to `directory`, and nothing above the root."""
        with self._making:
            paths = list(_steps(self._files.root, directory))
            above, *found = talk.all_of(sftp.stat(self._files.home), *map(sftp.stat, paths))
            for path, answer in zip(paths, found, strict=True):
                if sftp.status_of(answer) is not None:
                    self._files.require_home()
                    answer = self._made(talk, path, _attributes(above), key)
                above = answer

    def _made(self, talk: Talk, path: bytes, parent: Attributes, key: str) -> Frame:
        """Make one directory; return what the server says of it."""
        status = _status(talk, sftp.mkdir(path))
        answer = talk.all_of(sftp.stat(path))[0]
        if sftp.status_of(answer) is not None:  # or somebody else has just made it
            above = path.rpartition(b"/")[0] if path != self._files.root else self._files.home
            raise self._meant(status, "write", key, talk=talk, directory=above)
        if status.code == Code.OK:
            amends = _amends(parent, _attributes(answer), is_directory=True)
            if amends is not None:
                talk.tell(sftp.setstat(path, amends))
                answer = talk.all_of(sftp.stat(path))[0]
        return answer

    # -- what went wrong

    def _meant(
        self,
        status: Status,
        verb: str,
        key: str,
        *,
        talk: Talk | None = None,
        directory: bytes = b"",
        size_bytes: int = 0,
    ) -> MlvcError:
        """As `SftpFiles.meant`; where the answer is only "failure", the disk is asked for the reason."""
        room = self._room(talk, directory) if status.code == Code.FAILURE else None
        if room is not None and room.is_read_only:
            return Denied(
                f"cannot {verb} {key} on {self._files.url}",
                why="that file system is mounted read-only",
                hint="ask who runs it",
            )
        if room is not None and room.free_bytes < max(size_bytes, FULL_BYTES):
            return self._no_room(key, room)
        return self._files.meant(status, verb, key)

    def _room(self, talk: Talk | None, directory: bytes) -> sftp.Room | None:
        if talk is None or sftp.STATVFS not in self._files.extensions:
            return None
        answer = talk.all_of(sftp.statvfs(directory))[0]
        return None if sftp.status_of(answer) is not None else sftp.room_of(answer)

    def _no_room(self, key: str, room: sftp.Room) -> RemoteRefused:
        return RemoteRefused(
            f"cannot write {key} on {self._files.url}",
            why=f"there is no room: {size_text(room.free_bytes)} are free",
            hint="free some space there, then push again",
        )


class _Flight:
    """Writes on their way; answers to other questions are kept for whoever asked them."""

    def __init__(self, talk: Talk, check: Callable[[Frame], None]) -> None:
        self._talk = talk
        self._check = check
        self._flying: dict[int, int] = {}
        self._kept: dict[int, Frame] = {}
        self.flying_bytes = 0

    def send(self, request: Request, size_bytes: int) -> None:
        self._flying[self._talk.ask(request)] = size_bytes
        self.flying_bytes += size_bytes

    def wait(self) -> None:
        """Take one answer. Raises what `check` raises."""
        number, frame = self._talk.answer()
        if number in self._flying:
            self.flying_bytes -= self._flying.pop(number)
            self._check(frame)
        else:
            self._kept[number] = frame

    def answers(self, numbers: Iterable[int]) -> list[Frame]:
        wanted = list(numbers)
        while not all(number in self._kept for number in wanted):
            self.wait()
        return [self._kept.pop(number) for number in wanted]

    def land(self) -> None:
        while self._flying:
            self.wait()


def _amends(directory: Attributes, own: Attributes, *, is_directory: bool) -> Attributes | None:
    """Return what makes a new file or directory follow the one it is in; None if it does already."""
    if directory.mode is None or own.mode is None:
        return None
    if is_directory:
        mode = dir_mode(directory.mode, None)
        mode = None if mode is None else mode | own.mode & _S_ISGID
    else:
        mode = file_mode(directory.mode, None)
    if mode == own.mode & _MASK:
        mode = None
    has_group = own.gid == directory.gid or own.uid is None
    if mode is None and has_group:
        return None
    if has_group:
        return Attributes(mode=mode)
    return Attributes(uid=own.uid, gid=directory.gid, mode=mode)


def _steps(root: bytes, directory: bytes) -> Iterable[bytes]:
    """Yield the root and what is below it down to `directory`."""
    top = root.rstrip(b"/")
    yield root
    below = directory[len(top) + 1 :]
    parts = below.split(b"/") if below else []
    for count in range(1, len(parts) + 1):
        yield top + b"/" + b"/".join(parts[:count])


def _attributes(answer: Frame | None) -> Attributes:
    """What the server says, or that it says nothing."""
    if answer is None or sftp.status_of(answer) is not None:
        return Attributes()
    return sftp.attributes_of(answer)


def _status(talk: Talk, request: Request) -> Status:
    """Ask for something to be done; return how it went. What is no status at all is an error."""
    return sftp.status_of(talk.all_of(request)[0]) or Status(Code.BAD_MESSAGE, "no status")


def _is_there(talk: Talk, path: bytes) -> bool:
    return sftp.status_of(talk.all_of(sftp.stat(path))[0]) is None
