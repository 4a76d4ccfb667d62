"""Listing over SFTP: many directories at once, each in bursts of questions that grow while there is more."""

from __future__ import annotations

import stat as modes
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from git_mlvc.backend.base import Listed, is_key
from git_mlvc.backend.over_ssh import sftp_protocol as sftp
from git_mlvc.backend.over_ssh.exchange import Exchange
from git_mlvc.backend.over_ssh.sftp_protocol import Attributes, Code, Name, Status
from git_mlvc.backend.over_ssh.talk import Talk

_DIRECTORIES = 64  # open at once
_MOST_READDIRS = 16  # of one directory, sent together
_STATS = 512  # sent together


class _Folder(NamedTuple):
    """A directory, and what the keys of all in it begin with."""

    path: bytes
    prefix: str


class Listing:
    """`refused`: called with (status, prefix, whether it was asked for by name) for a directory that cannot be opened;
    raises, or lets it count as empty.
    """

    def __init__(self, exchange: Exchange, refused: Callable[[Status, str, bool], None]) -> None:
        self._exchange = exchange
        self._refused = refused

    def below(self, top: bytes, prefix: str) -> Iterator[Listed]:
        """Yield the files below a directory whose names are keys."""
        waiting = [_Folder(top, prefix)]
        is_top = True
        while waiting:
            some, waiting = waiting[:_DIRECTORIES], waiting[_DIRECTORIES:]
            with self._exchange.talk() as talk:
                contents = self._contents(talk, some, is_top)
            unsure: list[_Folder] = []
            for folder, names in zip(some, contents, strict=True):
                for name, attributes in names:
                    text = name.decode("ascii", "replace")
                    key = folder.prefix + text
                    if not is_key(key) or "/" in text:
                        continue
                    path = folder.path.rstrip(b"/") + b"/" + name
                    mode = attributes.mode
                    if mode is None or modes.S_ISLNK(mode) or attributes.size_bytes is None:
                        unsure.append(_Folder(path, key))
                    elif attributes.is_directory:
                        waiting.append(_Folder(path, key + "/"))
                    elif attributes.is_file:
                        yield Listed(key, attributes.size_bytes)
            for place, followed in zip(unsure, self._followed(unsure), strict=True):
                if followed is not None and followed.is_directory:
                    waiting.append(_Folder(place.path, place.prefix + "/"))
                elif followed is not None and followed.is_file is not False:
                    yield Listed(place.prefix, followed.size_bytes or 0)
            is_top = False

    def _followed(self, places: Sequence[_Folder]) -> list[Attributes | None]:
        """Return what links, and what a server said too little of, lead to."""
        found: list[Attributes | None] = []
        for at in range(0, len(places), _STATS):
            with self._exchange.talk() as talk:
                questions = [sftp.stat(place.path) for place in places[at : at + _STATS]]
                for answer in talk.all_of(*questions):
                    is_there = sftp.status_of(answer) is None
                    found.append(sftp.attributes_of(answer) if is_there else None)
        return found

    def _contents(self, talk: Talk, folders: Sequence[_Folder], is_top: bool) -> list[list[Name]]:
        """Return what is in each directory."""
        found: list[list[Name]] = [[] for _ in folders]
        handles: dict[int, bytes] = {}
        try:
            opened = talk.all_of(*(sftp.opendir(folder.path) for folder in folders))
            refusals: list[tuple[Status, str]] = []
            for place, answer in enumerate(opened):
                status = sftp.status_of(answer)
                if status is None:
                    handles[place] = sftp.handle_of(answer)
                else:
                    refusals.append((status, folders[place].prefix))
            for status, prefix in refusals:
                self._refused(status, prefix, is_top)
            burst = 1
            while handles:
                places = [place for place in handles for _ in range(burst)]
                answers = talk.all_of(*(sftp.readdir(handles[place]) for place in places))
                for place, answer in zip(places, answers, strict=True):
                    status = sftp.status_of(answer)
                    names = list(sftp.names_of(answer)) if status is None else []
                    found[place] += names
                    if status is not None and status.code != Code.EOF:
                        self._refused(status, folders[place].prefix, is_top)
                    if not names and place in handles:
                        talk.tell(sftp.close(handles.pop(place)))
                burst = min(2 * burst, _MOST_READDIRS)
        finally:
            talk.tell(*map(sftp.close, handles.values()))
        return found
