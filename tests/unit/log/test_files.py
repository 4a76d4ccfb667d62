"""The files that a run leaves, byte by byte."""

from __future__ import annotations

import json
import math
import os
import resource
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.extent import examples

from git_mlvc import log
from git_mlvc.errors import InputError
from git_mlvc.log import png
from git_mlvc.log.series import last, tidied

PICTURE = Path("picture.png")


def files(top: Path) -> dict[str, bytes]:
    return {
        path.relative_to(top).as_posix(): path.read_bytes()
        for path in top.rglob("*")
        if path.is_file()
    }


def test_metrics_params_and_rows_are_plain_files(here: Path) -> None:
    with log.run() as run:
        run.params({"train": {"lr": 0.1}, "name": "größer"})
        run.params({"train": {"epochs": 2}})
        for step in range(2):
            run.metric("train/loss", 1 / (step + 1), step=step)
        run.metric("accuracy", 0.75)
        run.metric("samples", 1797, plot=False)
    assert files(here) == {
        "metrics.json": (
            b'{\n  "accuracy": 0.75,\n  "samples": 1797,\n  "train": {\n    "loss": 0.5\n  }\n}\n'
        ),
        "plots/accuracy.csv": b"step,accuracy\n0,0.75\n",
        "plots/train/loss.csv": b"step,loss\n0,1.0\n1,0.5\n",
        "logged_params.json": (
            '{\n  "name": "größer",\n  "train": {\n    "epochs": 2,\n    "lr": 0.1\n  }\n}\n'.encode()
        ),
    }


