"""What a test run says at its end of the servers and disks that it could not have: loud, by name, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest

LOUD = "NO REAL "  # how the reasons begin


def lines(reasons: Iterable[str]) -> list[str]:
    """Return a line for each thing that was absent, the one that cost most tests first."""
    told = Counter(reason[reason.index(LOUD) + len(LOUD) :] for reason in reasons if LOUD in reason)
    return [
        f"{count:4} {'test' if count == 1 else 'tests'} without a real {why}"
        for why, count in told.most_common()
    ]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    told = lines(
        str(report.longrepr[2]) for report in skipped if isinstance(report.longrepr, tuple)
    )
    if told:
        terminalreporter.section("skipped for want of real servers", yellow=True)
        for line in told:
            terminalreporter.line(line, yellow=True)
