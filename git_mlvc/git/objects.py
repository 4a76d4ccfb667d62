"""Reading blobs and trees, never fetching: what a partial clone was promised and does not have is absent.

What is loose is read in this process (`loose.py`). For the rest `git cat-file` reads in bulk, in two
passes so that large blobs are never loaded: sizes first, then the few that can be pointers. In a
partial clone an older git would fetch each blob it is asked about, so there pygit2, which cannot, reads
the object directories.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from git_mlvc.errors import GitError
from git_mlvc.formats import pointer as pointer_format
from git_mlvc.formats.pointer import MAX_POINTER_BYTES, Pointer
from git_mlvc.git.loose import LooseObjects
from git_mlvc.git.repository import version
from git_mlvc.repo_path import RepoPath

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

NO_LAZY_FETCH = {"GIT_NO_LAZY_FETCH": "1"}  # since git 2.44
_MIN_POINTER_BYTES = 60


@dataclass(frozen=True, slots=True)
class DataFile:
    """A pointer in a tree."""

    path: RepoPath
    mode: int
    blob_sha: str
    pointer: Pointer


class Blob(NamedTuple):
    """A blob: its size, the pointer it is, if any, and its content if that is of a pointer's size."""

    sha: str
    size_bytes: int
    pointer: Pointer | None
    content: bytes | None


def pointers(
    repo: Repository, shas: Iterable[str], *, loose: LooseObjects | None = None
) -> dict[str, Pointer]:
    """Return the pointers among the blobs `shas` (each asked once); absent objects are left out.

    `loose` spares a new look at the directories, if many such questions follow one another.
    """
    found = blobs(repo, shas, loose=loose)
    return {blob.sha: blob.pointer for blob in found if blob.pointer is not None}


def blobs(
    repo: Repository, shas: Iterable[str], *, loose: LooseObjects | None = None
) -> Iterator[Blob]:
    """Yield what each of the blobs is, in any order, from one look at each; absent ones are left out."""
    rest: list[str] = []
    loose = loose or loose_objects(repo)
    for sha in shas:
        found = loose.read(sha) if loose is not None else None
        if found is None:
            rest.append(sha)
        elif found.kind == b"blob":
            yield _blob(sha, found.size_bytes, found.content)
    small: dict[str, int] = {}
    for sha, size_bytes in _sizes(repo, rest) if rest else ():
        if _may_be_pointer(size_bytes):
            small[sha] = size_bytes
        else:
            yield Blob(sha, size_bytes, None, None)
    for sha, data in _read(repo, list(small)):
        yield _blob(sha, len(data), data)


