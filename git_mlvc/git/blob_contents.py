"""What blobs stand for: the content that a pointer names, or their own. Nothing is fetched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from git_mlvc.git import objects
from git_mlvc.oid import Oid

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

_READ_BYTES = 1 << 20


def read(repo: Repository, shas: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Yield (sha, content) of each blob that is here; for blobs that fit into memory."""
    for sha, pieces in _streamed(repo, list(dict.fromkeys(shas))):
        yield sha, b"".join(pieces)


def states(repo: Repository, shas: Iterable[str]) -> dict[str, tuple[Oid, int]]:
    """Return (id, size in bytes) of what each blob stands for; those that are not here are left out."""
    wanted = list(dict.fromkeys(shas))
    found = {
        sha: (pointer.oid, pointer.size_bytes)
        for sha, pointer in objects.pointers(repo, wanted).items()
    }
    from blake3 import blake3

    for sha, pieces in _streamed(repo, [sha for sha in wanted if sha not in found]):
        hasher, size_bytes = blake3(), 0
        for piece in pieces:
            hasher.update(piece)
            size_bytes += len(piece)
        found[sha] = (Oid(hasher.digest()), size_bytes)
    return found


def _streamed(repo: Repository, shas: list[str]) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Yield each blob in pieces, which have to be taken before the next is asked for."""
    if repo.is_partial():  # an older git would fetch what it is asked for and does not have
        here = {sha for sha, _ in objects.blob_sizes(repo, shas)}
        shas = [sha for sha in shas if sha in here]
    if not shas:
        return
    fed = (sha.encode("ascii") + b"\n" for sha in shas)
    words = ("cat-file", "--batch", "--buffer")
    with repo.git.streaming(*words, input=fed, env_extra=objects.NO_LAZY_FETCH) as out:
        for sha in shas:
            head = out.readline().split()
            if len(head) != 3:
                continue  # missing
            left = int(head[2])

            def pieces(left: int = left) -> Iterator[bytes]:
                while left:
                    piece = out.read(min(left, _READ_BYTES))
                    if not piece:
                        return
                    left -= len(piece)
                    yield piece

            yield sha, pieces()
            out.read(1)
