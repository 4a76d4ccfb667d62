"""Experiments that are queued, running, failed or interrupted: one file each, read whatever is in it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_mlvc.errors import FormatError, StageFailed, UsageError
from git_mlvc.experiments import state_record, states
from git_mlvc.experiments.states import Phase, State
from git_mlvc.fs.owner import Owner
from git_mlvc.git.repository import Repository

QUEUED = State(
    "lr-1",
    Phase.QUEUED,
    baseline="a" * 40,
    tree="b" * 40,
    overrides={"params.toml:train.lr": 0.1, "params.toml:tags": ["a", None]},
    stages=("train",),
    folder="sub",
    message="a try",
    sweep="5f3a",
    jobs=2,
    since_s=1700000000.25,
    is_from_queue=True,
)


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    return Repository.discover(tmp_path, {"PATH": os.environ["PATH"], "HOME": str(tmp_path)})


def test_what_is_written_is_read(repo):
    states.put(repo, QUEUED)
    states.put(repo, replace(QUEUED, name="lr-0", since_s=1.0), durable=True)
    assert states.of(repo, "lr-1") == QUEUED
    assert [one.name for one in states.read(repo).states] == ["lr-0", "lr-1"]
    assert states.names(repo) == ["lr-0", "lr-1"]
    states.remove(repo, "lr-1")
    states.remove(repo, "lr-1")
    assert states.of(repo, "lr-1") is None


def test_where_there_are_none_there_are_none(repo):
    assert states.read(repo) == states.States(())


def test_what_is_damaged_is_named_and_the_others_are_read(repo):
    states.put(repo, QUEUED)
    for name, data in (
        ("no-json", b"{"),
        ("half", state_record.encode(QUEUED)[:80]),
        ("later", state_record.encode(QUEUED).replace(b'"version": 1', b'"version": 2')),
        ("list", b"[]"),
    ):
        (states.folder(repo) / f"{name}.json").write_bytes(data)
    (states.folder(repo) / "folder.json").mkdir()
    found = states.read(repo)
    assert [one.name for one in found.states] == ["lr-1"]
    assert [path.stem for path in found.damaged] == ["folder", "half", "later", "list", "no-json"]
    with pytest.raises(FormatError, match=r"half\.json"):
        states.of(repo, "half")


@given(st.binary(max_size=200))
def test_reading_never_raises_anything_but_format_error(data):
    with pytest.raises(FormatError):
        state_record.decode(data, "x")


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=4,
    ),
    st.sampled_from(["state", "params", "stages", "owner", "since", "jobs", "log"]),
)
def test_a_field_of_any_kind_is_read_or_a_format_error(value, key):
    import json

    document = json.loads(state_record.encode(QUEUED)) | {key: value}
    try:
        state_record.decode(json.dumps(document).encode(), "x")
    except FormatError as exc:
        assert exc.why


def test_running_is_marked_and_leaves_nothing_when_it_succeeds(repo):
    with states.running(repo, State("otter", tree="b" * 40, log="/logs/otter")):
        found = states.of(repo, "otter")
        assert found.phase is Phase.RUNNING
        assert found.owner == Owner.current()
        assert found.since_s > 0
    assert states.names(repo) == []


def test_a_failure_says_why_and_an_interruption_is_one(repo):
    with pytest.raises(StageFailed), states.running(repo, State("otter", log="/logs/otter")):
        raise StageFailed("stage 'train' failed", why="exit code 3")
    found = states.of(repo, "otter")
    assert (found.phase, found.owner, found.log) == (Phase.FAILED, None, "/logs/otter")
    assert found.error == "stage 'train' failed: exit code 3"
    with pytest.raises(KeyboardInterrupt), states.running(repo, State("otter")):
        raise KeyboardInterrupt
    assert states.of(repo, "otter").phase is Phase.INTERRUPTED


def test_what_comes_from_the_queue_is_known_to(repo):
    states.put(repo, QUEUED)
    with pytest.raises(KeyboardInterrupt), states.running(repo, State("lr-1")):
        assert states.of(repo, "lr-1").is_from_queue
        raise KeyboardInterrupt
    assert states.of(repo, "lr-1").is_from_queue


def test_what_a_dead_process_ran_is_interrupted_and_an_unseen_one_runs(repo):
    here = Owner.current()
    child = subprocess.Popen(["true"])
    child.wait()
    dead = replace_owner(here, pid=child.pid, start_time="1")
    rebooted = replace_owner(here, boot_id="another-boot/" + here.boot_id.partition("/")[2])
    elsewhere = replace_owner(here, host="another-host/1")
    for name, owner in (("dead", dead), ("rebooted", rebooted), ("elsewhere", elsewhere)):
        states.put(repo, State(name, owner=owner))
    found = {one.name: one.phase for one in states.read(repo).states}
    assert found == {
        "dead": Phase.INTERRUPTED,
        "rebooted": Phase.INTERRUPTED,
        "elsewhere": Phase.RUNNING,
    }


def replace_owner(owner: Owner, **changes) -> Owner:
    fields = {name: getattr(owner, name) for name in ("host", "boot_id", "pid", "start_time")}
    return Owner(**{**fields, **changes})


def test_the_name_of_one_that_waits_is_taken_and_that_of_a_failed_one_is_not(repo):
    states.check_free(repo, "lr-1")
    states.put(repo, QUEUED)
    with pytest.raises(UsageError, match="lr-1"):
        states.check_free(repo, "lr-1")
    states.put(repo, replace(QUEUED, phase=Phase.FAILED))
    states.check_free(repo, "lr-1")
