"""What a stage made, from what, when and where: the values, and the key that a run is found by.

The text that a key is the hash of is promised in docs/formats/run.md; bytes and back is `run_record.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from git_mlvc.formats.pointer import Pointer
from git_mlvc.oid import Oid
from git_mlvc.repo_path import RepoPath
from git_mlvc.values import value_class

KEY_VERSION = 1
KEY_SIZE = 32
DEP_KINDS = ("path", "glob", "url")


@value_class
class RunFile:
    """A file, or a directory: then the id is that of its tree, which has `tree_size_bytes` bytes.

    `files`: how many a directory has, together of `size_bytes`. `tree_size_bytes` 0: not stored anywhere.
    """

    oid: Oid
    size_bytes: int
    files: int | None = None
    is_executable: bool = False
    tree_size_bytes: int = 0

    @property
    def is_tree(self) -> bool:
        return self.files is not None

    @property
    def pointer(self) -> Pointer | None:
        """What store and remotes call the content: of the file, or of the tree; None if it is empty."""
        size_bytes = self.tree_size_bytes if self.is_tree else self.size_bytes
        return Pointer(self.oid, size_bytes) if size_bytes else None


@value_class
class RunUrl:
    """What a server said of a URL."""

    version: str
    size_bytes: int | None = None


@value_class
class RunDep:
    """What the stage needed: `kind` is one of DEP_KINDS."""

    kind: str
    text: str
    state: RunFile | RunUrl


@value_class
class RunOut:
    """What the stage made. `is_pushed`: whether its data may go to remotes."""

    path: RepoPath
    state: RunFile
    is_pushed: bool = True


@value_class
class RunInputs:
    """All that the result depends on. Sorted: env by name, deps by text, params by file and key, outs.

    `params` are (file, key, value as JSON).
    """

    commands: tuple[str, ...]
    wdir: RepoPath | None = None
    env: tuple[tuple[str, str], ...] = ()
    deps: tuple[RunDep, ...] = ()
    params: tuple[tuple[RepoPath, str, str], ...] = ()
    out_paths: tuple[RepoPath, ...] = ()


@value_class
class RunRecord:
    """One run. `inputs` None: they would have made the record too long; the key tells them all the same."""

    key: bytes
    stage: str
    made_at_ms: int
    duration_ms: int
    host: str
    inputs: RunInputs | None = None
    outs: tuple[RunOut, ...] = ()

    @property
    def trees(self) -> Iterator[RunFile]:
        """The directories among deps: their trees say what changed inside."""
        for dep in self.inputs.deps if self.inputs is not None else ():
            if isinstance(dep.state, RunFile) and dep.state.is_tree:
                yield dep.state


def canonical(inputs: RunInputs) -> bytes:
    """Return the text that the key is the hash of: JSON without spaces, keys sorted, ASCII."""
    return canonical_json(
        {
            "version": KEY_VERSION,
            "commands": list(inputs.commands),
            "wdir": _path(inputs.wdir),
            "env": [list(pair) for pair in inputs.env],
            "deps": [[dep.kind, dep.text, *_keyed(dep.state)] for dep in inputs.deps],
            "params": [[file.text, key, value] for file, key, value in inputs.params],
            "outs": [path.text for path in inputs.out_paths],
        }
    )


def key(inputs: RunInputs) -> bytes:
    """Return the BLAKE3 (32 bytes) of what the inputs say: equal inputs, equal key."""
    from blake3 import blake3

    return blake3(canonical(inputs)).digest()


def _keyed(state: RunFile | RunUrl) -> list[str]:
    if isinstance(state, RunUrl):
        return ["url", state.version]
    kind = "tree" if state.is_tree else "program" if state.is_executable else "file"
    return [kind, str(state.oid)]


def _path(path: RepoPath | None) -> str:
    return "" if path is None else path.text


def canonical_json(value: object) -> bytes:
    """Return JSON without spaces, keys sorted, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")
