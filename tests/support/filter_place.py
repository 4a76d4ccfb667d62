"""A place for a filter to work in: a real store and git dir without git, and a remote that can fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from support.filter_client import Serving

from git_mlvc.errors import MlvcError, RemoteRefused
from git_mlvc.filter.serve import serve
from git_mlvc.formats.pointer import Pointer
from git_mlvc.git.repository import Repository
from git_mlvc.progress import Progress
from git_mlvc.settings import Settings
from git_mlvc.store.store import Store
from git_mlvc.worktree.pending import Pending


@dataclass
class Place:
    """What `serve` is given as a workspace, and the knobs a test turns."""

    root: Path
    settings: Settings = field(default_factory=Settings)
    environment: Mapping[str, str] = field(default_factory=dict)
    hooks: bool = True
    said: list[str] = field(default_factory=list)
    fetches: list[list[Pointer]] = field(default_factory=list)
    fetch_error: MlvcError | None = None

    def __post_init__(self) -> None:
        git_dir = self.root / ".git"
        git_dir.mkdir(parents=True, exist_ok=True)
        self.repository = Repository(git_dir, git_dir, self.root, git_dir / "index")
        self.store = Store.open(git_dir / "mlvc")
        self.remote = Store.open(self.root / "remote")

    def fetcher(
        self, progress: Progress
    ) -> Callable[[Sequence[Pointer]], dict[Pointer, MlvcError]]:
        return self._fetch

    def _fetch(self, pointers: Sequence[Pointer]) -> dict[Pointer, MlvcError]:
        self.fetches.append(list(pointers))
        if self.fetch_error is not None:
            raise self.fetch_error
        failed: dict[Pointer, MlvcError] = {}
        with self.store.session() as session:
            for pointer in pointers:
                pieces: list[bytes | memoryview] = []
                try:
                    self.remote.restore(pointer, pieces.append)
                except MlvcError:
                    failed[pointer] = RemoteRefused("nobody has it", hint="ask around")
                else:
                    session.ingest_bytes(b"".join(pieces))
        return failed

    def serving(self, **options: object) -> Serving:
        """A filter at work here; use it as a context manager that gives the client."""
        return Serving(
            lambda stdin, stdout: serve(
                stdin,
                stdout,
                self,  # type: ignore[arg-type]
                self.said.append,
                **{"hooks_verified": lambda: self.hooks, **options},  # type: ignore[arg-type]
            )
        )

    def keep(self, data: bytes, *, at_remote: bool = False) -> Pointer:
        """Put a content into the store (or the remote) and return its pointer."""
        with (self.remote if at_remote else self.store).session() as session:
            pointer = session.ingest_bytes(data)
        assert pointer is not None
        return pointer

    def pending(self, name: str = "pending") -> dict[bytes, Pointer]:
        listed = Pending(self.repository.state_dir, name).read()
        return {path.raw: pointer for path, pointer in listed.items()}

    @property
    def messages(self) -> str:
        return "\n".join(self.said)
