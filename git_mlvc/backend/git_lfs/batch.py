"""A git-lfs server, by its batch API: which objects it has, sending one, fetching one.

Where bodies go and come from the server says, for each object and for a while: a storage service, often another host,
which gets the headers that go with the address and no login of ours. The specification is git-lfs's (docs/api/batch.md).
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from git_mlvc.backend.base import Denied, NotFound, Throttled
from git_mlvc.backend.git_lfs.actions import Action, action_of, not_lfs
from git_mlvc.backend.opening import GitRemote, Opening
from git_mlvc.backend.web import meaning, urls
from git_mlvc.backend.web.reply import Reply
from git_mlvc.backend.web.session import Session
from git_mlvc.errors import ConfigError, MlvcError, RemoteRefused, RemoteUnavailable
from git_mlvc.formats.lfs_pointer import LfsPointer

OBJECTS_A_CALL = 100  # more is refused by GitHub and GitLab
MAX_ANSWER_BYTES = 8 << 20
_BESIDE = "/info/lfs"
_MEDIA_TYPE = "application/vnd.git-lfs+json"
_ABSENT = {404, 410}
_REFUSED_WHEN_OLD = {400, 401, 403, 404, 410}
_MOVED = {301, 302, 307, 308}
# giftless answers so when it has none of the objects; a server that does not know the repository says otherwise.
_NO_OBJECTS = re.compile(
    r"\b(?:find|found|exist|missing)\b.*\bobjects?\b|\bobjects?\b.*\b(?:found|exist|missing)\b",
    re.I,
)
_OTHER_THING = re.compile(r"repositor|project|page", re.I)
_LIMITED = re.compile(r"rate limit|too many requests", re.I)


@dataclass(slots=True)
class _Endpoint:
    url: str
    headers: Mapping[str, str] = field(repr=False)
    session: Session


class LfsServer:
    """The git-lfs server of one git remote; contacts nothing before it is asked. For all threads."""

    def __init__(self, opening: Opening, remote: GitRemote, shown: str) -> None:
        self._opening = opening
        self._remote = remote
        self._shown = shown
        self._endpoints: dict[str, _Endpoint] = {}
        self._sessions: dict[str, Session] = {}
        self._downloads: dict[str, Action] = {}
        self._lock = threading.Lock()

    def present(self, pointers: Collection[LfsPointer]) -> set[LfsPointer]:
        """Return which of the objects it has, with these sizes. Raises when it does not say of one."""
        found: set[LfsPointer] = set()
        rest = iter(dict.fromkeys(pointers))
        while some := list(islice(rest, OBJECTS_A_CALL)):
            answers = self._batch("download", some, f"see what {self._shown} has")
            found.update(p for p in some if self._has(p, answers.get(p.sha256)))
        return found

    def upload(self, pointer: LfsPointer, source: bytes | Path) -> None:
        """Make it have an object; nothing is sent if it does already.

        Raises RemoteUnavailable, RemoteRefused, Denied, InputError for `source`.
        """
        doing = f"send data to {self._shown}"
        answer = self._batch("upload", [pointer], doing).get(pointer.sha256)
        if answer is None:
            raise RemoteUnavailable(f"cannot {doing}", why="its answer leaves the object out")
        self._raise_error(answer, "upload", doing)
        actions = answer.get("actions")
        if not actions:
            return  # it is there
        upload = action_of(actions.get("upload"), doing)
        with self._send(
            "upload", "PUT", upload, doing, {"Content-Type": "application/octet-stream"}, source
        ) as reply:
            if not 200 <= reply.status < 300:
                raise _refusal(reply)
        if actions.get("verify"):
            self._verify(pointer, action_of(actions["verify"], doing), doing)

    def fetch(self, pointer: LfsPointer, wanted: range | None = None) -> Reply:
        """Return an answer with all of an object (200), or a range of it if the server can (206). Close it.

        Raises NotFound, RemoteUnavailable, RemoteRefused.
        """
        doing = f"fetch data from {self._shown}"
        own = {"Range": f"bytes={wanted.start}-{wanted.stop - 1}"} if wanted else {}
        known = self._downloads.get(pointer.sha256)
        if known is not None and known.is_fresh:
            reply = self._send("download", "GET", known, doing, own)
            if reply.status not in _REFUSED_WHEN_OLD:
                return _expected(reply)
            reply.close()  # what it handed out has grown old
        if pointer not in self.present([pointer]):
            raise NotFound(
                f"{self._shown} does not have the object {pointer.sha256[:16]}",
                why="its git-lfs server has lost what the catalogue names",
                hint="git mlvc push   from a clone that has the data sends it again",
            )
        reply = self._send("download", "GET", self._downloads[pointer.sha256], doing, own)
        return _expected(reply)

    def close(self) -> None:
        with self._lock:
            self._endpoints.clear()
            while self._sessions:
                self._sessions.popitem()[1].close()

    # -- the batch API

    def _batch(
        self, operation: str, pointers: Sequence[LfsPointer], doing: str
    ) -> dict[str, dict[str, Any]]:
        """Ask about up to OBJECTS_A_CALL objects; return what is said of each, by its sha256."""
        body = {
            "operation": operation,
            "transfers": ["basic"],
            "objects": [{"oid": p.sha256, "size": p.size_bytes} for p in pointers],
            "hash_algo": "sha256",
        }
        with self._post_batch(operation, json.dumps(body).encode("ascii"), doing) as reply:
            if reply.status == 404 and operation == "download":
                said = _said(reply)
                if _NO_OBJECTS.search(said) and not _OTHER_THING.search(said):
                    return {p.sha256: {"error": {"code": 404}} for p in pointers}
                raise self._no_server(reply, said)
            if reply.status == 404:
                raise self._no_server(reply, _said(reply))
            if reply.status != 200:
                raise _refusal(reply)
            answer = _decoded(reply, doing)
        if answer.get("transfer", "basic") != "basic":
            raise RemoteRefused(f"cannot {doing}", why="its server wants another kind of transfer")
        objects = answer.get("objects")
        if not isinstance(objects, list) or not all(isinstance(one, dict) for one in objects):
            raise not_lfs(doing)
        return {str(one.get("oid")): one for one in objects}

    def _post_batch(self, operation: str, body: bytes, doing: str) -> Reply:
        headers = {"Accept": _MEDIA_TYPE, "Content-Type": _MEDIA_TYPE}
        endpoint = self._endpoint(operation)
        reply = self._post(endpoint, headers, body, doing)
        if reply.status in (401, 403) and endpoint.headers:
            reply.close()  # what ssh handed out has grown old
            with self._lock:
                if self._endpoints.get(operation) is endpoint:
                    del self._endpoints[operation]
            reply = self._post(self._endpoint(operation), headers, body, doing)
        return reply

    def _post(
        self,
        endpoint: _Endpoint,
        headers: Mapping[str, str],
        body: bytes,
        doing: str,
    ) -> Reply:
        url = f"{endpoint.url}/objects/batch"
        whole = {**headers, **endpoint.headers}
        reply = endpoint.session.send("POST", url, doing=doing, headers=whole, source=body)
        there = urljoin(url, reply.headers.get("location", ""))
        if reply.status in _MOVED and there != url and _is_same_server(url, there):
            reply.close()
            endpoint.url = there.removesuffix("/objects/batch")
            reply = endpoint.session.send("POST", there, doing=doing, headers=whole, source=body)
        return reply

    def _endpoint(self, operation: str) -> _Endpoint:
        with self._lock:
            found = self._endpoints.get(operation)
            if found is None:
                url, headers = self._remote.lfs_server(operation)
                home = url.rstrip("/").removesuffix(_BESIDE)  # whose login git itself asks for
                session = self._sessions.get(home) or Session(self._opening, home=home)
                self._sessions[home] = session
                found = self._endpoints[operation] = _Endpoint(url.rstrip("/"), headers, session)
            return found

    def _has(self, pointer: LfsPointer, answer: dict[str, Any] | None) -> bool:
        """True if the server says that it has the object; where to get it is remembered then."""
        doing = f"see what {self._shown} has"
        if answer is None:
            raise RemoteUnavailable(f"cannot {doing}", why="its answer leaves an object out")
        error = answer.get("error")
        if isinstance(error, dict) and error.get("code") in _ABSENT:
            return False
        self._raise_error(answer, "download", doing)
        if answer.get("size", pointer.size_bytes) != pointer.size_bytes:
            return False
        actions = answer.get("actions")
        download = actions.get("download") if isinstance(actions, dict) else None
        self._downloads[pointer.sha256] = action_of(download, doing)
        return True

    def _raise_error(self, answer: dict[str, Any], operation: str, doing: str) -> None:
        error = answer.get("error")
        if error is None:
            return
        code = error.get("code") if isinstance(error, dict) else None
        said = str(error.get("message", ""))[:300] if isinstance(error, dict) else ""
        url = self._endpoint(operation).url
        known = code if isinstance(code, int) and 400 <= code < 600 else 400
        raise _with_words(meaning.refusal(known, {}, doing=doing, url=url), said)

    def _verify(self, pointer: LfsPointer, action: Action, doing: str) -> None:
        body = json.dumps({"oid": pointer.sha256, "size": pointer.size_bytes}).encode("ascii")
        own = {"Accept": _MEDIA_TYPE, "Content-Type": _MEDIA_TYPE}
        with self._send("upload", "POST", action, doing, own, body) as reply:
            if not 200 <= reply.status < 300:
                raise _refusal(reply)

    def _send(
        self,
        operation: str,
        method: str,
        action: Action,
        doing: str,
        own: Mapping[str, str],
        source: bytes | Path | None = None,
    ) -> Reply:
        """Do what an action says; only on the git-lfs server itself may a login of ours go along."""
        endpoint = self._endpoint(operation)
        try:
            is_ours = _is_same_server(endpoint.url, action.href)
            here, there = urls.origin_of(endpoint.url), urls.origin_of(action.href)
        except ConfigError as exc:
            raise RemoteRefused(f"cannot {doing}", why="it is sent to no web server") from exc
        if here.scheme == "https" and there.scheme == "http":
            raise RemoteRefused(
                f"cannot {doing}", why=f"its server sends us to {there.url}, which is not encrypted"
            )
        given = {**own, **action.headers}
        if is_ours and "authorization" not in {name.lower() for name in given}:
            given |= endpoint.headers
        return endpoint.session.send(
            method, action.href, doing=doing, headers=given, source=source, is_ours=is_ours
        )

    def _no_server(self, reply: Reply, said: str) -> MlvcError:
        error = RemoteRefused(
            f"{self._shown} has no git-lfs server that knows us",
            why=f"{urls.shown(reply.url)} answers 404",
            hint="is git-lfs turned on for this repository? Is the address right, and may you see it?",
        )
        return _with_words(error, said)


def _expected(reply: Reply) -> Reply:
    if reply.status in (200, 206):
        return reply
    with reply:
        raise _refusal(reply)


def _is_same_server(url: str, href: str) -> bool:
    here, there = urls.origin_of(url), urls.origin_of(href)
    return here == there or urls.is_upgrade(here, there)


def _decoded(reply: Reply, doing: str) -> dict[str, Any]:
    try:
        answer = json.loads(reply.read(MAX_ANSWER_BYTES))
    except ValueError as exc:
        raise not_lfs(doing) from exc
    if not isinstance(answer, dict):
        raise not_lfs(doing)
    return answer


def _said(reply: Reply) -> str:
    """Return what a server writes beside its refusal, for people."""
    try:
        answer = json.loads(reply.read(1 << 16))
        return str(answer.get("message", ""))[:300] if isinstance(answer, dict) else ""
    except (ValueError, MlvcError):
        return ""


def _refusal(reply: Reply) -> MlvcError:
    said = _said(reply)
    error = reply.refusal()
    if isinstance(error, Denied) and (_LIMITED.search(said) or "retry-after" in reply.headers):
        after = reply.headers.get("retry-after", "")
        error = Throttled(
            error.what, retry_after_s=float(after) if after.isdigit() else 60.0, why=error.why
        )
    return _with_words(error, said)


def _with_words(error: MlvcError, said: str) -> MlvcError:
    """Add what the server itself says, if that is anything that can be shown."""
    words = " ".join("".join(char if char.isprintable() else " " for char in said).split())
    if words:
        error.why = f"{error.why}: {words}" if error.why else words
    return error
