"""A folder of its own for every test, and nothing of the surroundings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from git_mlvc.log import runs

OF_LAUNCHERS = (
    "MLVC_LOG_DIR", "MLVC_LOG_RUN", "MLVC_STAGE", "MLVC_ROOT", "SLURM_JOB_ID", "SLURM_PROCID", "RANK",
    "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK",
)  # fmt: skip


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The directory that is logged into unless something else is said."""
    for name in OF_LAUNCHERS:
        monkeypatch.delenv(name, raising=False)
    for folder in ("tmp", "here"):
        (tmp_path / folder).mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.chdir(tmp_path / "here")
    yield tmp_path / "here"
    runs.end_all()
    runs._ended.clear()
