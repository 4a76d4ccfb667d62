"""`lfs`: data on the git-lfs server of the git remote itself, which GitHub, GitLab and Gitea have.

Packs and segments are git-lfs objects, named by their SHA-256; which key is which object stands in a catalogue on a ref
of the git remote (`git_lfs/catalogue.py`), as pointers that keep the host from collecting them. An object goes first, its
name after: a push that dies leaves objects that nobody names.

Packs and `format` are named by the next commit of the catalogue, which anything else makes at once: a segment and the packs
it is over become visible together (law 1), with one push of the ref. Deleting takes a name away; what room that frees
is the host's business.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path

from git_mlvc.backend.base import (
    Capability,
    Listed,
    Stat,
    appending,
    check_key,
    check_prefix,
    not_found,
)
from git_mlvc.backend.git_lfs.batch import OBJECTS_A_CALL, LfsServer
from git_mlvc.backend.git_lfs.catalogue import Catalogue, Change, Entry
from git_mlvc.backend.git_lfs.spool import Spool
from git_mlvc.backend.opening import GitRemote, Opening
from git_mlvc.backend.web import urls
from git_mlvc.backend.web.reply import Reply
from git_mlvc.errors import ConfigError, InputError, RemoteUnavailable
from git_mlvc.formats.lfs_pointer import LfsPointer

DEFAULT_REF = "refs/mlvc/lfs"
MAX_PLAIN_BYTES = 256 << 10
_PLAIN = {"format", "index"}  # small, and changed by many: they stand in the catalogue itself
_BLOCK_BYTES = 1 << 20


def open_url(url: str, opening: Opening) -> LfsBackend:
    """Return the driver for `lfs:GITURL`; the git remote is looked for when it is used. Raises ConfigError."""
    git_url = url.partition(":")[2]
    ref = opening.options.get("ref", DEFAULT_REF)
    if not _is_ref(ref):
        raise ConfigError(f"not the name of a ref: {ref!r}", hint="such as refs/mlvc/lfs")
    return LfsBackend(git_url, ref, opening)


class LfsBackend:
    """`git_url`: the git remote, as git's configuration has it; "" if there is none."""

    def __init__(self, git_url: str, ref: str, opening: Opening) -> None:
        self.url = f"lfs:{urls.shown(git_url)}" if git_url else "lfs"
        self._git_url = git_url
        self._ref = ref
        self._opening = opening
        self._opened: tuple[Catalogue, LfsServer] | None = None
        self._opening_lock = threading.Lock()
        self._spool = Spool(opening.scratch)
        self._knows_ranges: bool | None = None  # None: it was not seen yet
        self._asked: tuple[int, AbstractSet[LfsPointer], AbstractSet[LfsPointer]]
        self._asked = (
            -1,
            frozenset(),
            frozenset(),
        )  # look at the ref, objects, those that were there

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Ranged reads are declared once the server has answered one: the first body is asked for as a range."""
        lacking = set() if self._knows_ranges else {Capability.RANGES}
        return frozenset(Capability) - lacking

    # -- writing

    def put(self, key: str, source: bytes | Path) -> None:
        self._name(Change(check_key(key), self._sent(key, source)))

    def put_if_absent(self, key: str, source: bytes | Path) -> bool:
        found = self._catalogue.find(check_key(key))
        if found is not None and self._is_there(found):
            return False
        return self._name(Change(key, self._sent(key, source), is_if_absent=True, gone=found))

    def delete(self, key: str) -> None:
        catalogue = self._catalogue
        catalogue.forget(check_key(key))
        if catalogue.find(key) is not None:
            catalogue.commit(Change(key, None))

    # -- reading

    def get(self, key: str) -> bytes:
        entry = self._entry(key)
        if isinstance(entry, bytes):
            return entry
        found = bytearray()
        self._whole(entry, found.extend)
        return bytes(found)

    def get_range(self, key: str, start: int, length: int) -> bytes:
        entry = self._entry(key)
        if isinstance(entry, bytes):
            return entry[start : start + length]
        length = min(length, entry.size_bytes - start)
        if length <= 0:
            return b""
        if length == entry.size_bytes:
            return self.get(key)
        if not self._knows_ranges:
            # One at a time for each object: it may turn out that all of it comes.
            with self._spool.lock(entry):
                return self._spool.read(entry, start, length) or self._part(entry, start, length)
        return self._part(entry, start, length)

    def get_file(self, key: str, target: int) -> None:
        entry = self._entry(key)
        write = appending(key, target)
        if isinstance(entry, bytes):
            write(entry)
        else:
            self._whole(entry, write)

    def stat(self, key: str) -> Stat | None:
        found = self._catalogue.find(check_key(key))
        if found is None or not self._is_there(found):
            return None
        return Stat(_size_of(found))

    def list(self, prefix: str) -> Iterator[Listed]:
        """Yield what the catalogue names and the server still has."""
        known = self._catalogue.below(check_prefix(prefix))
        there = self._present({entry for _, entry in known if isinstance(entry, LfsPointer)})
        for key, entry in known:
            if isinstance(entry, bytes) or entry in there:
                yield Listed(key, _size_of(entry))

    def close(self) -> None:
        try:
            if self._opened is not None:
                self._catalogue.flush()
        finally:
            self._spool.close()
            if self._opened is not None:
                self._server.close()

    # -- inside

    @property
    def _catalogue(self) -> Catalogue:
        return self._open()[0]

    @property
    def _server(self) -> LfsServer:
        return self._open()[1]

    def _open(self) -> tuple[Catalogue, LfsServer]:
        with self._opening_lock:
            if self._opened is None:
                remote = self._git_remote()
                self._opened = (
                    Catalogue(remote.ref(self._ref), self.url),
                    LfsServer(self._opening, remote, self.url),
                )
            return self._opened

    def _git_remote(self) -> GitRemote:
        if not self._git_url:
            raise ConfigError(
                "there is no git remote whose git-lfs server could hold the data",
                hint="git remote add origin URL",
            )
        return self._opening.git_remote(self._git_url)

    def _entry(self, key: str) -> Entry:
        found = self._catalogue.find(check_key(key))
        if found is None:
            raise not_found(self.url, key)
        return found

    def _present(self, objects: AbstractSet[LfsPointer]) -> AbstractSet[LfsPointer]:
        """Return which of the objects in a listing the server has.

        As long as one request can ask for all that there is, it does: then the next listing from the same
        look at the ref, and whoever fetches, need not ask again.
        """
        look, asked, there = self._asked
        if not objects or (look == self._catalogue.looks and objects <= asked):
            return there
        known = {
            entry for entry in self._catalogue.seen().values() if isinstance(entry, LfsPointer)
        }
        asked = known if len(known) <= OBJECTS_A_CALL else objects
        there = self._server.present(asked)
        self._asked = self._catalogue.looks, asked, there
        return there

    def _is_there(self, entry: Entry) -> bool:
        return isinstance(entry, bytes) or entry in self._server.present([entry])

    def _sent(self, key: str, source: bytes | Path) -> Entry:
        """Make the server have the bytes, unless they are to stand in the catalogue; return what to write there."""
        pointer = _pointer_of(source)
        # No git-lfs client ever sends an empty object, and some servers refuse them.
        if not pointer.size_bytes or (key in _PLAIN and pointer.size_bytes <= MAX_PLAIN_BYTES):
            return source if isinstance(source, bytes) else source.read_bytes()
        self._server.upload(pointer, source)
        return pointer

    def _name(self, change: Change) -> bool:
        if change.key.startswith("packs/") or change.key == "format":
            return self._catalogue.note(change)
        return self._catalogue.commit(change)

    def _whole(self, pointer: LfsPointer, take: Callable[[bytes], object]) -> None:
        """Hand over all of an object. Raises RemoteUnavailable at its end if it was not what its name says."""
        hasher = hashlib.sha256()
        all_of_it = range(pointer.size_bytes) if self._knows_ranges is None else None
        with self._server.fetch(pointer, all_of_it) as reply:
            if all_of_it is not None:
                self._knows_ranges = _is_range(reply, all_of_it)
            for block in reply.blocks(pointer.size_bytes):
                hasher.update(block)
                take(block)
        if hasher.hexdigest() != pointer.sha256:
            raise RemoteUnavailable(
                f"{self.url} sent wrong bytes", why="they are not those that their name says"
            )

    def _part(self, pointer: LfsPointer, start: int, length: int) -> bytes:
        with self._server.fetch(pointer, range(start, start + length)) as reply:
            if reply.status == 206:
                if not _is_range(reply, range(start, start + length)):
                    raise RemoteUnavailable(f"{self.url} sent another range than was asked for")
                self._knows_ranges = True
                return reply.read(length, expected=length)
            self._knows_ranges = False
            wanted = slice(start, start + length)
            return self._spool.keep(pointer, reply.blocks(pointer.size_bytes), wanted, self.url)


def _is_range(reply: Reply, wanted: range) -> bool:
    """True if an answer is the range that was asked for, and says so."""
    told = f"bytes {wanted.start}-{wanted.stop - 1}/"
    return reply.status == 206 and reply.headers.get("content-range", "").startswith(told)


def _size_of(entry: Entry) -> int:
    return len(entry) if isinstance(entry, bytes) else entry.size_bytes


def _pointer_of(source: bytes | Path) -> LfsPointer:
    if isinstance(source, bytes):
        return LfsPointer(hashlib.sha256(source).hexdigest(), len(source))
    hasher = hashlib.sha256()
    size_bytes = 0
    block = memoryview(bytearray(_BLOCK_BYTES))
    try:
        with source.open("rb", buffering=0) as file:
            while length := file.readinto(block):
                hasher.update(block[:length])
                size_bytes += length
    except OSError as exc:
        raise InputError(f"cannot read {source}", why=exc.strerror or str(exc)) from exc
    return LfsPointer(hasher.hexdigest(), size_bytes)


def _is_ref(name: str) -> bool:
    parts = name.split("/")
    return (
        len(parts) >= 3
        and parts[0] == "refs"
        and all(
            part and part[0] not in ".-" and not part.endswith((".", ".lock")) for part in parts
        )
        and name.isascii()
        and name.isprintable()
        and not any(char in name for char in " ~^:?*[\\@{")
        and ".." not in name
    )
