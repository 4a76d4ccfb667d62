"""The note on what was installed: read back as written, and never in the way."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from git_mlvc.hooks import install_state
from git_mlvc.hooks.install_state import Choice, Installed

lines = st.text(st.characters(exclude_characters="\n\0", exclude_categories=["Cs"]))


@given(st.builds(Installed, st.sampled_from(Choice), lines, lines))
def test_read_inverts_write(state: Installed) -> None:
    with tempfile.TemporaryDirectory() as made:
        install_state.write(Path(made), state)
        assert install_state.read(Path(made)) == state


@given(st.binary())
def test_any_file_is_read_without_an_error(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as made:
        path = install_state.state_path(Path(made))
        path.parent.mkdir()
        path.write_bytes(data)
        install_state.read(Path(made))


def test_nothing_written_is_none(tmp_path: Path) -> None:
    assert install_state.read(tmp_path) is None
