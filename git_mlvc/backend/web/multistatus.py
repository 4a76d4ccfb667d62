"""What a WebDAV server says of a folder: the XML of a PROPFIND answer, read as it comes.

It is somebody else's text: no document type, so no entities; bounded in size, depth and length of names.
Meaning: RFC 4918, sections 9.1 and 14.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit
from xml.parsers import expat

from git_mlvc.errors import FormatError

QUESTION = (
    b'<?xml version="1.0" encoding="utf-8"?>'
    b'<propfind xmlns="DAV:"><prop><resourcetype/><getcontentlength/></prop></propfind>'
)
MAX_BYTES = 512 << 20
_MAX_DEPTH = 32
_MAX_TEXT = 8 << 10
_KEPT = {"DAV: href", "DAV: status", "DAV: getcontentlength"}


@dataclass(slots=True)
class Entry:
    """One resource: the parts of its path, decoded; its size if it is told, and whether it is a folder."""

    path: tuple[str, ...] = ()
    size_bytes: int | None = None
    is_folder: bool = False
    is_there: bool = True


def entries(blocks: Iterable[bytes]) -> Iterator[Entry]:
    """Yield what an answer tells of, in its order. Raises FormatError."""
    reader = _Reader()
    total = 0
    for block in blocks:
        total += len(block)
        if total > MAX_BYTES:
            raise FormatError("a listing is too long", why=f"more than {MAX_BYTES >> 20} MiB came")
        reader.feed(block)
        yield from reader.taken()
    reader.feed(b"", is_last=True)
    yield from reader.taken()


def path_of(href: str) -> tuple[str, ...]:
    """Return the parts of the path of an absolute or relative address, decoded one by one."""
    try:
        path = urlsplit(href).path
    except ValueError:
        return ()
    return tuple(unquote(part) for part in path.split("/") if part)


class _Reader:
    """Takes XML in pieces of any size and collects `response` elements."""

    def __init__(self) -> None:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartDoctypeDeclHandler = self._refuse_doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.buffer_text = True
        self._parser = parser
        self._open: list[str] = []
        self._text: list[str] = []
        self._length = 0
        self._found: list[Entry] = []
        self._entry: Entry | None = None
        self._status = ""
        self._size: int | None = None
        self._is_folder = False
        self._is_multistatus = False

    def feed(self, data: bytes, *, is_last: bool = False) -> None:
        try:
            self._parser.Parse(data, is_last)
        except expat.ExpatError as exc:
            raise _broken(str(exc)) from exc
        if is_last and not self._is_multistatus:
            raise _broken("it is no multistatus")

    def taken(self) -> list[Entry]:
        found, self._found = self._found, []
        return found

    def _refuse_doctype(self, *args: object) -> None:
        raise _broken("it declares a document type")

    def _start(self, name: str, attributes: object) -> None:
        if not self._open:
            self._is_multistatus = name == "DAV: multistatus"
            if not self._is_multistatus:
                raise _broken(f"it is a {name[:80]!r}")
        self._open.append(name)
        if len(self._open) > _MAX_DEPTH:
            raise _broken("it is nested too deeply")
        self._text.clear()
        self._length = 0
        if name == "DAV: response":
            self._entry = Entry()
        elif name == "DAV: propstat":
            self._status, self._size, self._is_folder = "", None, False
        elif name == "DAV: collection":
            self._is_folder = True

    def _characters(self, text: str) -> None:
        if self._open[-1] not in _KEPT:
            return
        self._length += len(text)
        if self._length > _MAX_TEXT:
            raise _broken("it holds a name that is too long")
        self._text.append(text)

    def _end(self, name: str) -> None:
        self._open.pop()
        text = "".join(self._text).strip() if name in _KEPT else ""
        entry = self._entry
        if entry is None:
            return
        parent = self._open[-1] if self._open else ""
        if name == "DAV: href" and parent == "DAV: response":
            entry.path = path_of(text)
        elif name == "DAV: getcontentlength" and text.isascii() and text.isdigit():
            self._size = int(text)
        elif name == "DAV: status" and parent == "DAV: response":
            entry.is_there = _is_good(text)
        elif name == "DAV: status":
            self._status = text
        elif name == "DAV: propstat" and _is_good(self._status):
            entry.is_folder = entry.is_folder or self._is_folder
            entry.size_bytes = self._size if self._size is not None else entry.size_bytes
        elif name == "DAV: response":
            self._found.append(entry)
            self._entry = None


def _is_good(status: str) -> bool:
    """True for "HTTP/1.1 200 OK"."""
    parts = status.split()
    return len(parts) >= 2 and parts[1].startswith("2")


def _broken(why: str) -> FormatError:
    return FormatError("cannot read a listing", why=why)
