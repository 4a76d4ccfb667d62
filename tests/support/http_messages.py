"""HTTP/1.1 messages as they go over a connection, no more than the fault proxy needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO


@dataclass
class Message:
    """A request or an answer: its first line, its headers (names as they came), its body."""

    first: str
    headers: list[tuple[str, str]]
    body: bytes = b""

    def get(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name), None)

    def set(self, name: str, value: str) -> None:
        self.headers = [(k, v) for k, v in self.headers if k.lower() != name.lower()]
        self.headers.append((name, value))

    def head(self) -> bytes:
        lines = [self.first, *(f"{name}: {value}" for name, value in self.headers), "", ""]
        return "\r\n".join(lines).encode("latin-1")

    @property
    def status(self) -> int:
        return int(self.first.split()[1])


def read_head(reader: BinaryIO) -> Message | None:
    """Return a message without its body; None if the other side has ended the connection."""
    first = reader.readline().decode("latin-1").rstrip("\r\n")
    if not first:
        return None
    headers = []
    while line := reader.readline().decode("latin-1").rstrip("\r\n"):
        name, _, value = line.partition(":")
        headers.append((name, value.strip()))
    return Message(first, headers)


def read_body(reader: BinaryIO, message: Message, *, ends_with_connection: bool) -> bytes:
    if "chunked" in (message.get("transfer-encoding") or "").lower():
        return b"".join(_chunks(reader))
    length = message.get("content-length")
    if length is not None:
        return reader.read(int(length))
    return reader.read() if ends_with_connection else b""


def _chunks(reader: BinaryIO) -> Iterator[bytes]:
    while size := int(reader.readline().partition(b";")[0], 16):
        yield reader.read(size)
        reader.readline()
    while reader.readline().strip():
        pass
