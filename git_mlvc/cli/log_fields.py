"""What is told of the log of a stage: whose it is, when it began, how that ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def fields(path: Path) -> dict[str, object]:
    """Return it as a value of JSON."""
    from git_mlvc.pipeline.running import run_logs

    heading = run_logs.heading(path)
    is_running = run_logs.is_written(path)
    ended = "runs" if is_running else run_logs.how_it_ended(path) or "killed with git-mlvc"
    return {
        "stage": heading.stage,
        "began": heading.began,
        "attempt": heading.attempt,
        "is_running": is_running,
        "ended": ended,
        "path": str(path),
    }
