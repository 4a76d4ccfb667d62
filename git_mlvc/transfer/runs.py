"""Runs of the run cache on their way: what one is made of, and those that remotes have.

A run is its record, which names what the outs are; only that is fetched here. The data of the outs comes when
somebody restores them. Law 3: a record is what its id says, and of the stage key that the remote's table says, or it
is left there and reported.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from git_mlvc.errors import CorruptChunk, FormatError, MlvcError, RemoteError, StoreError
from git_mlvc.formats import run_record, tree
from git_mlvc.formats.chunk_codec import ChunkCodec
from git_mlvc.formats.pack import Kind
from git_mlvc.formats.pointer import Pointer
from git_mlvc.formats.run import RunOut, RunRecord
from git_mlvc.formats.segment import Location
from git_mlvc.progress import Progress, Silent
from git_mlvc.repo_path import RepoPath
from git_mlvc.store.session import Session
from git_mlvc.store.store import Store
from git_mlvc.store.verified import verify_stored
from git_mlvc.transfer.bundles import Bundle, Cargo, Made, RunName
from git_mlvc.transfer.content import receive
from git_mlvc.transfer.remote_view import RemoteView
from git_mlvc.units import count_text

WINDOW_RUNS = 1 << 12  # read together, then committed
ReadTree = Callable[[Pointer], bytes]


@dataclass(frozen=True, slots=True)
class RunsReport:
    """What a fetch of runs did. `left`: records that were not taken, by id; `failed`: remotes that did not answer.

    `newer`: how many of those received only a newer git-mlvc reads.
    """

    received: int = 0
    left: dict[bytes, MlvcError] = field(default_factory=dict)
    failed: dict[str, RemoteError] = field(default_factory=dict)
    newer: int = 0

    def summary(self) -> str:
        """Return e.g. "12 runs received"."""
        line = f"{count_text(self.received, 'run')} received" if self.received else "no new runs"
        return line + (f"; {count_text(len(self.left), 'run')} left out" if self.left else "")


# -- what a run is made of


def cargo_of(data: bytes, read_tree: ReadTree) -> Cargo:
    """Return what travels with the record `data`. Raises FormatError if it is none.

    `read_tree` returns the bytes of a tree, and raises StoreError or FormatError where it cannot.
    """
    record = run_record.decode(data)
    is_known = True
    contents: list[Made] = []
    for out in record.outs:
        try:
            contents += _made(out, read_tree)
        except (StoreError, FormatError):
            is_known = False
    contents += _listings(record, read_tree)
    return Cargo(record.stage, tuple(contents), len(data), is_known)


def is_of_later_version(exc: MlvcError) -> bool:
    """True if that is why a record of a run was not read: such a one is kept as it is."""
    return isinstance(exc, FormatError) and bool(exc.hint)


def bundles_of(store: Store, runs: Iterable[tuple[bytes, bytes]]) -> list[Bundle]:
    """Return what travels with runs (stage key, id of the record) of a store, each read when it is asked for."""
    known: dict[Made, Made] = {}  # most runs of a stage share most files: one object for each

    def load(run: bytes) -> Cargo:
        try:
            cargo = cargo_of(store.read_run(run), partial(tree_in, store))
        except (StoreError, FormatError) as exc:
            # Damaged, which fsck says, or of a later version.
            return Cargo("", (), is_known=False, is_newer=is_of_later_version(exc))
        return cargo._replace(contents=tuple(known.setdefault(m, m) for m in cargo.contents))

    return [Bundle(partial(load, run), RunName(key, run)) for key, run in runs]


def tree_in(store: Store, pointer: Pointer) -> bytes:
    """Return the bytes of a tree that a store holds. Raises MissingChunk, CorruptChunk."""
    pieces: list[bytes | memoryview] = []
    store.restore(pointer, pieces.append)
    return b"".join(pieces)


def made_of(
    path: RepoPath, pointer: Pointer | None, *, is_tree: bool, read_tree: ReadTree
) -> Iterator[Made]:
    """Yield the contents of an out: the file's, or those of all files of a directory, and its tree.

    Raises what `read_tree` raises, FormatError for a tree that is none.
    """
    if pointer is None:
        return
    if is_tree:
        for row in tree.decode(read_tree(pointer)):
            if row.size_bytes:
                yield Made(Pointer(row.oid, row.size_bytes), path)
    yield Made(pointer, path, is_listing=is_tree)


def _made(out: RunOut, read_tree: ReadTree) -> Iterator[Made]:
    state = out.state
    for made in made_of(out.path, state.pointer, is_tree=state.is_tree, read_tree=read_tree):
        yield made if out.is_pushed else made._replace(stays=True)


def _listings(record: RunRecord, read_tree: ReadTree) -> Iterator[Made]:
    """Yield the trees of directories that the stage needed, as far as they are here: they tell what has changed."""
    for state in record.trees:
        pointer = state.pointer
        if pointer is None or not record.outs:
            continue
        try:
            read_tree(pointer)
        except StoreError:
            continue
        yield Made(pointer, record.outs[0].path, is_listing=True)


# -- runs of remotes


def fetch_runs(
    store: Store,
    views: Sequence[RemoteView],
    keys: Collection[bytes] | None = None,
    *,
    progress: Progress | None = None,
) -> RunsReport:
    """Bring the records of runs that are not here, of these stage keys or of all, from every remote.

    Raises StoreError when the store cannot take them.
    """
    progress = progress or Silent()
    arrivals = _Arrivals(store)
    failed: dict[str, RemoteError] = {}
    try:
        for view in views:
            progress.begin(f"asking {view.name} for runs")
            try:
                with view.traffic.shown_in(progress):
                    _ask(view, keys, arrivals)
            except RemoteError as exc:
                failed[view.name] = exc
            finally:
                progress.end()
    finally:
        arrivals.close()
    return RunsReport(arrivals.received, arrivals.left, failed, arrivals.newer)


def _ask(view: RemoteView, keys: Collection[bytes] | None, arrivals: _Arrivals) -> None:
    view.refresh(from_index=True)
    view.segments.list_now()  # a run that is not seen is made again: that costs more than a listing
    lacking = arrivals.lacking(view.runs(keys))
    ids = sorted(lacking)
    for start in range(0, len(ids), WINDOW_RUNS):
        arrivals.take_from(view, {run: lacking[run] for run in ids[start : start + WINDOW_RUNS]})


class _Arrivals:
    """What has come, and why the rest did not."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._session: Session | None = None
        self._codec = ChunkCodec()
        self._here: set[bytes] | None = None
        self.received = self.newer = 0
        self.left: dict[bytes, MlvcError] = {}

    def close(self) -> None:
        if self._session is not None:
            try:
                self._session.commit()
            finally:
                self._session.close()

    def lacking(self, runs: Iterable[tuple[bytes, bytes]]) -> dict[bytes, set[bytes]]:
        """Return the ids of the records that are not here, each with the keys that are said to be its."""
        if self._here is None:
            self._here = {run for _, run in self._store.all_runs()}
        found: dict[bytes, set[bytes]] = {}
        for key, run in runs:
            if run not in self._here:
                found.setdefault(run, set()).add(key)
        return found

    def take_from(self, view: RemoteView, wanted: dict[bytes, set[bytes]]) -> None:
        """Raises RemoteError where the remote falls silent, or cannot tell where a record is that it names."""

        def take(digest: bytes, at: Location, payload: bytes) -> None:
            self._take(digest, at, payload, wanted[digest])

        try:
            receipt = receive(view, wanted, take)
        finally:
            if self._session is not None:
                self._session.commit()
        for digest, failure in receipt.failed.items():
            if isinstance(failure, RemoteError):
                raise failure
            self.left.setdefault(digest, failure)

    def _take(self, digest: bytes, at: Location, payload: bytes, keys: Collection[bytes]) -> None:
        """Keep a record, if it is one and of one of `keys`. Raises CorruptChunk for bytes that are not its own."""
        raw = verify_stored(digest, at.kind, at.codec, at.raw_len, payload, self._codec)
        why, is_newer = _objection(at.kind, raw, keys)
        if why:
            self.left[digest] = CorruptChunk(
                f"what is named as run {digest.hex()[:16]} is none", why=why
            )
            return
        if self._session is None:
            self._session = self._store.session()
        self._session.add_stored(digest, at.kind, at.codec, at.raw_len, payload)
        self.received += 1
        self.newer += is_newer
        self.left.pop(digest, None)
        if self._here is not None:
            self._here.add(digest)


def _objection(kind: int, raw: bytes, keys: Collection[bytes]) -> tuple[str, bool]:
    """Return why a record is not a run of one of `keys`, or nothing; and whether it is of a later version."""
    if kind != Kind.RUN:
        return "its record is of another kind", False
    try:
        if run_record.key_of(raw) not in keys:
            return "its stage key is another one", False
        run_record.decode(raw)
    except FormatError as exc:
        is_newer = is_of_later_version(exc)
        return "" if is_newer else exc.why or exc.what, is_newer
    return "", False
