"""`git mlvc demo`: the whole main job, hermetic, with right bytes."""

from __future__ import annotations

from support.repo import Machine


def test_demo_touches_nothing_and_leaves_nothing(bare_machine: Machine) -> None:
    before = bare_machine.config_file.read_bytes()
    place = bare_machine.path("place")
    said = bare_machine.git("mlvc", "demo", "--dir", place)
    assert "project/ $ git add ." in said.out
    assert said.out.count("compared byte by byte") == 2
    assert bare_machine.config_file.read_bytes() == before
    assert list(place.iterdir()) == []


def test_demo_can_be_kept_and_looked_at(bare_machine: Machine) -> None:
    said = bare_machine.git("mlvc", "demo", "--dir", bare_machine.path("place"), "--keep")
    (top,) = bare_machine.path("place").iterdir()
    assert said.out.endswith(f"everything is in {top}\n")
    assert (top / "clone" / "table.csv").stat().st_size > 10_000_000
