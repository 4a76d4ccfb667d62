"""A run says by name which real servers it had to do without."""

from __future__ import annotations

import pytest
from support.servers import programs, summary


def test_what_was_absent_is_counted_by_name() -> None:
    assert summary.lines(
        [
            "Skipped: NO REAL SERVER: the program sshd is not installed",
            "Skipped: NO REAL DISK: to mount one takes root",
            "Skipped: NO REAL SERVER: the program sshd is not installed",
            "Skipped: some other reason",
        ]
    ) == [
        "   2 tests without a real SERVER: the program sshd is not installed",
        "   1 test without a real DISK: to mount one takes root",
    ]


@pytest.mark.parametrize("required", [False, True])
def test_what_is_absent_is_skipped_loudly_and_fails_in_ci(
    required: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "REQUIRED", required)
    outcome = pytest.fail.Exception if required else pytest.skip.Exception
    for ask in (programs.program, programs.python, programs.npm):
        with pytest.raises(outcome, match="make test-servers") as caught:
            ask("no-such-thing")
        assert required or summary.LOUD in str(caught.value)