def contents(repo: Repository, shas: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Yield (sha, content) of blobs of any size that are here; each is in memory as a whole."""
    present = [sha for sha, _ in blob_sizes(repo, shas)]
    yield from _read(repo, present)


def blob_sizes(repo: Repository, shas: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Yield (sha, size in bytes) of those objects that are here and are blobs."""
    rest: list[str] = []
    loose = loose_objects(repo)
    for sha in shas:
        found = loose.read(sha) if loose is not None else None
        if found is None:
            rest.append(sha)
        elif found.kind == b"blob":
            yield sha, found.size_bytes
    if rest:
        yield from _sizes(repo, rest)


def existing(repo: Repository, names: Iterable[str]) -> list[str]:
    """Return those of `names` (shas, also shortened) that are objects here, as full shas."""
    names = list(names)
    if needs_libgit(repo):
        database = libgit_database(repo)
        return [name for name in names if len(name) >= 40 and _libgit_header(database, name)]
    fed = (name.encode("ascii") + b"\n" for name in names)
    answers = repo.git.records(
        "cat-file",
        "--batch-check=%(objectname) %(objecttype)",
        input=fed,
        separator=b"\n",
        env_extra=NO_LAZY_FETCH,
    )
    kinds = (b"blob", b"tree", b"commit", b"tag")
    parted = (answer.split(b" ") for answer in answers)
    return [part[0].decode("ascii") for part in parted if len(part) == 2 and part[1] in kinds]


def data_files(repo: Repository, rev: str) -> Iterator[DataFile]:
    """Yield every pointer in the tree of `rev`, in the order of the tree. Raises GitError."""
    entries = list(tree_entries(repo, rev))
    known = pointers(repo, dict.fromkeys(sha for _, _, sha in entries))
    for path, mode, sha in entries:
        if sha in known:
            yield DataFile(path, mode, sha, known[sha])


def tree_entries(repo: Repository, rev: str) -> Iterator[tuple[RepoPath, int, str]]:
    """Yield (path, mode, sha) of every regular file in the tree of `rev`. Raises GitError."""
    records = repo.git.records(
        "ls-tree", "-r", "-z", "--full-tree", "--end-of-options", rev, env_extra=NO_LAZY_FETCH
    )
    for record in records:
        head, _, raw_path = record.partition(b"\t")
        if head.startswith(b"100"):
            mode, _, sha = head.split(b" ")
            path = as_path(raw_path)
            if path is not None:
                yield path, int(mode, 8), sha.decode("ascii")


@dataclass(frozen=True, slots=True)
class TreeContents:
    """Which blobs the regular files of a tree are, in 8 bytes each, and all names with a newline."""

    prefixes: array[int]  # sorted: the first 64 bits of each sha
    odd_names: dict[str, bytes]

    def __contains__(self, sha: str) -> bool:
        prefix = int(sha[:16], 16)
        at = bisect_left(self.prefixes, prefix)
        return at < len(self.prefixes) and self.prefixes[at] == prefix


def tree_contents(repo: Repository, rev: str) -> TreeContents:
    """Look through the tree of `rev`. Raises GitError."""
    records = repo.git.records(
        "ls-tree", "-r", "-z", "--full-tree", "--end-of-options", rev, env_extra=NO_LAZY_FETCH
    )
    prefixes = array("Q")
    odd_names: dict[str, bytes] = {}
    for record in records:
        if record.startswith(b"100"):
            head, _, raw_path = record.partition(b"\t")
            sha = head[head.rindex(b" ") + 1 :]
            prefixes.append(int(sha[:16], 16))
            if b"\n" in raw_path:
                odd_names[sha.decode("ascii")] = raw_path
    return TreeContents(array("Q", sorted(prefixes)), odd_names)


def as_path(raw: bytes) -> RepoPath | None:
    """Return the path, or None for what must never be written to (law 12): git refuses these too."""
    try:
        return RepoPath(raw)
    except ValueError:
        return None


def _may_be_pointer(size_bytes: int) -> bool:
    return _MIN_POINTER_BYTES <= size_bytes <= MAX_POINTER_BYTES


def _blob(sha: str, size_bytes: int, content: bytes | None) -> Blob:
    if content is None or not _may_be_pointer(size_bytes):
        return Blob(sha, size_bytes, None, None)
    return Blob(sha, size_bytes, pointer_format.sniff(content), content)


def loose_objects(repo: Repository) -> LooseObjects | None:
    """Return a fresh look at the loose objects, None where each object must be asked of git."""
    return None if needs_libgit(repo) else LooseObjects.of(repo)


def _sizes(repo: Repository, shas: Iterable[str]) -> Iterator[tuple[str, int]]:
    if needs_libgit(repo):
        database = libgit_database(repo)
        for sha in shas:
            header = _libgit_header(database, sha)
            if header is not None and header[0] == _LIBGIT_BLOB:
                yield sha, header[1]
        return
    fed = (sha.encode("ascii") + b"\n" for sha in shas)
    answers = repo.git.records(
        "cat-file",
        "--batch-check=%(objectname) %(objecttype) %(objectsize)",
        "--buffer",
        input=fed,
        separator=b"\n",
        env_extra=NO_LAZY_FETCH,
    )
    for answer in answers:
        if b" blob " in answer:
            sha_raw, _, size = answer.split(b" ")
            yield sha_raw.decode("ascii"), int(size)


def _read(repo: Repository, shas: list[str]) -> Iterator[tuple[str, bytes]]:
    if not shas:
        return
    if needs_libgit(repo):
        database = libgit_database(repo)
        for sha in shas:
            yield sha, bytes(database.read(sha)[1])
        return
    fed = (sha.encode("ascii") + b"\n" for sha in shas)
    with repo.git.streaming(
        "cat-file", "--batch", "--buffer", input=fed, env_extra=NO_LAZY_FETCH
    ) as out:
        for sha in shas:
            head = out.readline().split(b" ")
            if len(head) != 3 or head[1] != b"blob":
                raise GitError(("git", "cat-file", "--batch"), 1, f"{sha} went away or is damaged")
            data = out.read(int(head[2]) + 1)
            yield sha, data[:-1]


# -- pygit2, for partial clones

_LIBGIT_BLOB = 3


def needs_libgit(repo: Repository) -> bool:
    """True where git itself would fetch what it is asked about."""
    known: bool | None = repo.__dict__.get("_needs_libgit")
    if known is None:
        known = repo.is_partial() and repo.object_format == "sha1" and version(repo.git) < (2, 44)
        repo.__dict__["_needs_libgit"] = known
    return known


def libgit_database(repo: Repository) -> Any:
    """Return pygit2's view of the objects; it fetches nothing."""
    database = repo.__dict__.get("_libgit_database")
    if database is None:
        import pygit2

        database = pygit2.Odb(str(repo.common_dir / "objects"))
        quarantine = repo.env.get("GIT_OBJECT_DIRECTORY")
        if quarantine:
            database.add_disk_alternate(quarantine)
        repo.__dict__["_libgit_database"] = database
    return database


def _libgit_header(database: Any, sha: str) -> tuple[int, int] | None:
    """(type, size) of an object, None if it is not here."""
    try:
        if hasattr(database, "read_header"):
            kind, size = database.read_header(sha)
        else:
            kind, data = database.read(sha)
            size = len(data)
    except KeyError:
        return None
    return int(kind), int(size)
