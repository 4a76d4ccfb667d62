"""A double of Google's XML interface, as far as the driver speaks it; every request needs its bearer token.

Written after Google's documentation: nobody has compared it with the service itself.
"""

from __future__ import annotations

import hashlib
import secrets
import sys
import threading
from collections.abc import Callable
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from support.servers.place import RemotePlace

PAGE = 100  # objects in one page of a listing; Google's has 1000


class GcsDouble:
    """`accepts`: tells whether a bearer token is good; by default its own one alone is."""

    def __init__(self) -> None:
        self.token = secrets.token_hex(16)
        self.accepts: Callable[[str], bool] = lambda token: token == self.token
        self.buckets: dict[str, dict[str, bytes]] = {}
        self.lock = threading.Lock()
        outer = self

        class Handler(_Handler):
            double = outer

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def place(self, prefix: str = "data/mlvc") -> RemotePlace:
        name = f"bucket-{secrets.token_hex(6)}"
        self.buckets[name] = {}
        return RemotePlace(
            f"gs://{name}/{prefix}",
            options={"endpoint": self.endpoint},
            environment={"GOOGLE_BEARER_TOKEN": self.token},
        )

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Clients leave in the middle: that is what tests of bad days are about."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    double: GcsDouble

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if len(body) != int(self.headers["Content-Length"]):
            self.close_connection = True  # what broke off is not kept
            return
        found = self._bucket()
        if found is None:
            return
        objects, key = found
        with self.double.lock:
            if self.headers["x-goog-if-generation-match"] == "0" and key in objects:
                self._refuse(412, "PreconditionFailed")
                return
            objects[key] = body
        self._answer(200, headers={"ETag": _etag(body)})

    def do_GET(self) -> None:
        found = self._bucket()
        if found is None:
            return
        objects, key = found
        if not key:
            self._list(objects)
            return
        body = objects.get(key)
        if body is None:
            self._refuse(404, "NoSuchKey")
            return
        headers = {"ETag": _etag(body), "Last-Modified": formatdate(usegmt=True)}
        wanted = self.headers["Range"]
        if wanted is None:
            self._answer(200, body, headers)
            return
        start, _, end = wanted.removeprefix("bytes=").partition("-")
        part = body[int(start) : int(end) + 1 if end else None]
        if not part:
            self._refuse(416, "InvalidRange")
            return
        last = int(start) + len(part) - 1
        headers["Content-Range"] = f"bytes {start}-{last}/{len(body)}"
        self._answer(206, part, headers)

    do_HEAD = do_GET

    def do_DELETE(self) -> None:
        found = self._bucket()
        if found is None:
            return
        objects, key = found
        with self.double.lock:
            if objects.pop(key, None) is None:
                self._refuse(404, "NoSuchKey")
                return
        self._answer(204)

    def _bucket(self) -> tuple[dict[str, bytes], str] | None:
        scheme, _, token = (self.headers["Authorization"] or "").partition(" ")
        if scheme != "Bearer" or not self.double.accepts(token):
            self._refuse(401, "AuthenticationRequired")
            return None
        name, _, key = unquote(urlsplit(self.path).path).lstrip("/").partition("/")
        objects = self.double.buckets.get(name)
        if objects is None:
            self._refuse(404, "NoSuchBucket")
            return None
        return objects, key

    def _list(self, objects: dict[str, bytes]) -> None:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        after = asked.get("continuation-token") or asked.get("start-after") or ""
        with self.double.lock:
            found = sorted(
                k for k in objects if k.startswith(asked.get("prefix", "")) and k > after
            )
            sizes = {key: len(objects[key]) for key in found[:PAGE]}
        more = len(found) > PAGE
        rows = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{size}</Size><ETag>&quot;x&quot;</ETag>"
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
            for key, size in sizes.items()
        )
        token = ""
        if more:
            token = f"<NextContinuationToken>{escape(found[PAGE - 1])}</NextContinuationToken>"
        text = f"<ListBucketResult><IsTruncated>{str(more).lower()}</IsTruncated>{rows}"
        text += token + "</ListBucketResult>"
        self._answer(200, text.encode(), {"Content-Type": "application/xml"})

    def _refuse(self, status: int, code: str) -> None:
        text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>No.</Message></Error>"
        self._answer(status, text.encode(), {"Content-Type": "application/xml"})

    def _answer(
        self, status: int, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
