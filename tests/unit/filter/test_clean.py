"""Clean: what becomes a pointer and what stays as it is (law 4)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.content import EDGE_SIZES, noise, pointer_to
from support.extent import examples
from support.filter_place import Place
from support.repo import Machine

from git_mlvc import chunking
from git_mlvc.errors import StoreError
from git_mlvc.formats import pointer as pointer_format
from git_mlvc.formats.pointer import NEVER_DATA
from git_mlvc.settings import Settings, Threshold

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"4d" * 32 + b"\nsize 12345\n"


def cleaned(place: Place, data: bytes, path: bytes = b"data.bin") -> bytes:
    with place.serving() as client:
        answer = client.shake_hands().clean(path, data)
    assert answer.is_success, place.messages
    return answer.content


@pytest.mark.parametrize("size", [*EDGE_SIZES, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 9_000_001])
def test_a_content_of_any_size_becomes_its_pointer(place: Place, size: int) -> None:
    data = noise(size)
    assert cleaned(place, data) == pointer_to(data)


@settings(
    max_examples=examples(40),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.binary(max_size=400))
def test_law_4_cleaning_twice_is_cleaning_once(place: Place, data: bytes) -> None:
    with place.serving() as client:
        client.shake_hands()
        once = client.clean(b"x", data).content
        assert client.clean(b"x", once).content == once


@settings(
    max_examples=examples(40),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.binary(min_size=1, max_size=400))
def test_law_4_cleaning_what_was_smudged_gives_the_pointer_back(place: Place, data: bytes) -> None:
    with place.serving() as client:
        client.shake_hands()
        pointer = client.clean(b"x", data).content
        restored = client.smudge(b"x", pointer).content
        assert restored == data
        assert client.clean(b"x", restored).content == pointer


def test_law_4_empty_stays_empty(place: Place) -> None:
    assert cleaned(place, b"") == b""
    assert not (place.repository.git_dir / "mlvc").exists()


def test_law_4_a_pointer_is_its_own_pointer_and_needs_no_data(place: Place) -> None:
    pointer = pointer_to(b"never seen here")
    assert cleaned(place, pointer) == pointer
    assert cleaned(place, pointer.replace(b"\n", b"\r\n")) == pointer


@pytest.mark.parametrize("almost", [b" ", b"\n", b"x"], ids=["a space", "a newline", "a letter"])
def test_law_4_what_is_not_exactly_a_pointer_is_content(place: Place, almost: bytes) -> None:
    data = almost + pointer_to(b"x")
    assert cleaned(place, data) == pointer_to(data)


@pytest.mark.parametrize("size", [10, 70_000, 2_000_000])
def test_a_damaged_stub_goes_to_git_unchanged_with_one_warning(place: Place, size: int) -> None:
    appended = pointer_to(b"x") + noise(size)
    with place.serving() as client:
        client.shake_hands()
        assert client.clean(b"my data.bin", appended).content == appended
        assert client.clean(b"my data.bin", appended).content == appended
    assert place.messages.count("damaged stub") == 1
    assert "git mlvc fill --keep-appended my data.bin" in place.messages
    assert "\n" not in place.messages


def test_conflict_markers_around_pointers_go_to_git_unchanged(place: Place) -> None:
    merged = b"<<<<<<< ours\n" + pointer_to(b"a") + b"=======\n" + pointer_to(b"b") + b">>>>>>> t\n"
    assert cleaned(place, merged) == merged
    assert "damaged stub" in place.messages


def test_conflict_markers_around_anything_else_are_content(place: Place) -> None:
    text = b"<<<<<<< ours\nred\n=======\nblue\n>>>>>>> theirs\n"
    assert cleaned(place, text) == pointer_to(text)


@pytest.mark.parametrize("name", sorted(NEVER_DATA))
@pytest.mark.parametrize("folder", [b"", b"some/where/"])
def test_git_s_own_files_and_our_settings_never_become_pointers(
    place: Place, folder: bytes, name: bytes
) -> None:
    for data in (b"*.bin -text\n", noise(1_500_000)):
        assert cleaned(place, data, folder + name) == data


def test_a_git_lfs_pointer_stays_one(place: Place) -> None:
    assert cleaned(place, LFS) == LFS
    extended = LFS.replace(b"oid", b"ext-0-foo sha256:" + b"1f" * 32 + b"\noid", 1)
    assert cleaned(place, extended) == extended


def test_what_only_begins_like_a_git_lfs_pointer_is_content(place: Place) -> None:
    assert cleaned(place, LFS + b"more\n") == pointer_to(LFS + b"more\n")


class TestThresholds:
    @pytest.fixture
    def place(self, tmp_path: Path) -> Place:
        lines = (Threshold("*", 100), Threshold("*.txt", 3_000_000), Threshold("logs/**", 0))
        return Place(tmp_path, Settings(min_size_bytes=10, thresholds=lines))

    @pytest.mark.parametrize(
        ("path", "limit"), [(b"x.bin", 100), (b"a/x.txt", 3_000_000), (b"logs/a/x.txt", 1)]
    )
    def test_the_last_fitting_line_counts(self, place: Place, path: bytes, limit: int) -> None:
        below, exactly = noise(limit - 1), noise(limit)
        assert cleaned(place, below, path) == below
        assert cleaned(place, exactly, path) == pointer_to(exactly)

    def test_what_stays_in_git_is_not_put_into_the_store(self, place: Place) -> None:
        cleaned(place, noise(2_000_000), b"x.txt")
        assert not (place.repository.git_dir / "mlvc").exists()

    def test_without_a_line_min_size_counts(self, tmp_path: Path) -> None:
        place = Place(tmp_path / "other", Settings(min_size_bytes=1_200_000))
        below, exactly = noise(1_199_999), noise(1_200_000)
        assert cleaned(place, below) == below
        assert cleaned(place, exactly) == pointer_to(exactly)

    def test_a_size_above_what_memory_holds(self, tmp_path: Path) -> None:
        place = Place(tmp_path / "other", Settings(min_size_bytes=40_000_000))
        below, exactly = noise(39_999_999), noise(40_000_001)
        assert cleaned(place, below) == below
        assert cleaned(place, exactly) == pointer_to(exactly)


class TestStability:
    """Unedited content is answered in the form that git's index holds."""

    @pytest.fixture(params=["sha1", "sha256"])
    def place(self, bare_machine: Machine, request: pytest.FixtureRequest) -> Place:
        repo = bare_machine.init("repo", f"--object-format={request.param}")
        self.repo = repo
        return Place(repo.path)

    def index(self, path: str, blob: bytes) -> None:
        sha = self.repo.git("hash-object", "-w", "--stdin", input=blob).out.strip()
        self.repo.git("update-index", "--add", "--cacheinfo", f"100644,{sha},{path}")

    @pytest.mark.parametrize("size", [1, 5_000, 70_000, 2_000_000])
    def test_content_committed_raw_stays_raw_while_it_is_unedited(
        self, place: Place, size: int
    ) -> None:
        data = noise(size)
        self.index("data.bin", data)
        assert cleaned(place, data) == data
        edited = data[:-1] + bytes([data[-1] ^ 1])
        assert cleaned(place, edited) == pointer_to(edited)
        assert cleaned(place, data, b"another.bin") == pointer_to(data)

    @pytest.mark.parametrize("size", [1, 5_000, 70_000, 2_000_000])
    def test_a_pointer_stays_a_pointer_when_the_threshold_rises(
        self, place: Place, size: int
    ) -> None:
        data = noise(size)
        self.index("data.bin", pointer_to(data))
        place.settings = replace(place.settings, min_size_bytes=30_000_000)
        assert cleaned(place, data) == pointer_to(data)
        assert cleaned(place, data + b"x") == data + b"x"

    @pytest.mark.parametrize("size", [5_000, 300_000])
    def test_a_small_file_that_was_only_touched_opens_no_session(
        self, place: Place, size: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        data = noise(size)
        place.keep(data)
        self.index("data.bin", pointer_to(data))
        with monkeypatch.context() as patched:
            patched.setattr(place.store, "session", None)
            assert cleaned(place, data) == pointer_to(data)
        edited = data[:-1] + bytes([data[-1] ^ 1])
        assert cleaned(place, edited) == pointer_to(edited)
        assert place.store.is_complete(pointer_format.decode(pointer_to(edited)))

    def test_what_the_index_names_and_the_store_has_lost_is_taken_in(self, place: Place) -> None:
        """Law 1: whatever the index says, a pointer that leaves is backed by bytes."""
        for size in (5_000, 300_000, 6_000_000):
            data = noise(size, size)
            self.index("data.bin", pointer_to(data))
            assert cleaned(place, data) == pointer_to(data)
            assert place.store.is_complete(pointer_format.decode(pointer_to(data)))

    def test_a_temporary_index_is_no_proof(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nobody keeps for it what it names: gc looks at the repository's own index."""
        data = noise(5_000)
        place.keep(data)
        self.index("data.bin", pointer_to(data))
        other = place.repository.git_dir / "temporary"
        place.repository.index_path.rename(other)
        place.repository = replace(place.repository, index_path=other)

        def refused() -> None:
            raise StoreError("no session today")

        with monkeypatch.context() as patched:
            patched.setattr(place.store, "session", refused)
            with place.serving() as client:
                assert not client.shake_hands().clean(b"data.bin", data).is_success
        assert cleaned(place, data) == pointer_to(data)

    def test_a_large_file_that_was_only_touched_is_not_cut_again(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        data = noise(9_000_000)
        self.index("data.bin", cleaned(place, data))
        with monkeypatch.context() as patched:
            patched.setattr(chunking, "cut_points", None)
            assert cleaned(place, data) == pointer_to(data)
        edited = data[:-1] + bytes([data[-1] ^ 1])
        assert cleaned(place, edited) == pointer_to(edited)

    def test_an_index_that_cannot_be_read_is_git_s_affair(self, place: Place) -> None:
        (place.repository.index_path).write_bytes(b"garbage")
        assert cleaned(place, b"abc") == pointer_to(b"abc")
