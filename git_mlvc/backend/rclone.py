"""`rclone:NAME:path`: whatever rclone can reach, by a remote of the user's own rclone configuration.

rclone is asked by its remote control, without the layer that keeps listings for minutes. Where the service can rename,
an object is written under another name first: some of rclone's services show what is half written.
"""

from __future__ import annotations

import builtins
import contextlib
import re
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from git_mlvc.backend.base import (
    Capability,
    Listed,
    Stat,
    appending,
    check_key,
    check_prefix,
    is_key,
    not_found,
    unwritable,
)
from git_mlvc.backend.opening import METERED_BYTES, Opening
from git_mlvc.backend.rclone_service import Absent, RcloneService
from git_mlvc.errors import ConfigError, InputError, RemoteUnavailable

SMALL_BYTES = 1 << 20  # sent while we wait; what is larger is watched on its way
LISTING_PATIENCE = 20
_FIRST_POLL_S, _LONGEST_POLL_S = 0.02, 0.5
_NAME = re.compile(r"[\w.+@][\w .+@-]*\Z")


def open_url(url: str, opening: Opening) -> RcloneBackend:
    """Return the driver for `rclone:NAME:path`; rclone is started when it is used. Raises ConfigError."""
    place = url.partition(":")[2]
    name, colon, path = place.partition(":")
    if not colon or not _NAME.match(name) or "]" in path:
        raise ConfigError(
            "not the address of a place that rclone knows",
            why="it begins like an option" if name.startswith("-") else "",
            hint="rclone:NAME:path, and NAME is one of `rclone listremotes`",
        )
    return RcloneBackend(place, opening)


