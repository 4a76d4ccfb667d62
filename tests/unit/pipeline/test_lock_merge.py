"""Merging lock files: by stages, the same from both ends, and never a conflict."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.pipeline_values import file, result

from git_mlvc.errors import FormatError
from git_mlvc.git.process import Git
from git_mlvc.pipeline.lock_files import lock_file
from git_mlvc.pipeline.lock_files.lock_driver import merge
from git_mlvc.pipeline.lock_files.lock_merge import Merged
from git_mlvc.pipeline.lock_files.lock_merge import merge as merge_bytes
from git_mlvc.worktree.merge_driver import Versions

_results = st.integers(0, 2).map(lambda n: result(str(n)))
locks = st.dictionaries(st.sampled_from("abcd"), _results)


def merged(base, ours, theirs) -> Merged:
    texts = [lock_file.encode(one, None) for one in (base, ours, theirs)]
    return merge_bytes(*texts, "mlvc.lock")


def read(found: Merged) -> dict[str, object]:
    return dict(lock_file.decode(found.data, "mlvc.lock", None))


@given(locks, locks, locks)
def test_each_stage_is_merged_by_itself(base, ours, theirs):
    found = read(merged(base, ours, theirs))
    for name in base.keys() | ours.keys() | theirs.keys():
        old, one, two = base.get(name), ours.get(name), theirs.get(name)
        if one == two:
            assert found.get(name) == one
        elif one == old or two == old:
            assert found.get(name) == (two if one == old else one)
        else:
            assert found[name] == (one or two)


@given(locks, locks, locks)
def test_sides_differ_only_in_which_of_two_rivals_stays(base, ours, theirs):
    here, there = merged(base, ours, theirs), merged(base, theirs, ours)
    assert here.rivals == there.rivals
    one, two = read(here), read(there)
    assert {n for n in one.keys() | two.keys() if one.get(n) != two.get(n)} == set(here.rivals)


@given(locks, locks)
def test_one_side_that_changed_nothing_yields_the_other(base, theirs):
    assert read(merged(base, base, theirs)) == theirs
    assert read(merged(base, theirs, base)) == theirs


def test_a_file_that_was_not_there_before_holds_nothing():
    ours = lock_file.encode({"a": result("1")}, None)
    theirs = lock_file.encode({"b": result("2")}, None)
    found = merge_bytes(b"", ours, theirs, "mlvc.lock")
    assert read(found) == {"a": result("1"), "b": result("2")}


def test_what_is_no_lock_file_is_not_merged_by_stages():
    with pytest.raises(FormatError, match=r"mlvc\.lock"):
        merge_bytes(b"", lock_file.encode({}, None), b"<<<<<<< HEAD\n", "mlvc.lock")


def test_a_newer_version_on_one_side_is_merged_as_text_so_that_nothing_is_lost(tmp_path: Path):
    made = lock_file.encode({"a": result("1", outs={"x": file()})}, None)
    newer = made.replace(b"version = 1", b"version = 2")
    places = [tmp_path / name for name in ("base", "ours", "theirs")]
    for place, data in zip(places, (made, made + b"# mine\n", newer), strict=True):
        place.write_bytes(data)
    outcome = merge(Git(tmp_path, env={}), Versions(*places), "mlvc.lock")
    assert outcome.is_merged
    assert places[1].read_bytes() == newer + b"# mine\n"
    assert "newer git-mlvc" in outcome.note
