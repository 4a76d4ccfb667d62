"""Repositories with experiments in them, made by one `git fast-import`: nothing is run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from support.repo import Repo

from git_mlvc.experiments import record
from git_mlvc.experiments.record import ExperimentRecord

STAGES = b"""\
[stage.train]
cmd = "true"
params = ["train", "seed"]
metrics = [{path = "metrics.json", goal = {loss = "min"}}]
"""


@dataclass(frozen=True)
class Made:
    """An experiment to be made. `files`: besides params.toml and metrics.json; `text`: in place of metrics.json."""

    name: str
    lr: float = 0.1
    seed: int = 1
    metrics: Mapping[str, object] = field(default_factory=dict)
    text: str | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)
    overrides: Mapping[str, object] = field(default_factory=dict)
    duration_s: float | None = 2.0


def params(lr: float, seed: int) -> bytes:
    return f"seed = {seed}\n[train]\nlr = {lr}\nopt = 'adam'\n".encode()


def start(repo: Repo) -> Repo:
    """Commit a pipeline with its parameters and metrics."""
    files = {"mlvc.toml": STAGES, "params.toml": params(0.1, 1)}
    return repo.write({**files, "metrics.json": b'{"acc": 0.5, "loss": 0.9}'}).add().commit("base")


def make(repo: Repo, *experiments: Made, baseline: str = "HEAD") -> Repo:
    """Make experiments on a commit, each a second later than the one before."""
    sha = repo.text("rev-parse", baseline)
    stream: list[bytes] = []
    for number, one in enumerate(experiments):
        text = json.dumps(one.metrics) if one.text is None else one.text
        files = {
            "params.toml": params(one.lr, one.seed),
            "metrics.json": text.encode(),
            **one.files,
        }
        overrides = one.overrides or {"params.toml:train.lr": one.lr, "params.toml:seed": one.seed}
        message = record.encode(
            ExperimentRecord(
                overrides,
                stages=("train",),
                duration_s=one.duration_s,
                subject=record.subject(one.name, overrides),
            )
        ).encode()
        who = f"Ada <ada@example.org> {1_700_100_000 + number} +0000"
        stream += [
            f"commit refs/mlvc/exp/{one.name}\nauthor {who}\ncommitter {who}\n".encode(),
            _data(message),
            f"from {sha}\n".encode(),
            *(f"M 100644 inline {path}\n".encode() + _data(data) for path, data in files.items()),
        ]
    repo.git("fast-import", "--quiet", "--force", input=b"".join(stream), tick=False)
    return repo


def _data(data: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(data), data)
