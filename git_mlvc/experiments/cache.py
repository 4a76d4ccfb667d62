"""What commits have to show, kept by commit: a private file that spares reading them again.

It may vanish or be damaged at any time, and is ignored then. It is read and written whole; who saves last adds to
what others have learnt in between. Another version of git-mlvc may read a file otherwise, so it starts anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from git_mlvc import __version__
from git_mlvc.experiments.findings import Findings, Place
from git_mlvc.fs import atomic

if TYPE_CHECKING:
    from git_mlvc.fs.atomic import Permissions
    from git_mlvc.git.repository import Repository

_MAGIC = f"git-mlvc table 1 {__version__}\n".encode()
_CHECKSUM_BYTES = 32


def path_of(repo: Repository) -> Path:
    """Return where the cache of a repository is: one for all its worktrees."""
    return repo.common_dir / "mlvc" / "exp" / "table-cache"


class Cache:
    """What is known of the commits of one repository."""

    def __init__(self, path: Path, permissions: Permissions | None = None) -> None:
        self._path = path
        self._permissions = permissions or atomic.UMASK
        self._rows: dict[str, Any] = _read(path)
        self._new: dict[str, Any] = {}

    def get(self, commit: str) -> Findings | None:
        """Return what is known of a commit; None if nothing is."""
        row = self._rows.get(commit)
        if row is None:
            return None
        try:
            return _decoded(row)
        except (ValueError, TypeError, AttributeError, KeyError):
            return None

    def put(self, commit: str, findings: Findings) -> None:
        """Remember what a commit has to show, if that will stay so."""
        if findings.is_final:
            self._rows[commit] = self._new[commit] = _encoded(findings)

    def save(self, keep: Iterable[str]) -> None:
        """Write what is new, if anything is, and drop all commits but those to be kept.

        A directory that cannot be written to costs time, not words.
        """
        if not self._new:
            return
        rows = _read(self._path) | self._rows
        kept = {commit: rows[commit] for commit in dict.fromkeys(keep) if commit in rows}
        try:
            atomic.make_dirs(self._path.parent, self._permissions, durable=False)
            atomic.write_file(self._path, _file(kept), permissions=self._permissions, durable=False)
        except OSError:
            return
        self._new = {}


def _read(path: Path) -> dict[str, Any]:
    try:
        data = path.read_bytes()
    except OSError:
        return {}
    body = data[len(_MAGIC) + _CHECKSUM_BYTES :]
    if data != _MAGIC + _checksum(body) + body:
        return {}
    try:
        rows = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return rows if isinstance(rows, dict) else {}


def _file(rows: Mapping[str, Any]) -> bytes:
    body = json.dumps(rows, separators=(",", ":")).encode("ascii")
    return _MAGIC + _checksum(body) + body


def _checksum(body: bytes) -> bytes:
    from blake3 import blake3

    return blake3(body).digest(length=_CHECKSUM_BYTES)


def _encoded(findings: Findings) -> list[Any]:
    parts = [_by_file(one) for one in (findings.params, findings.metrics, findings.goals)]
    return [*parts, list(findings.problems)]


def _decoded(row: list[Any]) -> Findings:
    params, metrics, goals, problems = row
    return Findings(_by_place(params), _by_place(metrics), _by_place(goals), tuple(problems))


def _by_file(values: Mapping[Place, object]) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = {}
    for (file, key), value in values.items():
        found.setdefault(file, {})[key] = value
    return found


def _by_place(files: Mapping[str, Mapping[str, Any]]) -> dict[Place, Any]:
    return {(file, key): value for file, values in files.items() for key, value in values.items()}