class RcloneBackend:
    """`place`: as rclone calls it, "NAME:path"."""

    capabilities = frozenset(
        {Capability.WRITE, Capability.LIST, Capability.DELETE, Capability.RANGES}
    )

    def __init__(self, place: str, opening: Opening) -> None:
        self.url = f"rclone:{place}"
        self._place = place
        self._opening = opening
        self._service = RcloneService(opening, self.url)
        self._can_move: bool | None = None

    # -- writing

    def put(self, key: str, source: bytes | Path) -> None:
        check_key(key)
        with self._as_file(source) as path:
            if not self._moves():
                self._copy(path, key)
                return
            folder, slash, name = key.rpartition("/")
            temporary = f"{folder}{slash}.{name[:80]}-{secrets.token_hex(6)}"
            try:
                self._copy(path, temporary)
                self._call("operations/movefile", f"write {key}", **self._two(temporary, key))
            except BaseException:
                with contextlib.suppress(Exception):
                    self._delete(temporary)
                raise

    def put_if_absent(self, key: str, source: bytes | Path) -> bool:
        """Not in one step: two who ask at once may both be told True."""
        if self.stat(key) is not None:
            return False
        self.put(key, source)
        return True

    def delete(self, key: str) -> None:
        self._delete(check_key(key))

    # -- reading

    def get(self, key: str) -> bytes:
        found = bytearray()
        self._read(check_key(key), found.extend)
        return bytes(found)

    def get_range(self, key: str, start: int, length: int) -> bytes:
        size_bytes = self._size(check_key(key))
        if size_bytes is None:
            raise not_found(self.url, key)
        end = min(start + length, size_bytes)
        if start >= end:
            return b""
        found = bytearray()
        self._read(key, found.extend, range(start, end))
        if len(found) != end - start:
            raise RemoteUnavailable(f"{self.url} sent another range of {key} than was asked for")
        return bytes(found)

    def get_file(self, key: str, target: int) -> None:
        check_key(key)
        self._read(key, appending(key, target))

    def stat(self, key: str) -> Stat | None:
        size_bytes = self._size(check_key(key))
        return None if size_bytes is None else Stat(size_bytes)

    def list(self, prefix: str) -> Iterator[Listed]:
        check_prefix(prefix)
        options = {"recurse": True, "filesOnly": True, "noModTime": True, "noMimeType": True}
        try:
            answer = self._service.call(
                "operations/list",
                f"list {self.url}",
                patience=LISTING_PATIENCE,
                fs=self._place,
                remote=prefix.rstrip("/"),
                opt=options,
            )
        except Absent:
            return
        entries: builtins.list[dict[str, Any]] = answer.get("list") or []
        for entry in entries:
            key, size_bytes = str(entry.get("Path", "")), entry.get("Size", -1)
            if is_key(key) and key.startswith(prefix) and size_bytes >= 0:
                yield Listed(key, size_bytes)

    def close(self) -> None:
        self._service.close()

    # -- inside

    def _moves(self) -> bool:
        if self._can_move is None:
            known = self._call("operations/fsinfo", f"ask what {self.url} can do", fs=self._place)
            self._can_move = bool((known.get("Features") or {}).get("Move"))
        return self._can_move

    def _copy(self, path: Path, key: str) -> None:
        """Send a file. Raises RemoteUnavailable when nothing moves for as long as the idle time-out."""
        doing = f"write {key} to {self.url}"
        size_bytes = self._size_of(path)
        for at in range(0, size_bytes, METERED_BYTES):  # rclone cannot be held back on the way
            self._opening.meter(min(METERED_BYTES, size_bytes - at))
        said: dict[str, object] = {
            "srcFs": str(path.parent),
            "srcRemote": path.name,
            "dstFs": self._place,
            "dstRemote": key,
            "_config": {"IgnoreTimes": True},  # it would leave what looks the same
        }
        if size_bytes <= SMALL_BYTES:
            self._call("operations/copyfile", doing, **said)
            return
        job = self._call("operations/copyfile", doing, _async=True, **said).get("jobid")
        self._watch(job, doing)

    def _watch(self, job: object, doing: str) -> None:
        pause, sent, since = _FIRST_POLL_S, -1, time.monotonic()
        while True:
            status = self._call("job/status", doing, jobid=job)
            if status.get("finished"):
                if not status.get("success"):
                    raise self._failed(str(status.get("error", "")), doing)
                return
            moved = self._call("core/stats", doing, group=f"job/{job}").get("bytes", 0)
            if moved != sent:
                sent, since = moved, time.monotonic()
            elif time.monotonic() - since > self._opening.idle_timeout_s:
                with contextlib.suppress(Exception):
                    self._call("job/stop", doing, jobid=job)
                raise RemoteUnavailable(f"cannot {doing}", why="nothing moves")
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_POLL_S)

    def _failed(self, said: str, doing: str) -> Exception:
        meant = self._service.meant(said, doing)
        return (
            RemoteUnavailable(f"cannot {doing}", why=said) if isinstance(meant, Absent) else meant
        )

    def _call(self, verb: str, doing: str, **said: Any) -> dict[str, Any]:
        """As the service's, where nothing can be absent but what somebody takes away under us."""
        try:
            return self._service.call(verb, doing, **said)
        except Absent:
            raise RemoteUnavailable(f"cannot {doing}", why="something is not there") from None

    def _delete(self, key: str) -> None:
        with contextlib.suppress(Absent):
            self._service.call(
                "operations/deletefile", f"delete {key} on {self.url}", fs=self._place, remote=key
            )

    def _read(self, key: str, take: Callable[[bytes], object], wanted: range | None = None) -> None:
        path = f"/{quote(f'[{self._place}]', safe='')}/{quote(key)}"
        try:
            self._service.read(path, f"read {key} on {self.url}", take, wanted)
        except Absent:
            raise not_found(self.url, key) from None

    def _size(self, key: str) -> int | None:
        try:
            answer = self._service.call(
                "operations/stat", f"look for {key} on {self.url}", fs=self._place, remote=key
            )
        except Absent:
            return None
        item = answer.get("item")
        if not isinstance(item, dict) or item.get("IsDir"):
            return None
        return int(item.get("Size", -1))

    def _two(self, source: str, target: str) -> dict[str, object]:
        return {
            "srcFs": self._place,
            "srcRemote": source,
            "dstFs": self._place,
            "dstRemote": target,
        }

    @contextlib.contextmanager
    def _as_file(self, source: bytes | Path) -> Iterator[Path]:
        if isinstance(source, Path):
            yield source.absolute()
            return
        scratch = self._opening.scratch
        if scratch is not None:
            scratch.mkdir(parents=True, exist_ok=True)
        try:
            with tempfile.NamedTemporaryFile(dir=scratch, prefix=".rclone-") as file:
                file.write(source)
                file.flush()
                yield Path(file.name).absolute()
        except OSError as exc:
            raise unwritable("what is to be sent", exc) from exc

    def _size_of(self, path: Path) -> int:
        try:
            return path.stat().st_size
        except OSError as exc:
            raise InputError(f"cannot read {path}", why=exc.strerror or str(exc)) from exc
