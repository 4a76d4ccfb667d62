"""Runs as bytes: strict, canonical, and total on whatever a remote may send."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_mlvc.errors import FormatError
from git_mlvc.formats import run, run_record
from git_mlvc.formats.run import RunDep, RunFile, RunInputs, RunOut, RunRecord, RunUrl
from git_mlvc.oid import Oid
from git_mlvc.repo_path import RepoPath

texts = st.text(max_size=12)
numbers = st.integers(0, run_record.MAX_NUMBER)
oids = st.binary(min_size=32, max_size=32).map(Oid)
paths = (
    st.lists(st.sampled_from([b"a", b"b c", b"\xe9", "ü".encode()]), min_size=1, max_size=3)
    .map(b"/".join)
    .map(RepoPath)
)
single_files = st.builds(RunFile, oids, numbers, st.none(), st.booleans(), st.just(0))
trees = st.builds(RunFile, oids, numbers, numbers, st.just(False), numbers)
files = single_files | trees
urls = st.builds(RunUrl, texts, st.none() | numbers)
deps = st.builds(RunDep, st.sampled_from(run.DEP_KINDS), texts, files | urls)
values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | texts, st.lists, max_leaves=4
).map(json.dumps)


def ascending(rows, key):
    """Lists as a writer makes them: sorted, each once."""
    return st.lists(rows, max_size=4, unique_by=key).map(lambda got: tuple(sorted(got, key=key)))


inputs = st.builds(
    RunInputs,
    st.lists(texts, max_size=3).map(tuple),
    st.none() | paths,
    ascending(st.tuples(texts, texts), lambda pair: pair[0]),
    ascending(deps, lambda dep: dep.text),
    ascending(st.tuples(paths, texts, values), lambda row: row[:2]),
    ascending(paths, lambda path: path),
)
records = st.builds(
    lambda given, *rest: RunRecord(
        run.key(given[0]), *rest[:-1], given[0] if given[1] else None, rest[-1]
    ),
    st.tuples(inputs, st.booleans()),
    st.text(min_size=1, max_size=9),
    numbers,
    numbers,
    texts,
    ascending(st.builds(RunOut, paths, files, st.booleans()), lambda out: out.path),
)


def small() -> RunRecord:
    given_inputs = RunInputs(("make",), out_paths=(RepoPath(b"out"),))
    made = (RunOut(RepoPath(b"out"), RunFile(Oid.of(b"x"), 1)),)
    return RunRecord(run.key(given_inputs), "make", 5, 6, "lab7", given_inputs, made)


def with_body(change) -> bytes:
    """The small run with another body, written the way ours are."""
    data = run_record.encode(small())
    body = json.loads(data[run_record.HEAD_SIZE :])
    change(body)
    return data[: run_record.HEAD_SIZE] + run.canonical_json(body)


@given(records)
def test_decode_inverts_encode(record):
    data = run_record.encode(record)
    assert run_record.decode(data) == record
    assert run_record.key_of(data) == record.key


@given(st.binary(max_size=300) | st.binary(max_size=100).map((run_record.MAGIC + b"\1").__add__))
def test_decode_never_raises_anything_but_format_error(data):
    with pytest.raises(FormatError):
        run_record.decode(data)


@given(records, st.integers(0, 10**6), st.integers(1, 255))
def test_what_a_flipped_byte_makes_is_refused_or_is_another_run(record, at, flip):
    data = bytearray(run_record.encode(record))
    data[at % len(data)] ^= flip
    try:
        other = run_record.decode(bytes(data))
    except FormatError:
        return
    assert other != record
    assert run_record.encode(other) == bytes(data)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(
    st.sampled_from(["stage", "made_at_ms", "duration_ms", "host", "inputs", "outs", "more"]),
    json_values,
)
def test_a_body_with_any_other_value_is_refused_or_is_a_run(field, value):
    data = with_body(lambda body: body.update({field: value}))
    try:
        record = run_record.decode(data)
    except FormatError:
        return
    assert run_record.encode(record) == data


@pytest.mark.parametrize(
    "inner",
    [
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b"9" * 10_000,
        b'{"stage":NaN}',
        b'"\\ud800"',
        b"\xff",
        b"",
    ],
    ids=["lists", "objects", "digits", "nan", "surrogate", "no ascii", "nothing"],
)
def test_json_that_is_made_to_hurt_is_refused(inner):
    head = run_record.encode(small())[: run_record.HEAD_SIZE]
    with pytest.raises(FormatError):
        run_record.decode(head + inner)


@pytest.mark.parametrize("path", ["/etc/passwd", "../out", "a/../b", ".git/config", "", "a//b"])
def test_law_12_an_out_that_climbs_out_of_the_repository_is_refused(path):
    with pytest.raises(FormatError):
        run_record.decode(with_body(lambda body: body["outs"][0].__setitem__(0, path)))


def test_a_key_of_other_inputs_is_refused():
    with pytest.raises(FormatError, match="key"):
        run_record.decode(with_body(lambda body: body["inputs"].update(commands=["rm -rf ."])))
    with pytest.raises(ValueError, match="key"):
        run_record.encode(replace(small(), key=bytes(32)))


def test_the_key_of_a_later_version_is_still_to_be_had():
    data = bytearray(run_record.encode(small()))
    data[len(run_record.MAGIC)] = 2
    assert run_record.key_of(bytes(data)) == small().key
    with pytest.raises(FormatError) as caught:
        run_record.decode(bytes(data))
    assert "newer" in caught.value.hint


def test_what_does_not_fit_a_record_is_said_to_be_too_long():
    many = RunInputs(("make",), env=tuple((f"{n:08}", "x" * 1000) for n in range(17_000)))
    record = RunRecord(run.key(many), "make", 5, 6, "lab7", many)
    with pytest.raises(run_record.TooLongError):
        run_record.encode(record)
    assert run_record.decode(run_record.encode(replace(record, inputs=None))).key == record.key


@given(inputs, inputs)
def test_the_key_tells_inputs_apart_by_all_but_sizes(one, other):
    assert (run.key(one) == run.key(other)) == (sizeless(one) == sizeless(other))


def sizeless(some: RunInputs) -> RunInputs:
    def state(state):
        if isinstance(state, RunUrl):
            return RunUrl(state.version)
        kind = 1 if state.is_tree else None
        return RunFile(state.oid, 0, kind, state.is_executable)

    return replace(
        some, deps=tuple(RunDep(dep.kind, dep.text, state(dep.state)) for dep in some.deps)
    )
