"""What a progress line is told during a transfer adds up, whatever had to come twice."""

from __future__ import annotations

from pathlib import Path

from support.faulty_backend import FaultyBackend
from support.remotes import Place, content, ingest, uses

from git_mlvc.backend.file import FileBackend
from git_mlvc.backend.meter import Traffic
from git_mlvc.backend.wrap.retry import Retry
from git_mlvc.transfer.fetch import fetch
from git_mlvc.transfer.push import push
from git_mlvc.transfer.remote_view import RemoteView


class Told:
    def __init__(self) -> None:
        self.begun: list[tuple[str, int]] = []
        self.total = self.size_bytes = self.files = self.steps = 0

    def begin(self, label: str, *, total_bytes: int | None = None, total_files: int = 0) -> None:
        self.begun.append((label, total_bytes or 0))
        self.total = total_bytes or 0
        self.size_bytes = 0

    def advance(self, *, size_bytes: int = 0, files: int = 0) -> None:
        self.size_bytes += size_bytes
        self.files += files
        self.steps += 1

    def spare(self, size_bytes: int) -> None:
        self.total -= size_bytes

    def remark(self, text: str) -> None:
        pass

    def end(self) -> None:
        pass


def metered(place: Place, remote: Path, script: str = "") -> RemoteView:
    """Look at a directory as a workspace does, through a driver that fails as told."""
    traffic = Traffic()
    driver = FaultyBackend(
        FileBackend(remote, meter=traffic.meter),
        script,
        only={"put_if_absent", "get_file", "get_range"},
        below="packs/",
    )
    backend = Retry(driver, on_pause=traffic.pausing, sleep=lambda seconds: None)
    return RemoteView(backend, place.path / "cache", traffic=traffic)


def test_a_push_adds_up(tmp_path: Path) -> None:
    ann, told = Place(tmp_path / "ann"), Told()
    pointers = [*ingest(ann.store, content(1, 9_000_000)), *ingest(ann.store, content(2, 50_000))]
    view = metered(ann, tmp_path / "remote", "T.E")
    report = push(ann.store, view, uses(*pointers), progress=told)
    assert [label for label, _ in told.begun] == [f"asking {tmp_path / 'remote'}", "uploading"]
    assert told.size_bytes >= told.total > 9_000_000
    assert told.size_bytes <= report.sent_bytes + report.found_bytes
    assert told.steps > 20  # within packs


def test_a_fetch_adds_up(tmp_path: Path) -> None:
    ann, bob, told = Place(tmp_path / "ann"), Place(tmp_path / "bob"), Told()
    first = content(1, 9_000_000)
    pointers = ingest(ann.store, first, first + content(2, 300_000), content(3, 3_000_000))
    push(ann.store, ann.view(FileBackend(tmp_path / "remote")), uses(*pointers))
    ingest(bob.store, content(3, 3_000_000)[:2_000_000])  # some of it is here
    view = metered(bob, tmp_path / "remote", "E.TE")
    assert not fetch(bob.store, [view], pointers, progress=told).failed
    assert told.size_bytes == told.total
    assert told.total < sum(pointer.size_bytes for pointer in pointers) - 9_000_000
    assert told.files == 3
    assert told.steps > 20
