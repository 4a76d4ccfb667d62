"""What every driver promises, of WebDAV: where the server's own folder may be looked into."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.backend_contract import BackendContract

from git_mlvc.backend.base import Backend, Listed, ShowsFolders


class DavContract(BackendContract):
    """`folder`: where the server keeps the place."""

    @pytest.fixture
    def folder(self) -> Path:
        raise NotImplementedError

    def test_list_is_not_cut_off(self, backend: Backend, folder: Path) -> None:  # type: ignore[override]
        # Its upload is what takes long, and has been tried: here the server's disk is filled directly.
        backend.put("segments/first", b"1")
        names = {f"{n:04x}" for n in range(1100)}
        for name in names:
            (folder / "segments" / name).write_bytes(b"22")
        found = set(backend.list("segments/"))
        expected = {Listed(f"segments/{name}", 2) for name in names}
        assert found == {*expected, Listed("segments/first", 1)}

    def test_folders_are_told_alone(self, backend: Backend) -> None:
        assert isinstance(backend, ShowsFolders)
        assert backend.folders("packs/") == frozenset()
        for key in ("packs/ab/one", "packs/cd/two", "packs/three", "segments/x"):
            backend.put(key, b"1")
        assert backend.folders("packs/") == {"packs/ab/", "packs/cd/"}

    def test_nothing_is_left_but_what_was_put(self, backend: Backend, folder: Path) -> None:
        backend.put("packs/ab/one", b"1")
        backend.put_if_absent("packs/ab/one", b"2")
        backend.put("packs/ab/one", b"3")
        left = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
        assert left == {"packs/ab/one"}

    def test_what_others_put_there_is_left_out(self, backend: Backend, folder: Path) -> None:
        backend.put("packs/ab/one", b"1")
        for name in ("_half", ".hidden", "UPPER", "a b", "é", "%41", "x&y;<z>"):
            (folder / "packs" / "ab" / name).write_bytes(b"")
        assert list(backend.list("packs/")) == [Listed("packs/ab/one", 1)]


def folder_of(url: str, data: Path) -> Path:
    """Return the folder under `data` that stands for a place."""
    return data / urlsplit(url).path.rstrip("/").rpartition("/")[2]
