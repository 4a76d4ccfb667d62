"""What every stage ever made is found by its inputs; of results that differ the newest counts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.content import noise

from git_mlvc.formats import run_record
from git_mlvc.formats.chunk_codec import Codec
from git_mlvc.formats.pack import Kind
from git_mlvc.oid import Oid
from git_mlvc.pipeline import fingerprint
from git_mlvc.pipeline.model import (
    Dep,
    DepKind,
    FileState,
    Inputs,
    Param,
    PipelineError,
    Result,
    Run,
    UrlState,
)
from git_mlvc.pipeline.run_values import record_of, run_of
from git_mlvc.pipeline.runs.run_cache import RunCache
from git_mlvc.pipeline.runs.run_listing import listing
from git_mlvc.repo_path import RepoPath
from git_mlvc.store.session import Session
from git_mlvc.store.store import Store

OUT = RepoPath(b"model.pkl")


def inputs(lr: str = "0.1", **changes: object) -> Inputs:
    return replace(
        Inputs(
            ("python train.py",),
            env=(("MODE", "fast"),),
            deps=(
                (Dep("data"), FileState(Oid.of(b"tree"), 70, 3, False, 200)),
                (Dep("https://example.org", DepKind.URL), UrlState("etag 1", 5)),
                (Dep("train.py"), FileState(Oid.of(b"code"), 4, is_executable=True)),
            ),
            params=((Param(RepoPath(b"params.toml"), "lr"), lr),),
            out_paths=(OUT,),
        ),
        **changes,
    )


def run(session: Session | None, data: bytes, made_at_ms: int = 1, **changes: object) -> Run:
    of = changes.pop("of", inputs())
    if session is not None:
        session.ingest([data])
    outs = ((OUT, FileState(Oid.of(data), len(data))),)
    one = Run(fingerprint.key(of), "train", made_at_ms, 1500, "lab7", Result(of, outs))
    return replace(one, **changes)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "mlvc")


def test_a_run_comes_back_as_it_was(store: Store) -> None:
    cache = RunCache(store)
    assert cache.find(fingerprint.key(inputs())) == []
    with store.session() as session:
        made = run(session, b"weights", unpushed=frozenset({OUT}))
        added = cache.add(made, session)
        assert replace(added, id=b"") == made
        assert cache.find(made.key) == [added]
    for again in (cache, RunCache(Store.open(store.path))):
        assert again.find(made.key) == list(again.all()) == [added]
        assert again.is_here(added)
        assert again.find_many([bytes(32), made.key]) == {made.key: [added]}


def test_of_several_results_the_newest_counts_and_the_older_stay(store: Store) -> None:
    cache = RunCache(store)
    with store.session() as session:
        key = cache.add(run(session, b"first", 10), session).key
        cache.add(run(session, b"second", 20), session)
        found = cache.find(key)
        assert [one.made_at_ms for one in found] == [20, 10]
        again = cache.add(run(session, b"second", 30), session)
        assert again == found[0], "an equal result needs no second record"
        cache.add(run(session, b"first", 40), session)
        assert [one.made_at_ms for one in cache.find(key)] == [40, 20, 10]
        cache.add(run(session, b"first", 50, unpushed=frozenset({OUT})), session)
        assert len(cache.find(key)) == 4
    assert len({one.id for one in RunCache(Store.open(store.path)).find(key)}) == 4


@pytest.mark.parametrize("ahead", [50, run_record.MAX_NUMBER - 1])
def test_a_clock_that_was_ahead_does_not_win_for_ever(store: Store, ahead: int) -> None:
    cache = RunCache(store)
    with store.session() as session:
        key = cache.add(run(session, b"of the future", ahead), session).key
        added = cache.add(run(session, b"made now", 10), session)
        assert cache.find(key)[0] == added
        assert added.made_at_ms == ahead + 1


def test_inputs_that_are_too_long_are_left_out_and_the_result_is_found_all_the_same(
    store: Store,
) -> None:
    many = tuple((f"V{number:05}", "x" * 5000) for number in range(4000))
    of = inputs(env=many)
    with store.session() as session:
        cache = RunCache(store)
        made = run(session, b"weights", of=of)
        added = cache.add(made, session)
        assert cache.add(made, session) == cache.find(made.key)[0]
    (found,) = RunCache(store).find(made.key)
    assert found.id == added.id
    assert found.result.outs == made.result.outs
    assert found.result.inputs == Inputs(())


def test_a_run_with_outs_without_number_is_not_remembered_and_no_error(store: Store) -> None:
    state = FileState(Oid.of(b"x"), 1)
    long = b"/".join([b"x" * 200] * 20)
    outs = tuple((RepoPath(b"%07d/%s" % (number, long)), state) for number in range(5000))
    made = run(None, b"", result=Result(inputs(), outs))
    with store.session() as session:
        assert RunCache(store).add(made, session) == made
    assert list(RunCache(store).all()) == []


def test_what_cannot_be_read_is_left_out(store: Store) -> None:
    cache = RunCache(store)
    with store.session() as session:
        made = cache.add(run(session, b"weights"), session)
        later = bytearray(store.read_run(made.id))
        later[len(run_record.MAGIC)] = 2
        of = Oid.of(bytes(later)).digest
        session.add_stored(of, Kind.RUN, Codec.RAW, len(later), bytes(later))
    assert set(store.runs_of(made.key)) == {made.id, of}
    assert cache.find(made.key) == list(cache.all()) == [made]


@given(
    st.sampled_from(
        [
            {"commands": ("python train.py", "echo")},
            {"wdir": RepoPath(b"sub")},
            {"env": ()},
            {"deps": ()},
            {"params": ()},
            {"out_paths": ()},
            {},
        ]
    ),
    st.booleans(),
)
def test_record_and_run_are_the_same(changes: dict[str, object], has_inputs: bool) -> None:
    made = run(None, b"weights", of=inputs(**changes), id=bytes(32))
    record = record_of(made, has_inputs=has_inputs)
    back = run_of(record, bytes(32))
    if has_inputs:
        assert back == made
        assert record.key == fingerprint.key(made.result.inputs)
    assert back.result.outs == made.result.outs


class TestListing:
    """`git mlvc runs`."""

    def runs(self) -> list[Run]:
        cnn = inputs("0.01", commands=("python train.py --cnn",))
        return [
            run(None, b"a", 10),
            run(None, b"b", 20, of=inputs("0.01")),
            run(None, b"c", 30),
            run(None, b"d", 5, stage="eval:train@cnn", of=cnn),
        ]

    def test_the_newest_come_first_with_what_tells_them_apart(self) -> None:
        found = listing(self.runs(), lambda run: run.made_at_ms != 20)
        assert [one.run.made_at_ms for one in found] == [30, 20, 10, 5]
        assert [one.is_newest for one in found] == [True, True, False, True]
        assert [one.is_here for one in found] == [True, False, True, True]
        assert [one.differs for one in found] == [{"lr": "0.1"}, {"lr": "0.01"}, {"lr": "0.1"}, {}]
        assert [one.run.made_at_ms for one in listing(self.runs(), bool, most=2)] == [30, 20]

    @pytest.mark.parametrize(
        ("names", "folder", "expected"),
        [
            (["train"], None, [30, 20, 10]),
            (["eval:train"], None, [5]),
            (["train"], RepoPath(b"eval"), [5]),
            ([":train"], RepoPath(b"eval"), [30, 20, 10]),
            (["eval:train@cnn", "train"], None, [30, 20, 10, 5]),
        ],
    )
    def test_a_name_means_what_it_means_to_repro(
        self, names: list[str], folder: RepoPath | None, expected: list[int]
    ) -> None:
        found = listing(self.runs(), bool, names, folder)
        assert [one.run.made_at_ms for one in found] == expected

    def test_an_unknown_name_is_an_error_that_names_the_nearest(self) -> None:
        with pytest.raises(PipelineError) as caught:
            listing(self.runs(), bool, ["trian"])
        assert "'train'" in caught.value.hint


def test_a_key_is_found_whatever_the_size_of_the_store(store: Store) -> None:
    """By bisection: as many reads for thousands of runs as for a few."""
    from git_mlvc.formats import segment
    from git_mlvc.formats.segment import SegmentView

    class Counting(bytes):
        reads = 0

        def __getitem__(self, place):  # type: ignore[no-untyped-def]
            Counting.reads += 1
            return super().__getitem__(place)

    rows = [(noise(32, number), bytes(32)) for number in range(5000)]
    view = SegmentView(Counting(segment.encode([], rows)))
    Counting.reads = 0
    assert view.runs_of(rows[77][0]) == [bytes(32)]
    assert Counting.reads <= 13
