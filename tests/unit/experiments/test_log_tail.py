"""The logs of an experiment as one text, and as it grows."""

from __future__ import annotations

from pathlib import Path

from git_mlvc.experiments import log_tail


def test_what_comes_is_told_until_the_experiment_is_over_with_the_last_lines(
    tmp_path: Path,
) -> None:
    one, two = tmp_path / "one.log", tmp_path / "two.log"
    told: list[bytes] = []
    logs: dict[str, Path] = {}
    steps = iter(
        [
            lambda: (one.write_bytes(b"1\n"), logs.update(one=one)),
            lambda: (two.write_bytes(b"2\n"), logs.update(two=two)),
            lambda: one.write_bytes(b"1\n11\n"),
            lambda: None,
        ]
    )

    def is_over() -> bool:
        next(steps)()
        return b"11\n" in b"".join(told)

    for block in log_tail.follow(lambda: logs, is_over, look_s=0):
        told.append(block)
    assert b"".join(told) == b"1\n2\n\n# git mlvc: more of one\n11\n"


def test_where_there_are_no_logs_there_are_none(tmp_path: Path) -> None:
    assert log_tail.last_logs(tmp_path / "none") == {}
    assert log_tail.names(tmp_path / "none") == []
    assert list(log_tail.follow(lambda: {"x": tmp_path / "gone"}, lambda: True)) == []
