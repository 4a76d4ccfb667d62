"""Stores with contents, and remotes to send them to."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from blake3 import blake3

from git_mlvc.backend.base import Backend
from git_mlvc.backend.meter import Traffic
from git_mlvc.formats.pointer import Pointer
from git_mlvc.repo_path import RepoPath
from git_mlvc.store.store import Store
from git_mlvc.transfer.remote_view import RemoteView


@dataclass(frozen=True)
class Use:
    pointer: Pointer
    path: RepoPath


def content(seed: int, size_bytes: int) -> bytes:
    return random.Random(seed).randbytes(size_bytes)


def ingest(store: Store, *contents: bytes) -> list[Pointer]:
    """Take contents in, in one session."""
    pointers = []
    with store.session() as session:
        for data in contents:
            pointer = session.ingest_bytes(data)
            assert pointer is not None
            pointers.append(pointer)
    return pointers


def uses(*pointers: Pointer) -> list[Use]:
    return [Use(pointer, RepoPath(b"data/%d.bin" % n)) for n, pointer in enumerate(pointers)]


def restored(store: Store, pointer: Pointer) -> bytes:
    out = bytearray()
    store.restore(pointer, out.extend)
    assert blake3(out).digest() == pointer.oid.digest
    return bytes(out)


class Place:
    """A directory for one person: a store, and a cache for each remote they look at."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = Store.open(path / "store")

    def view(self, backend: Backend, name: str = "origin") -> RemoteView:
        """Look at a remote, without waiting for one that is slow to show what it took."""
        traffic = Traffic(sleep=lambda seconds: None)
        return RemoteView(backend, self.path / f"cache-{name}", name=name, traffic=traffic)
