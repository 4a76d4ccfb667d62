"""Smudge: what is answered inline, what waits, what stays a stub, and what is said about it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support.content import EDGE_SIZES, noise, pointer_to
from support.filter_client import Answer
from support.filter_place import Place

from git_mlvc.errors import ConfigError, RemoteUnavailable
from git_mlvc.filter import delay, smudge
from git_mlvc.formats import pointer as pointer_format
from git_mlvc.settings import Settings

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"4d" * 32 + b"\nsize 12345\n"


def smudged(place: Place, data: bytes, path: bytes = b"data.bin", **options: object) -> Answer:
    with place.serving() as client:
        return client.shake_hands().smudge(path, data, **options)


class TestInline:
    @pytest.mark.parametrize("size", [*EDGE_SIZES[1:], 1 << 20, 9_000_001])
    @pytest.mark.parametrize("can_delay", [False, True])
    def test_content_that_is_here_is_answered(
        self, place: Place, size: int, can_delay: bool
    ) -> None:
        data = noise(size)
        place.keep(data)
        answer = smudged(place, pointer_to(data), can_delay=can_delay)
        assert (answer.final, answer.content) == ("success", data)
        assert place.said == []

    def test_a_pointer_with_carriage_returns_is_one(self, place: Place) -> None:
        place.keep(b"content")
        pointer = pointer_to(b"content").replace(b"\n", b"\r\n")
        assert smudged(place, pointer).content == b"content"

    @pytest.mark.parametrize(
        "data",
        [b"", b"x", LFS, pointer_to(b"a") + b"x", noise(65516), noise(65517), noise(20_000_000)],
        ids=["empty", "a byte", "lfs", "damaged stub", "a packet", "two packets", "large"],
    )
    @pytest.mark.parametrize("can_delay", [False, True])
    def test_what_is_no_pointer_passes(self, place: Place, data: bytes, can_delay: bool) -> None:
        answer = smudged(place, data, can_delay=can_delay)
        assert (answer.final, answer.content) == ("success", data)

    def test_hints_are_hints(self, place: Place) -> None:
        place.keep(b"content")
        extra = [b"ref=refs/heads/none", b"treeish=" + b"0" * 40, b"blob=nonsense", b"new-key=1"]
        assert smudged(place, pointer_to(b"content"), extra=extra).content == b"content"

    def test_skipping_leaves_stubs_on_purpose(self, tmp_path: Path) -> None:
        place = Place(tmp_path, Settings(skip_smudge=True))
        place.keep(b"content")
        pointer = pointer_to(b"content")
        assert smudged(place, pointer, can_delay=True).content == pointer
        assert place.pending() == place.pending("absent") == {}
        assert place.said == []

    def test_skipping_can_be_asked_of_the_process(self, place: Place) -> None:
        place.keep(b"content")
        with place.serving(skip_smudge=True) as client:
            assert client.shake_hands().smudge(b"x", pointer_to(b"content")).content == pointer_to(
                b"content"
            )

    def test_above_what_is_buffered_it_is_streamed(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(smudge, "BUFFERED_BYTES", 100_000)
        data = noise(7_000_000)
        place.keep(data)
        assert smudged(place, pointer_to(data)).content == data


class TestStubsForTheHooks:
    @pytest.fixture
    def place(self, tmp_path: Path) -> Place:
        place = Place(tmp_path, Settings(inline_limit_bytes=1000))
        self.data = noise(1001)
        self.pointer = pointer_to(self.data)
        place.keep(self.data)
        return place

    def test_large_content_is_left_to_the_hooks_and_noted_down(self, place: Place) -> None:
        answer = smudged(place, self.pointer, b"a dir/data.bin", can_delay=True)
        assert answer.content == self.pointer
        assert place.pending() == {b"a dir/data.bin": pointer_format.decode(self.pointer)}
        assert place.said == []

    def test_it_is_noted_down_before_git_gets_the_answer(self, place: Place) -> None:
        with place.serving() as client:
            client.shake_hands().smudge(b"x", self.pointer, can_delay=True)
            assert b"x" in place.pending()

    def test_also_where_the_data_is_not_here(self, place: Place) -> None:
        pointer = pointer_to(noise(5000))
        assert smudged(place, pointer, can_delay=True).content == pointer
        assert place.pending() and not place.fetches

    def test_content_at_the_limit_is_inline(self, place: Place) -> None:
        data = noise(1000)
        place.keep(data)
        assert smudged(place, pointer_to(data), can_delay=True).content == data

    def test_where_git_offers_no_delay_it_is_inline(self, place: Place) -> None:
        assert smudged(place, self.pointer).content == self.data
        assert place.pending() == {}

    @pytest.mark.parametrize("state", ["rebase-merge", "rebase-apply", "sequencer"])
    def test_while_a_sequence_runs_it_is_inline(self, place: Place, state: str) -> None:
        (place.repository.git_dir / state).mkdir()
        assert smudged(place, self.pointer, can_delay=True).content == self.data
        assert place.pending() == {} and place.said == []

    def test_without_working_hooks_it_is_inline_and_said_once(self, place: Place) -> None:
        place.hooks = False
        with place.serving() as client:
            client.shake_hands()
            for path in (b"a", b"b"):
                answer = client.smudge(path, self.pointer, can_delay=True)
                assert answer.content == self.data
        assert len(place.said) == 1 and "git mlvc doctor" in place.said[0]
        assert place.pending() == {}

    def test_while_git_clone_guards_against_hooks_they_are_not_relied_on(
        self, place: Place
    ) -> None:
        place.environment = {"GIT_CLONE_PROTECTION_ACTIVE": "1"}
        asked = []
        with place.serving(ensure_hooks=lambda: asked.append(1)) as client:
            answer = client.shake_hands().smudge(b"x", self.pointer, can_delay=True)
        assert answer.content == self.data and asked == []

    def test_hooks_are_installed_at_the_start(self, place: Place) -> None:
        asked = []
        with place.serving(ensure_hooks=lambda: asked.append(1)) as client:
            client.shake_hands().clean(b"x", b"")
        assert asked == [1]

    def test_a_git_dir_that_cannot_be_written_means_inline(self, place: Place) -> None:
        (place.repository.git_dir / "mlvc" / "pending").mkdir()
        assert smudged(place, self.pointer, can_delay=True).content == self.data


class TestDelay:
    def test_all_that_is_not_here_is_fetched_as_one_batch(self, place: Place) -> None:
        contents = {b"dir/%d.bin" % n: noise(100 + n, n) for n in range(40)}
        for data in contents.values():
            place.keep(data, at_remote=True)
        place.keep(local := noise(50))
        with place.serving() as client:
            client.shake_hands()
            for path, data in contents.items():
                answer = client.smudge(path, pointer_to(data), can_delay=True)
                assert answer.status == "delayed"
            assert client.smudge(b"here", pointer_to(local), can_delay=True).content == local
            ready = client.available()
            assert sorted(ready) == sorted(contents)
            # Out of order, and with another blob than git named at first.
            for path in reversed(ready):
                answer = client.smudge(path, b"", extra=[b"blob=" + b"f" * 40])
                assert answer.content == contents[path]
            assert client.available() == []
        assert [len(batch) for batch in place.fetches] == [40]
        assert place.said == []

    def test_ready_paths_are_named_in_bounded_groups(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(delay, "GROUP_PATHS", 3)
        place.keep(b"same", at_remote=True)
        pointer = pointer_to(b"same")
        with place.serving() as client:
            client.shake_hands()
            for n in range(7):
                client.smudge(b"%d" % n, pointer, can_delay=True)
            groups = []
            while group := client.available():
                groups.append(len(group))
                for path in group:
                    assert client.smudge(path, b"").content == b"same"
        assert groups == [3, 3, 1]
        assert place.fetches == [[pointer_format.decode(pointer)]]

    def test_paths_may_be_delayed_after_the_first_list(self, place: Place) -> None:
        first, second = noise(10, 1), noise(10, 2)
        for data in (first, second):
            place.keep(data, at_remote=True)
        with place.serving() as client:
            client.shake_hands().smudge(b"1", pointer_to(first), can_delay=True)
            assert client.available() == [b"1"]
            client.smudge(b"2", pointer_to(second), can_delay=True)
            assert client.available() == [b"2"]
            assert client.smudge(b"2", b"").content == second
            assert client.smudge(b"1", b"").content == first
            assert client.available() == []

    def test_a_path_asked_for_before_it_was_announced_is_fetched_then(self, place: Place) -> None:
        place.keep(b"content", at_remote=True)
        with place.serving() as client:
            client.shake_hands().smudge(b"x", pointer_to(b"content"), can_delay=True)
            assert client.smudge(b"x", b"").content == b"content"
            assert client.available() == []

    def test_the_last_request_for_a_path_counts(self, place: Place) -> None:
        """`checkout --merge` and `--ours` may ask for another version of a delayed path."""
        place.keep(b"ours", at_remote=True)
        place.keep(b"theirs", at_remote=True)
        with place.serving() as client:
            client.shake_hands().smudge(b"x", pointer_to(b"ours"), can_delay=True)
            client.smudge(b"x", pointer_to(b"theirs"), can_delay=True)
            assert client.available() == [b"x"]
            assert client.smudge(b"x", b"").content == b"theirs"

    def test_what_is_no_pointer_is_never_delayed(self, place: Place) -> None:
        """Git 2.39 crashes on that in `checkout --merge`."""
        conflict = b"<<<<<<< ours\na\n=======\nb\n>>>>>>> theirs\n"
        assert smudged(place, conflict, can_delay=True).content == conflict

    def test_an_empty_file_with_a_delayed_name_from_long_ago_stays_empty(
        self, place: Place
    ) -> None:
        place.keep(b"content", at_remote=True)
        with place.serving() as client:
            client.shake_hands().smudge(b"x", pointer_to(b"content"), can_delay=True)
            client.available()
            client.smudge(b"x", b"")
            assert client.smudge(b"x", b"").content == b""

    def test_git_may_stop_asking(self, place: Place) -> None:
        with place.serving() as client:
            client.shake_hands().smudge(b"x", pointer_to(b"content"), can_delay=True)
        assert place.fetches == []


class TestDataThatIsNotToBeHad:
    def test_the_file_stays_a_stub_and_one_message_says_so(self, place: Place) -> None:
        pointers = {b"%d" % n: pointer_to(noise(10, n)) for n in range(5)}
        with place.serving() as client:
            client.shake_hands()
            for path, pointer in pointers.items():
                client.smudge(path, pointer, can_delay=True)
            for path in client.available():
                answer = client.smudge(path, b"")
                assert (answer.final, answer.content) == ("success", pointers[path])
        assert len(place.said) == 1
        assert "5 files stay stubs" in place.messages
        assert "nobody has it" in place.messages
        assert "git mlvc pull" in place.messages
        assert place.pending("absent").keys() == pointers.keys()
        assert place.pending() == {}

    def test_one_file_is_named(self, place: Place) -> None:
        pointer = pointer_to(b"gone")
        assert smudged(place, pointer, b"my data.bin").content == pointer
        assert "my data.bin stays a stub" in place.messages

    def test_some_can_be_had_and_some_not(self, place: Place) -> None:
        place.keep(b"there", at_remote=True)
        with place.serving() as client:
            client.shake_hands()
            client.smudge(b"a", pointer_to(b"there"), can_delay=True)
            client.smudge(b"b", pointer_to(b"gone"), can_delay=True)
            assert sorted(client.available()) == [b"a", b"b"]
            assert client.smudge(b"b", b"").content == pointer_to(b"gone")
            assert client.smudge(b"a", b"").content == b"there"
        assert len(place.fetches) == 1

    def test_without_delay_it_is_fetched_at_once(self, place: Place) -> None:
        place.keep(b"there", at_remote=True)
        assert smudged(place, pointer_to(b"there")).content == b"there"
        assert place.said == []

    def test_a_remote_that_does_not_answer_is_asked_once(self, place: Place) -> None:
        place.fetch_error = RemoteUnavailable("no answer from origin")
        with place.serving() as client:
            client.shake_hands()
            for n in range(4):
                pointer = pointer_to(noise(10, n))
                assert client.smudge(b"%d" % n, pointer).content == pointer
        assert len(place.fetches) == 1
        assert "4 files stay stubs" in place.messages and "no answer" in place.messages

    def test_what_the_user_does_not_want_fetched_stays_a_stub_silently(
        self, tmp_path: Path
    ) -> None:
        place = Place(tmp_path, Settings(fetch_include=("*.bin",), fetch_exclude=("big/**",)))
        for data in (b"1", b"2", b"3"):
            place.keep(data, at_remote=True)
        for path, data, expected in [
            (b"a.bin", b"1", b"1"),
            (b"big/a.bin", b"2", pointer_to(b"2")),
            (b"a.txt", b"3", pointer_to(b"3")),
        ]:
            assert smudged(place, pointer_to(data), path).content == expected
            delayed = smudged(place, pointer_to(data), path, can_delay=True)
            assert delayed.content == expected
        assert place.said == [] and place.pending("absent") == {}

    def test_settings_that_cannot_be_read_do_not_stop_a_checkout(self, place: Place) -> None:
        place.keep(b"content")

        class Unreadable(Place):
            @property
            def settings(self) -> Settings:
                raise ConfigError("mlvc.toml: line 3, column 5: what is this")

            @settings.setter
            def settings(self, value: Settings) -> None:
                pass

        broken = Unreadable(place.root)
        with broken.serving() as client:
            client.shake_hands()
            assert client.smudge(b"x", pointer_to(b"content")).content == b"content"
            assert client.clean(b"x", b"new content").status == "error"
        assert broken.messages.count("line 3, column 5") == 2


class TestDamage:
    """Wrong bytes never leave; which file is hurt is said."""

    @staticmethod
    def flip(place: Place, at: int = 5000) -> None:
        for path in (place.store.path / "packs").rglob("*"):
            if path.is_file():
                path.chmod(0o644)
                data = bytearray(path.read_bytes())
                data[at] ^= 1
                path.write_bytes(data)

    @pytest.mark.parametrize("size", [10_000, 900_000, 3_000_000])
    @pytest.mark.parametrize("can_delay", [False, True])
    def test_a_damaged_pack_leaves_a_stub(self, place: Place, size: int, can_delay: bool) -> None:
        data = noise(size)
        place.keep(data)
        self.flip(place)
        place.store = type(place.store).open(place.store.path)
        answer = smudged(place, pointer_to(data), b"hurt.bin", can_delay=can_delay)
        assert (answer.final, answer.content) == ("success", pointer_to(data))
        assert "hurt.bin" in place.messages and "git mlvc fsck" in place.messages
        assert b"hurt.bin" in place.pending("absent")

    def test_damage_found_while_streaming_makes_git_fail_on_the_file(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(smudge, "BUFFERED_BYTES", 100_000)
        data = noise(12_000_000)
        place.keep(data)
        self.flip(place, at=9_000_000)
        place.store = type(place.store).open(place.store.path)
        with place.serving() as client:
            client.shake_hands()
            answer = client.smudge(b"x", pointer_to(data))
            assert answer.final == "error" and data.startswith(answer.content)
            assert client.clean(b"y", b"").is_success
        assert "error: " in place.messages

    def test_damage_at_the_beginning_leaves_a_stub_also_when_streaming(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(smudge, "BUFFERED_BYTES", 100_000)
        data = noise(12_000_000)
        place.keep(data)
        self.flip(place, at=5_000)
        place.store = type(place.store).open(place.store.path)
        answer = smudged(place, pointer_to(data))
        assert (answer.final, answer.content) == ("success", pointer_to(data))

    def test_a_pointer_that_lies_about_the_size_leaves_a_stub(self, place: Place) -> None:
        pointer = place.keep(noise(100))
        lie = pointer_format.encode(replace(pointer, size_bytes=99))
        assert smudged(place, lie).content == lie
        assert place.messages

    def test_a_store_of_the_future_leaves_stubs_and_refuses_content(self, place: Place) -> None:
        place.keep(b"content")
        (place.store.path / "format").write_bytes(b"git-mlvc store 999\n")

        class Future(Place):
            @property
            def store(self):  # type: ignore[no-untyped-def]
                return type(place.store).open(place.store.path)

            @store.setter
            def store(self, value: object) -> None:
                pass

        future = Future.__new__(Future)
        future.__dict__.update(place.__dict__)
        with future.serving() as client:
            client.shake_hands()
            pointer = pointer_to(b"content")
            assert client.smudge(b"x", pointer).content == pointer
            assert client.clean(b"x", b"new").status == "error"
        assert "newer" in place.messages
