"""How a pack comes to the disk while it is being written."""

from __future__ import annotations

from pathlib import Path

from support.content import noise

from git_mlvc.store.disk import Disk
from git_mlvc.store.store import Store

MIB = 1 << 20


class Advised(Disk):
    """Notes what the system was told ahead, by descriptor, until it is synced."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead: dict[int, int] = {}
        self.left: list[int] = []

    def start_writing(self, fd: int, offset: int, size_bytes: int) -> None:
        super().start_writing(fd, offset, size_bytes)
        assert offset == self.ahead.get(fd, 0)  # each byte once
        assert size_bytes % 4096 == 0
        self.ahead[fd] = offset + size_bytes

    def truncate(self, fd: int, size_bytes: int) -> None:
        super().truncate(fd, size_bytes)
        self.left.append(size_bytes - self.ahead.pop(fd, 0))


def test_little_is_left_for_the_last_sync(tmp_path: Path) -> None:
    disk = Advised()
    with Store.open(tmp_path / "mlvc", disk=disk).session() as session:
        session.ingest([noise(100 * MIB)])
        for number in range(40):
            session.ingest([noise(MIB, number)])
    assert len(disk.left) == 3
    assert all(size < 14 * MIB for size in disk.left)
    assert sum(disk.ahead.values()) == 0
