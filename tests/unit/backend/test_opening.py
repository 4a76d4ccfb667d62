"""What a driver is handed is not shown: it holds whatever the user's environment and options hold."""

from __future__ import annotations

from git_mlvc.backend.opening import Opening


def test_neither_environment_nor_options_are_shown() -> None:
    opening = Opening(
        options={"secret-access-key": "hunter2"}, environment={"AWS_SECRET_ACCESS_KEY": "hunter3"}
    )
    assert "hunter" not in repr(opening)