def test_without_a_run_the_functions_log_into_the_directory_of_the_first_call(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.metric("loss", 1)
    monkeypatch.chdir(tmp_path)
    log.metrics({"loss": 0.5, "test": {"loss": 2}}, step=7)
    assert (here / "plots/loss.csv").read_bytes() == b"step,loss\n0,1\n7,0.5\n"
    log.flush()
    assert json.loads((here / "metrics.json").read_bytes()) == {"loss": 0.5, "test": {"loss": 2}}


def test_a_directory_can_be_given_and_by_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with log.run(tmp_path / "a" / "b"):
        log.metric("loss", 1)
    monkeypatch.setenv("MLVC_LOG_DIR", "elsewhere")
    with log.run() as run:
        log.metric("loss", 2)
    assert run.dir == Path("elsewhere").resolve()
    assert (tmp_path / "a/b/metrics.json").exists() and Path("elsewhere/metrics.json").exists()


def test_what_comes_after_a_run_belongs_to_it(here: Path) -> None:
    with log.run():
        log.metric("loss", 1)
    log.metric("test", 2)
    log.flush()
    assert json.loads((here / "metrics.json").read_bytes()) == {"loss": 1, "test": 2}


def test_a_new_run_replaces_the_metrics_of_the_last_one_and_nothing_else(here: Path) -> None:
    PICTURE.write_bytes(png.encode(b"\x00\xff", 2, 1, 1))
    with log.run() as run:
        run.metrics({"loss": 1, "old": 2, "older/value": 3})
        run.params({"lr": 1})
        run.image("sample", PICTURE, step=0)
        run.image("sample", PICTURE, step=1)
        run.image("other", PICTURE)
        with pytest.raises(
            ValueError, match=r"'other.png' wants the place of another one: .*other\.png"
        ):
            run.image("other.png", PICTURE, step=3)
    (here / "plots/images/other.png").unlink()
    (here / "plots/mine.csv").write_text("step,mine\n1,2\n")
    (here / "plots/images/sample/notes.txt").write_text("mine")
    with log.run() as run:
        run.params({"seed": 1})
        assert (here / "metrics.json").exists()  # until there is something new
        run.metric("loss", 5)
        run.image("sample", PICTURE, step=0)
    assert set(files(here)) == {
        "metrics.json", "logged_params.json", "plots/loss.csv", "plots/mine.csv", "picture.png",
        "plots/images/sample/0.png", "plots/images/sample/notes.txt",
    }  # fmt: skip
    assert json.loads((here / "metrics.json").read_bytes()) == {"loss": 5}
    assert json.loads((here / "logged_params.json").read_bytes()) == {"seed": 1}


def test_a_resumed_run_goes_on_and_the_last_value_of_a_step_counts(here: Path) -> None:
    with log.run() as run:
        for step in range(5):
            run.metric("loss", step, step=step)
        run.params({"lr": 1})
    with log.run(resume=True) as run:
        run.metric("loss", 30, step=3)
        run.metric("other", 1)
        run.params({"seed": 2})
    assert (here / "plots/loss.csv").read_bytes() == b"step,loss\n0,0\n1,1\n2,2\n3,30\n4,4\n"
    with log.run(resume=True) as run:
        run.metric("loss", 5)
    assert (here / "plots/loss.csv").read_bytes().endswith(b"4,4\n5,5\n")
    assert json.loads((here / "metrics.json").read_bytes()) == {"loss": 5, "other": 1}
    assert json.loads((here / "logged_params.json").read_bytes()) == {"lr": 1, "seed": 2}


def test_a_run_resumed_at_a_step_forgets_what_came_after_it(here: Path) -> None:
    with log.run() as run:
        for step in range(5):
            run.metric("loss", step, step=step)
        run.metric("late", 1, step=4)
    with log.run(resume=2) as run:
        assert json.loads((here / "metrics.json").read_bytes()) == {"loss": 2}
        run.metric("loss", 30)
    assert (here / "plots/loss.csv").read_bytes() == b"step,loss\n0,0\n1,1\n2,2\n3,30\n"
    assert (here / "plots/late.csv").read_bytes() == b"step,late\n"


def test_the_value_of_the_highest_step_is_the_last_one(here: Path) -> None:
    with log.run() as run:
        for step in (0, 5, 3, 5):
            run.metric("loss", step + 0.5, step=step)
        assert (here / "plots/loss.csv").read_bytes() == b"step,loss\n0,0.5\n5,5.5\n3,3.5\n5,5.5\n"
    assert (here / "plots/loss.csv").read_bytes() == b"step,loss\n0,0.5\n3,3.5\n5,5.5\n"
    assert json.loads((here / "metrics.json").read_bytes()) == {"loss": 5.5}


def test_nan_and_infinity_are_written_as_python_reads_them(here: Path) -> None:
    with log.run() as run:
        for value in (math.inf, -math.inf, math.nan):
            run.metric("loss", value)
    assert (here / "plots/loss.csv").read_bytes() == b"step,loss\n0,inf\n1,-inf\n2,nan\n"
    assert (here / "metrics.json").read_bytes() == b'{\n  "loss": NaN\n}\n'


def test_a_mistake_names_itself_and_writes_nothing(here: Path) -> None:
    with log.run() as run:
        run.metric("loss", 1)
        for name, value, step in (("../x", 1, None), ("loss", "1", None), ("loss", 1, 0.5), ("loss/a", 1, 0)):  # fmt: skip
            with pytest.raises((TypeError, ValueError)):
                run.metric(name, value, step)
        with pytest.raises(ValueError, match="'loss' is a metric already"):
            run.table("loss", {"a": [1]})
    assert set(files(here)) == {"metrics.json", "plots/loss.csv"}
    with pytest.raises(ValueError, match="has ended"):
        run.metric("loss", 2)


def test_a_file_of_somebody_else_s_is_not_appended_to(here: Path) -> None:
    (here / "plots").mkdir()
    (here / "plots/loss.csv").write_text("epoch,loss\n1,2\n")
    with log.run() as run, pytest.raises(InputError, match=r"is not what git_mlvc\.log writes"):
        run.metric("loss", 1)
    assert (here / "plots/loss.csv").read_text() == "epoch,loss\n1,2\n"


def test_a_damaged_file_is_said_when_resuming_and_replaced_by_a_new_run(here: Path) -> None:
    (here / "metrics.json").write_text('{"loss": ')
    with pytest.raises(InputError, match=r"is not what git_mlvc\.log writes"):
        log.run(resume=True)
    with log.run() as run:
        run.metric("loss", 1)
    assert json.loads((here / "metrics.json").read_bytes()) == {"loss": 1}


def test_a_disk_that_is_full_is_an_error_and_no_half_row(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with log.run() as run:
        run.metric("loss", 1)
        with monkeypatch.context() as cramped:
            cramped.setattr(os, "write", lambda fd, data: write(fd, data[:3]))
            with pytest.raises(OSError, match=r"no room for a row.*plots/loss\.csv"):
                run.metric("loss", 2)
        run.metric("loss", 3)
        run.flush()
        resource.setrlimit(resource.RLIMIT_FSIZE, (5, before[1]))
        try:
            with pytest.raises(OSError, match=r"plots/loss\.csv"):
                run.metric("loss", 4)
            with pytest.raises(OSError, match=r"logged_params\.json"):
                run.params({"lr": 0.1})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (here / "plots/loss.csv").read_bytes() == b"step,loss\n0,1\n1,3\n"


def test_tables_are_columns(here: Path) -> None:
    with log.run() as run:
        run.table("confusion", {"actual": [1, 0], "predicted": ["a,b", 'say "x"']})
        with pytest.raises(ValueError, match=r"differ in length \(a: 1, b: 2\)"):
            run.table("bad", {"a": [1], "b": [1, 2]})
        with pytest.raises(ValueError, match="'confusion' is a table already"):
            run.metric("confusion", 1)
    assert (here / "plots/confusion.csv").read_text() == (
        'actual,predicted\n1,"a,b"\n0,"say ""x"""\n'
    )


def test_artifacts_are_copies(here: Path, tmp_path: Path) -> None:
    (tmp_path / "model" / "deep").mkdir(parents=True)
    (tmp_path / "model/deep/weights").write_bytes(b"1")
    (tmp_path / "model.bin").write_bytes(b"one")
    with log.run() as run:
        assert run.artifact(tmp_path / "model.bin") == here / "artifacts/model.bin"
        run.artifact(tmp_path / "model", "nets/first")
        (tmp_path / "model.bin").write_bytes(b"two")
        (tmp_path / "model/deep/weights").unlink()
        (tmp_path / "model/deep/other").write_bytes(b"2")
        assert (here / "artifacts/model.bin").read_bytes() == b"one"
        run.artifact(tmp_path / "model", "nets/first")
        run.artifact(here / "artifacts/model.bin")
        with pytest.raises(ValueError, match="one is inside the other"):
            run.artifact(here)
        with pytest.raises(FileNotFoundError):
            run.artifact(tmp_path / "missing")
        os.mkfifo(tmp_path / "model/pipe")
        with pytest.raises(OSError, match=r"model/pipe cannot be copied: it is neither a file"):
            run.artifact(tmp_path / "model", "nets/first")
        with pytest.raises(ValueError, match="name of a artifact"):
            run.artifact(tmp_path / "model.bin", "../out")
    assert files(here) == {"artifacts/model.bin": b"one", "artifacts/nets/first/deep/other": b"2"}


@pytest.mark.parametrize(
    "env", [{"RANK": "1"}, {"LOCAL_RANK": "2"}, {"SLURM_PROCID": "3"}, {"NODE_RANK": "1", "LOCAL_RANK": "0"}]
)  # fmt: skip
def test_of_equal_processes_only_the_first_one_writes(
    here: Path, env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    with log.run() as run:
        run.metric("loss", 1, step=0)
        run.params({"lr": 1})
        run.artifact(here)
        with pytest.raises(TypeError):
            run.metric("loss", "1")
    assert files(here) == {}
    with log.run(all_ranks=True) as run:
        run.metric("loss", 1)
    assert set(files(here)) == {"metrics.json", "plots/loss.csv"}


values = st.floats() | st.integers(-(10**30), 10**30)


@given(st.lists(st.tuples(st.integers(-5, 5) | st.none(), values)))
@settings(max_examples=examples(40), deadline=None)
def test_whatever_is_logged_is_read_back(rows: list[tuple[int | None, float]]) -> None:
    directory = Path(f"run-{len(list(Path().iterdir()))}")
    expected: dict[int, float] = {}
    with log.run(directory) as run:
        for step, value in rows:
            run.metric("loss", value, step)
            expected[max(expected, default=-1) + 1 if step is None else step] = value
    if not rows:
        assert files(directory) == {}
        return
    lines = (directory / "plots/loss.csv").read_text().splitlines()
    assert lines[0] == "step,loss"
    assert [line.split(",")[0] for line in lines[1:]] == [str(step) for step in sorted(expected)]
    assert [float(line.split(",")[1]) for line in lines[1:]] == pytest.approx(
        [float(expected[step]) for step in sorted(expected)], rel=0, abs=0, nan_ok=True
    )
    said = json.loads((directory / "metrics.json").read_bytes())["loss"]
    assert repr(said) == repr(expected[max(expected)])


@given(st.binary(max_size=60), st.none() | st.integers(-3, 3))
def test_tidying_bears_anything_and_is_done_after_once(data: bytes, up_to: int | None) -> None:
    once = tidied(data, "loss", up_to)
    assert tidied(once, "loss", up_to) == once
    assert (last(once) is None) == (once == b"step,loss\n")


def test_no_module_of_the_room_takes_the_place_of_a_function(here: Path) -> None:
    room = Path(log.__file__).parent
    assert not set(log.__all__) & {path.stem for path in room.glob("*.py")}
    log.table("first", {"a": [1]})
    log.table("second", {"a": [2]})
    log.flush()
    assert {"plots/first.csv", "plots/second.csv"} <= set(files(here))
