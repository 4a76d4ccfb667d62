"""What every driver promises; a driver's test class gives it a `backend` fixture."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from git_mlvc.backend.base import Backend, Capability, Listed, NotFound, Stat
from git_mlvc.transfer.probe import Probe, Verdict, probe

KEYS_THAT_CLIMB = [
    "",
    "/etc/passwd",
    "../outside",
    "packs/../../outside",
    "packs//x",
    "packs/.",
    "packs/.hidden",
    "packs/x/",
    "packs\\x",
    "packs/é",
    "packs/x\n",
    "PACKS/x",
    "c:x",
    "x" * 201,
]


class BackendContract:
    listed = 1100  # a page of S3 holds 1000

    @pytest.fixture
    def needs(self, backend: Backend) -> Callable[[Capability], None]:
        def check(capability: Capability) -> None:
            if capability not in backend.capabilities:
                pytest.skip(f"{backend.url} does not declare: {capability.value}")

        return check

    def test_what_was_put_can_be_got(self, backend: Backend) -> None:
        backend.put("format", b"bytes\0\xff")
        assert backend.get("format") == b"bytes\0\xff"

    def test_put_replaces(self, backend: Backend) -> None:
        backend.put("index", b"a long first version")
        backend.put("index", b"second")
        assert backend.get("index") == b"second"

    def test_put_takes_a_file_and_leaves_it_alone(self, backend: Backend, tmp_path: Path) -> None:
        data = secrets.token_bytes(3 << 20)
        source = tmp_path / "source file"
        source.write_bytes(data)
        backend.put("packs/ab/from-file", source)
        assert backend.get("packs/ab/from-file") == data
        assert source.read_bytes() == data
        assert source.stat().st_nlink == 1  # a remote is a second copy

    def test_an_empty_object_is_an_object(self, backend: Backend) -> None:
        backend.put("packs/ab/empty", b"")
        assert backend.get("packs/ab/empty") == b""
        assert backend.stat("packs/ab/empty") == Stat(0)

    def test_put_if_absent_creates(self, backend: Backend) -> None:
        assert backend.put_if_absent("segments/aa", b"one") is True
        assert backend.get("segments/aa") == b"one"

    def test_put_if_absent_leaves_what_is_there(self, backend: Backend, tmp_path: Path) -> None:
        backend.put("segments/aa", b"one")
        source = tmp_path / "source"
        source.write_bytes(b"two")
        assert backend.put_if_absent("segments/aa", b"two") is False
        assert backend.put_if_absent("segments/aa", source) is False
        assert backend.get("segments/aa") == b"one"

    def test_of_many_who_put_if_absent_at_once_one_wins(
        self, backend: Backend, needs: Callable[[Capability], None]
    ) -> None:
        needs(Capability.PUT_IF_ABSENT)
        barrier = threading.Barrier(8)
        won: list[bytes] = []

        def race(number: int) -> None:
            data = b"%d" % number * 1000
            barrier.wait()
            if backend.put_if_absent("segments/race", data):
                won.append(data)

        threads = [threading.Thread(target=race, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [backend.get("segments/race")] == won

    def test_get_of_an_unknown_key_raises_not_found(self, backend: Backend) -> None:
        with pytest.raises(NotFound):
            backend.get("packs/ab/nothing")
        with pytest.raises(NotFound):
            backend.get_range("packs/ab/nothing", 0, 10)

    @pytest.mark.parametrize(
        ("start", "length"), [(0, 1), (0, 10), (3, 4), (9, 1), (8, 10), (10, 5), (99, 5), (4, 0)]
    )
    def test_get_range_is_a_slice(self, backend: Backend, start: int, length: int) -> None:
        backend.put("packs/ab/ten", b"0123456789")
        assert backend.get_range("packs/ab/ten", start, length) == b"0123456789"[start:][:length]

    @pytest.mark.parametrize("size_bytes", [0, 1, 5000, (8 << 20) - 1, 8 << 20, (8 << 20) + 1])
    def test_get_file_writes_all_of_it_over_what_was_there(
        self, backend: Backend, tmp_path: Path, size_bytes: int
    ) -> None:
        data = secrets.token_bytes(size_bytes)
        backend.put("packs/ab/whole", data)
        target = tmp_path / "target"
        target.write_bytes(b"something longer" * 1000)
        with target.open("r+b") as file:
            backend.get_file("packs/ab/whole", file.fileno())
        assert target.read_bytes() == data
        assert target.stat().st_nlink == 1
        target.write_bytes(b"mine")
        assert backend.get("packs/ab/whole") == data  # a copy, however it was made

    def test_get_file_of_an_unknown_key_raises_not_found(
        self, backend: Backend, tmp_path: Path
    ) -> None:
        with (tmp_path / "target").open("w+b") as file, pytest.raises(NotFound):
            backend.get_file("packs/ab/nothing", file.fileno())

    def test_stat_knows_sizes_and_absence(self, backend: Backend) -> None:
        backend.put("packs/ab/five", b"12345")
        assert backend.stat("packs/ab/five") == Stat(5)
        assert backend.stat("packs/ab/six") is None
        assert backend.stat("packs/ab") is None

    def test_an_untouched_remote_is_empty(
        self, backend: Backend, needs: Callable[[Capability], None]
    ) -> None:
        needs(Capability.LIST)
        assert list(backend.list("")) == []
        assert list(backend.list("packs/")) == []
        assert backend.stat("format") is None

    def test_list_yields_what_is_below_a_folder(
        self, backend: Backend, needs: Callable[[Capability], None]
    ) -> None:
        needs(Capability.LIST)
        for key in ("format", "packs/ab/one", "packs/cd/two", "packs2/x", "segments/s"):
            backend.put(key, key.encode())
        assert sorted(backend.list("packs/")) == [
            Listed("packs/ab/one", 12),
            Listed("packs/cd/two", 12),
        ]
        assert {found.key for found in backend.list("packs/ab/")} == {"packs/ab/one"}
        assert len(list(backend.list(""))) == 5

    def test_list_is_not_cut_off(
        self, backend: Backend, needs: Callable[[Capability], None]
    ) -> None:
        needs(Capability.LIST)
        keys = {f"segments/{n:04x}" for n in range(self.listed)}
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda key: backend.put(key, b""), keys))
        assert {found.key for found in backend.list("segments/")} == keys

    def test_delete_removes_and_may_be_repeated(
        self, backend: Backend, needs: Callable[[Capability], None]
    ) -> None:
        needs(Capability.DELETE)
        backend.put("packs/ab/gone", b"x")
        backend.delete("packs/ab/gone")
        backend.delete("packs/ab/gone")
        assert backend.stat("packs/ab/gone") is None

    def test_remote_check_finds_that_all_works_and_leaves_next_to_nothing(
        self, backend: Backend
    ) -> None:
        found = Probe()
        probe(backend, found, lambda step: None)
        assert found.is_well and not found.left, found.steps
        offered = {step.name for step in found.steps if step.verdict is not Verdict.LACKING}
        for name, capability in (
            ("list", Capability.LIST),
            ("read a range", Capability.RANGES),
            ("delete", Capability.DELETE),
        ):
            assert (name in offered) is (capability in backend.capabilities)
        if {Capability.LIST, Capability.DELETE} <= backend.capabilities:
            assert list(backend.list("")) == []

    @pytest.mark.parametrize("key", KEYS_THAT_CLIMB)
    def test_keys_that_could_climb_are_refused(self, backend: Backend, key: str) -> None:
        for ask in (
            lambda: backend.put(key, b""),
            lambda: backend.put_if_absent(key, b""),
            lambda: backend.get(key),
            lambda: backend.get_range(key, 0, 1),
            lambda: backend.get_file(key, -1),
            lambda: backend.stat(key),
            lambda: backend.delete(key),
        ):
            with pytest.raises(ValueError, match="not a backend key"):
                ask()

    @pytest.mark.parametrize("prefix", ["/", "../", "packs", "a//", "./"])
    def test_prefixes_that_could_climb_are_refused(self, backend: Backend, prefix: str) -> None:
        with pytest.raises(ValueError, match="not a backend prefix"):
            list(backend.list(prefix))
