"""Trying what a remote can do: what is said of each way to fall short, and that nothing is left behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.faulty_backend import FaultyBackend

from git_mlvc.backend.base import Backend, Capability, Denied
from git_mlvc.backend.file import FileBackend
from git_mlvc.backend.memory import MemoryBackend
from git_mlvc.errors import RemoteRefused, RemoteUnavailable
from git_mlvc.formats import store_config
from git_mlvc.transfer.probe import KEPT_KEY, Probe, Step, Verdict, probe

ALL = frozenset(Capability)
FORMAT = store_config.encode(store_config.StoreConfig())
STEPS = ["contact", "write", "read", "read into a file", "read a range", "list", "write if absent", "delete"]  # fmt: skip


def tried(backend: Backend, directory: Path | None = None) -> Probe:
    found = Probe()
    told: list[Step] = []
    probe(backend, found, told.append, directory=directory)
    assert told == found.steps
    return found


def verdicts(found: Probe) -> dict[str, Verdict]:
    return {step.name: step.verdict for step in found.steps}


def says(found: Probe, name: str) -> str:
    return next(step.says for step in found.steps if step.name == name)


class Forbidding(FaultyBackend):
    """Refuses some verbs as a server does that knows us and forbids them."""

    def __init__(self, inner: Backend, *verbs: str) -> None:
        super().__init__(inner)
        self.verbs = verbs

    def _call(self, verb, key, ask):  # type: ignore[no-untyped-def]
        if verb in self.verbs:
            raise Denied(f"{verb} {key}: 403", hint="ask for the right to do so")
        return super()._call(verb, key, ask)


def test_all_works_and_nothing_is_left() -> None:
    backend = MemoryBackend()
    backend.objects |= {"format": FORMAT, "packs/ab/x": b"theirs", "probe/theirs": b"theirs"}
    before = dict(backend.objects)
    found = tried(backend)
    assert verdicts(found) == dict.fromkeys(STEPS, Verdict.OK)
    assert (found.format, found.left, found.is_well) == (1, [], True)
    assert backend.objects == before


def test_only_keys_of_its_own_are_written_and_deleted() -> None:
    backend = FaultyBackend(MemoryBackend())
    tried(backend)
    for verb, key in backend.log:
        assert key.startswith("probe/") or (verb, key) in [("stat", "format"), ("get", "format")]


def test_what_was_refused_is_not_called_left() -> None:
    assert tried(Forbidding(MemoryBackend(), "put", "delete")).left == []


@pytest.mark.parametrize(
    ("verb", "step"),
    [
        ("put", "write"),
        ("get_file", "read into a file"),
        ("get_range", "read a range"),
        ("list", "list"),
        ("put_if_absent", "write if absent"),
    ],
)
def test_a_permission_that_is_missing_is_named(verb: str, step: str) -> None:
    inner = MemoryBackend()
    found = tried(Forbidding(inner, verb))
    assert verdicts(found)[step] is Verdict.BAD
    assert f"may not {step}" in says(found, step)
    assert [s.hint for s in found.steps if s.name == step] == ["ask for the right to do so"]
    assert not found.is_well and not found.is_unknown
    assert inner.objects == {}


def test_what_may_not_be_deleted_is_named() -> None:
    inner = MemoryBackend()
    found = tried(Forbidding(inner, "delete"))
    assert "may not delete" in says(found, "delete")
    assert sorted(found.left) == sorted(inner.objects) and len(found.left) == 2


def test_where_nothing_may_be_written_reading_is_tried_with_what_is_there() -> None:
    inner = MemoryBackend()
    inner.objects["format"] = FORMAT
    found = tried(Forbidding(inner, "put", "put_if_absent"))
    assert verdicts(found) == {
        **dict.fromkeys(STEPS[:6], Verdict.OK),
        "write": Verdict.BAD,
    }


def test_where_nothing_is_and_nothing_may_be_written_reading_is_not_tried() -> None:
    found = tried(Forbidding(MemoryBackend(), "put", "put_if_absent"))
    assert verdicts(found)["read"] is Verdict.SKIPPED
    assert verdicts(found)["write"] is Verdict.BAD


def test_a_server_that_forbids_to_look_for_what_is_not_there_is_tried_on() -> None:
    class NoListing(Forbidding):
        def _call(self, verb, key, ask):  # type: ignore[no-untyped-def]
            self.verbs = (
                () if key in inner.objects or verb in ("put", "put_if_absent") else ("stat",)
            )
            return super()._call(verb, key, ask)

    inner = MemoryBackend()
    found = tried(NoListing(inner))
    assert verdicts(found)["contact"] is Verdict.BAD and verdicts(found)["write"] is Verdict.OK
    assert "may not contact" in says(found, "contact")


def test_what_the_driver_does_not_offer_is_no_fault() -> None:
    backend = MemoryBackend("x", frozenset({Capability.WRITE, Capability.DELETE}))
    found = tried(backend)
    lacking = {name for name, verdict in verdicts(found).items() if verdict is Verdict.LACKING}
    assert lacking == {"read a range", "list"}
    assert says(found, "list") == "fine: the index object is used"
    assert found.is_well and backend.objects == {}


def test_a_remote_for_reading_is_only_read() -> None:
    inner = MemoryBackend("x", frozenset({Capability.LIST, Capability.RANGES}))
    inner.objects["format"] = FORMAT
    backend = FaultyBackend(inner)
    found = tried(backend)
    assert found.is_well and verdicts(found)["read a range"] is Verdict.OK
    assert {verb for verb, _ in backend.log} <= {"stat", "get", "get_range", "get_file", "list"}
    del inner.objects["format"]
    empty = tried(inner)
    assert verdicts(empty) == {"contact": Verdict.BAD} and "read only" in says(empty, "contact")


def test_where_nothing_can_be_deleted_one_small_object_stays_and_no_more() -> None:
    backend = MemoryBackend("x", ALL - {Capability.DELETE})
    for _ in range(2):
        found = tried(backend)
        assert found.is_well and KEPT_KEY in says(found, "delete")
    assert list(backend.objects) == [KEPT_KEY] and len(backend.objects[KEPT_KEY]) < 100


def test_a_server_that_overwrites_all_the_same_is_found_out() -> None:
    class Overwriting(FaultyBackend):
        def put_if_absent(self, key: str, source: bytes | Path) -> bool:
            self.put(key, source)
            return True

    found = tried(Overwriting(MemoryBackend()))
    assert verdicts(found)["write if absent"] is Verdict.BAD
    honest = tried(Overwriting(MemoryBackend("x", ALL - {Capability.PUT_IF_ABSENT})))
    assert verdicts(honest)["write if absent"] is Verdict.LACKING
    assert "harmless" in says(honest, "write if absent") and honest.is_well


def test_a_reply_that_was_lost_is_not_taken_for_another_client() -> None:
    class Stuttering(FaultyBackend):
        def put_if_absent(self, key: str, source: bytes | Path) -> bool:
            self.inner.put_if_absent(key, source)
            return self.inner.put_if_absent(key, source)

    assert verdicts(tried(Stuttering(MemoryBackend())))["write if absent"] is Verdict.OK


@pytest.mark.parametrize(("verb", "letter"), [("get", "W"), ("get_file", "C"), ("get_range", "W")])
def test_wrong_bytes_are_noticed(verb: str, letter: str) -> None:
    backend = FaultyBackend(MemoryBackend(), only={verb}, then=letter)
    found = tried(backend)
    assert Verdict.BAD in verdicts(found).values()
    assert any("not those that are there" in step.says for step in found.steps)


@pytest.mark.parametrize("at", range(16))
def test_law_9_silence_is_unknown_ends_it_and_leaves_nothing(at: int) -> None:
    inner = MemoryBackend()
    for letter in "ET":
        backend = FaultyBackend(inner, "." * at + letter)
        found = tried(backend)
        assert found.is_unknown, found
        assert verdicts(found)[found.steps[-1].name] is Verdict.UNKNOWN
        assert inner.objects == {} and found.left == []


def test_a_driver_that_has_to_ask_what_it_can_and_gets_no_answer_is_unknown() -> None:
    class Asking(MemoryBackend):
        @property
        def capabilities(self) -> frozenset[Capability]:
            raise RemoteUnavailable("cannot ask what can be done", hint="is the address right?")

        @capabilities.setter
        def capabilities(self, value: frozenset[Capability]) -> None:
            pass

    found = tried(Asking())
    assert verdicts(found) == {"contact": Verdict.UNKNOWN}
    assert found.steps[0].hint == "is the address right?"


def test_a_definite_no_at_first_contact_ends_it() -> None:
    backend = FaultyBackend(MemoryBackend(), then="R")
    found = tried(backend)
    assert verdicts(found) == {"contact": Verdict.BAD}
    with pytest.raises(RemoteRefused):
        backend.stat("format")


@pytest.mark.parametrize("text", [b"git-mlvc store 9\nchunks x\n", b"<html>"])
def test_what_is_something_else_is_left_alone(text: bytes) -> None:
    backend = MemoryBackend()
    backend.objects["format"] = text
    assert verdicts(tried(backend)) == {"contact": Verdict.BAD}
    assert backend.objects == {"format": text}


def test_interrupted_at_any_step_nothing_is_left() -> None:
    class Interrupting(FaultyBackend):
        at = 0

        def _call(self, verb, key, ask):  # type: ignore[no-untyped-def]
            answer = super()._call(verb, key, ask)
            if len(self.log) == self.at:
                raise KeyboardInterrupt
            return answer

    for at in range(1, 17):
        inner = MemoryBackend()
        backend = Interrupting(inner)
        backend.at = at
        with pytest.raises(KeyboardInterrupt):
            tried(backend)
        assert inner.objects == {}, at


def test_a_directory_made_for_it_goes_and_one_that_was_there_stays(tmp_path: Path) -> None:
    root = tmp_path / "lab"
    assert tried(FileBackend(root), root).is_well
    assert not root.exists()
    root.mkdir()
    assert tried(FileBackend(root), root).is_well
    assert list(root.iterdir()) == []
    (root / "probe").mkdir()
    (root / "probe" / "theirs").touch()
    assert tried(FileBackend(root), root).is_well
    assert [path.name for path in (root / "probe").iterdir()] == ["theirs"]
