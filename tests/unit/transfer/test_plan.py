"""What a push or fetch will do, as values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_mlvc.errors import MissingChunk
from git_mlvc.formats.pointer import Pointer
from git_mlvc.formats.segment import Location
from git_mlvc.oid import Oid
from git_mlvc.transfer import plan
from git_mlvc.transfer.plan import FetchReport, LocalPack, MissingData, PushReport, plan_push

A, B = b"a" * 32, b"b" * 32


def at(offset: int, stored_len: int = 100, pack: bytes = A) -> Location:
    return Location(pack, offset, stored_len, stored_len, 0, 0)


def name(number: int) -> bytes:
    return number.to_bytes(32, "big")


@pytest.mark.parametrize(
    ("report", "line"),
    [
        (PushReport(), "no data to send"),
        (
            PushReport(
                files=3,
                logical_bytes=4_100_000_000,
                sent_bytes=12_000_000,
                raw_sent_bytes=100_000_000,
                packs=1,
                chunks_already_there=9,
            ),
            "3 files, 4.1 GB; 12 MB sent in 1 pack (4 GB saved by deduplication,"
            " 88 MB saved by compression)",
        ),
        (
            PushReport(
                files=9,
                logical_bytes=1_000_000_000,
                sent_bytes=400_000_000,
                raw_sent_bytes=1_000_000_000,
                packs=7,
                found_bytes=600_000_000,
            ),
            "9 files, 1 GB; 400 MB sent in 7 packs (600 MB sent before)",
        ),
        (
            PushReport(files=1, logical_bytes=12, raw_sent_bytes=12, sent_bytes=250, packs=2),
            "1 file, 12 B; 250 B sent in 2 packs",
        ),
        (
            PushReport(files=1, logical_bytes=12, chunks_already_there=1),
            "1 file, 12 B; it was there already",
        ),
        (
            PushReport(files=20_000, logical_bytes=82_000_000, chunks_already_there=1),
            "20,000 files, 82 MB; all of it was there",
        ),
    ],
)
def test_a_push_says_what_it_did_in_one_line(report: PushReport, line: str) -> None:
    assert report.summary() == line


def test_a_fetch_says_what_it_did_in_one_line() -> None:
    assert FetchReport().summary() == "nothing to fetch"
    report = FetchReport(
        files=3,
        chunks=1,
        logical_bytes=4_100_000_000,
        received_bytes=100,
        saved_bytes=4_000_000_000,
    )
    assert (
        report.summary()
        == "3 files, 4.1 GB; 100 B received in 1 chunk (4 GB were here, 100 MB saved by compression)"
    )
    here = FetchReport(files=2, logical_bytes=4_100, saved_bytes=4_100)
    assert here.summary() == "2 files, 4.1 kB; all of it was here"
    failed = FetchReport(failed={Pointer(Oid(A), 1): MissingChunk("gone")})
    assert failed.summary().endswith("; 1 file failed")


def test_neighbours_are_read_in_one_request() -> None:
    wanted = [(name(n), at(16 + 100 * n)) for n in range(10)]
    (read,) = plan.reads(reversed(wanted), {A: 10 << 20})
    assert (read.pack, read.start, read.length) == (A, 16, 1000)
    assert list(read.records) == wanted


def test_a_gap_up_to_a_mebibyte_is_read_over_and_a_wider_one_is_not() -> None:
    gap = plan.MAX_GAP_BYTES
    near = [(name(0), at(0)), (name(1), at(100 + gap))]
    far = [(name(0), at(0)), (name(1), at(101 + gap))]
    assert len(list(plan.reads(near, {A: 64 << 20}))) == 1
    assert len(list(plan.reads(far, {A: 64 << 20}))) == 2


def test_a_pack_that_is_mostly_wanted_is_read_through() -> None:
    big = 2 << 20
    wanted = [(name(n), at(n * (big + 2 * plan.MAX_GAP_BYTES), big)) for n in range(3)]
    assert len(list(plan.reads(wanted, {A: 64 << 20}))) == 3
    assert len(list(plan.reads(wanted, {A: 8 << 20}))) == 1


places = st.lists(
    st.tuples(st.sampled_from([A, B]), st.integers(0, 1 << 26), st.integers(1, 1 << 20)),
    max_size=50,
)


@given(places)
def test_every_record_is_in_exactly_one_bounded_read(
    found: list[tuple[bytes, int, int]],
) -> None:
    wanted = [(name(n), at(offset, size, pack)) for n, (pack, offset, size) in enumerate(found)]
    reads = list(plan.reads(wanted, {A: 64 << 20}))
    assert sorted(r for read in reads for r in read.records) == sorted(wanted)
    for read in reads:
        assert read.length <= plan.MAX_READ_BYTES
        for _, location in read.records:
            assert location.pack == read.pack
            assert read.start <= location.offset
            assert location.offset + location.stored_len <= read.start + read.length


def test_a_pack_goes_as_it_is_only_if_all_of_it_is_wanted() -> None:
    lacking = {name(1): at(16), name(2): at(116), name(3): at(16, pack=B)}
    whole = LocalPack(A, plan.COMBINE_BELOW_BYTES, frozenset({name(1), name(2)}))
    partly = LocalPack(B, 300, frozenset({name(3), name(4)}))
    decided = plan_push(lacking, [whole, partly])
    assert decided.copies == (whole,)
    assert decided.repacked == (name(3),)
    assert decided.chunks == 3
    assert decided.stored_bytes == plan.COMBINE_BELOW_BYTES + 100


def test_small_packs_travel_together_and_one_alone_as_it_is() -> None:
    lacking = {name(n): at(16, pack=name(100 + n)) for n in range(4)}
    small = [LocalPack(name(100 + n), 300, frozenset({name(n)})) for n in range(3)]
    large = LocalPack(name(103), plan.COMBINE_BELOW_BYTES, frozenset({name(3)}))
    decided = plan_push(lacking, [*small, large])
    assert decided.copies == (large,)
    assert decided.repacked == (name(0), name(1), name(2))
    assert decided.chunks == 4
    alone = {name(n): lacking[name(n)] for n in (0, 3)}
    assert plan_push(alone, [small[0], large]).copies == (small[0], large)
    beside = {name(0): lacking[name(0)], name(9): at(16, pack=b"an open pack")}
    assert plan_push(beside, [small[0]]).repacked == (name(0), name(9))


def test_a_pack_of_which_another_copy_was_found_is_not_sent_whole() -> None:
    lacking = {name(1): at(16), name(2): at(16, pack=B)}
    decided = plan_push(lacking, [LocalPack(A, 300, frozenset({name(1), name(2)}))])
    assert decided.copies == ()
    assert set(decided.repacked) == {name(1), name(2)}


def test_records_are_repacked_in_the_order_of_their_packs() -> None:
    lacking = {name(1): at(500), name(2): at(16, pack=B), name(3): at(16)}
    assert plan_push(lacking, []).repacked == (name(3), name(1), name(2))


def test_most_of_a_pack_is_brought_whole_unless_it_is_small() -> None:
    mib = 1 << 20
    wanted = {name(n): at(n * mib, mib, pack=A) for n in range(8)}
    assert plan.whole_packs(wanted, {A: 11 * mib}) == {A: 11 * mib}
    assert plan.whole_packs(wanted, {A: 12 * mib}) == {}
    assert plan.whole_packs(wanted, {}) == {}
    few = {name(n): wanted[name(n)] for n in range(3)}
    assert plan.whole_packs(few, {A: 3 * mib}) == {}


def test_nothing_lacking_is_an_empty_plan() -> None:
    decided = plan_push({}, [])
    assert (decided.copies, decided.repacked, decided.stored_bytes) == ((), (), 0)


def test_missing_data_names_the_paths_and_counts_the_rest() -> None:
    error = MissingData(tuple(f"data/{n}.bin" for n in range(12)), "origin")
    assert "data/0.bin" in error.what
    assert "and 2 more" in error.what
    assert "1 file is" not in error.what
    assert "the data of 1 file " in MissingData(("x",), "origin").what
