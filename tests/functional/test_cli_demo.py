"""`git mlvc demo`: the whole main job, hermetic, with right bytes."""

from __future__ import annotations

from support.repo import Machine


def test_demo_touches_nothing_of_the_user_and_can_be_looked_at(bare_machine: Machine) -> None:
    """That it leaves nothing unless told to, test_install_script shows."""
    before = bare_machine.config_file.read_bytes()
    said = bare_machine.git("mlvc", "demo", "--dir", bare_machine.path("place"), "--keep")
    assert "project/ $ git add ." in said.out
    assert said.out.count("compared byte by byte") == 2
    assert bare_machine.config_file.read_bytes() == before
    (top,) = bare_machine.path("place").iterdir()
    assert said.out.endswith(f"everything is in {top}\n")
    assert (top / "clone" / "table.csv").stat().st_size > 10_000_000
