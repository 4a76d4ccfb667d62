"""The commit message of an experiment."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_mlvc.errors import FormatError
from git_mlvc.experiments import record
from git_mlvc.experiments.record import ExperimentRecord
from git_mlvc.repo_path import RepoPath

GOLDEN = Path(__file__).parents[2] / "golden" / "experiment" / "v1"
WHOLE = ExperimentRecord(
    overrides={"params.toml:train.lr": 0.1, "params.toml:seed": 3, "sub/p.yaml:name": "café"},
    changed=(RepoPath(b"odd\xff name\n"), RepoPath(b"src/train.py")),
    stages=("prepare", "with space:train", "train@cnn-0.1"),
    duration_s=12.345,
    sweep="5f3a",
    subject="experiment brisk-otter: lr=0.1 seed=3",
    text="A longer step, as in the paper.\n\nSecond paragraph.",
)
LEAST = ExperimentRecord(subject="experiment quiet-fox")

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
paths = st.binary(min_size=1, max_size=12).filter(
    lambda raw: b"\0" not in raw and not raw.startswith(b"/") and b"." not in raw
)
names = st.text(min_size=1, max_size=12)
records = st.builds(
    ExperimentRecord,
    overrides=st.dictionaries(st.text(), values, max_size=4),
    changed=st.sets(
        paths.filter(lambda raw: b"//" not in raw and raw[-1:] != b"/").map(RepoPath), max_size=4
    ).map(lambda found: tuple(sorted(found))),
    stages=st.lists(names, max_size=3).map(tuple),
    duration_s=st.none() | st.integers(0, 10**9).map(lambda ms: ms / 1000),
    sweep=st.just("") | names,
    subject=st.text("abc :=é-", min_size=1).map(lambda text: " ".join(text.split()) or "x"),
    text=st.text("ab:\n -").map(
        lambda text: "\n".join(line.rstrip() for line in text.strip().splitlines())
    ),
)


@pytest.mark.parametrize(("name", "value"), [("whole", WHOLE), ("least", LEAST)])
def test_law_5_what_was_written_once_is_read_for_ever(name: str, value: ExperimentRecord) -> None:
    golden = (GOLDEN / f"{name}.txt").read_text()
    assert record.decode(golden) == value
    assert record.encode(value) == golden


@given(records)
def test_decode_inverts_encode(value: ExperimentRecord) -> None:
    message = record.encode(value)
    assert record.decode(message) == value
    message.encode("utf-8")  # a commit message that git takes


@given(st.text() | st.text().map(lambda text: f"x\n\nMlvc-Experiment: 1\nMlvc-Params: {text}\n"))
def test_any_message_is_read_or_refused(message: str) -> None:
    try:
        record.decode(message)
    except FormatError:
        pass


def test_the_commit_of_somebody_else_is_none() -> None:
    assert (
        record.decode("fix the loader\n\nMlvc-Experiment: 1 is not the last paragraph\n\nx") is None
    )
    assert record.decode("") is None


def test_trailers_of_other_tools_do_not_matter() -> None:
    message = record.encode(WHOLE) + "Signed-off-by: Ada <ada@example.org>\n"
    assert record.decode(message.replace("\n", "\r\n")) == WHOLE


@pytest.mark.parametrize(
    ("trailers", "why"),
    [
        ("Mlvc-Experiment: 2", "format 2"),
        ("Mlvc-Experiment: 1\nMlvc-Params: [1]", "object"),
        ("Mlvc-Experiment: 1\nMlvc-Params: {", "record"),
        ('Mlvc-Experiment: 1\nMlvc-Params: {"a":NaN}', "NaN"),
        ('Mlvc-Experiment: 1\nMlvc-Params: {"a":[1e999]}', "beyond"),
        ("Mlvc-Experiment: 1\nMlvc-Duration: soon", "seconds"),
        ("Mlvc-Experiment: 1\nMlvc-Duration: 1.000\nMlvc-Duration: 2.000", "2 times"),
        ("Mlvc-Experiment: 1\nMlvc-Changed: ../up", "path"),
        ('Mlvc-Experiment: 1\nMlvc-Stages: a "b', "stages"),
    ],
)
def test_what_says_nothing_sensible_is_refused(trailers: str, why: str) -> None:
    with pytest.raises(FormatError) as caught:
        record.decode(f"subject\n\n{trailers}\n")
    assert why in str(caught.value)


def test_the_subject_names_what_was_set_and_stays_a_line() -> None:
    assert (
        record.subject("brisk-otter", {"params.toml:train.lr": 0.1, "p.yaml:name": "two words"})
        == "experiment brisk-otter: lr=0.1 name=two words"
    )
    assert record.subject("a", {}) == "experiment a"
    assert len(record.subject("a", {f"p:{n}": n for n in range(200)})) == 200
    assert record.encode(ExperimentRecord(subject="a\n\nb")).startswith("a b\n\n")
