"""A script that logs, as a stage: what `metrics`, `params`, `plots` and `exp` read of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from support.repo import Machine

from git_mlvc import log

STAGES = f"""
[stage.train]
cmd     = ["{sys.executable} train.py", "{sys.executable} test.py"]
deps    = ["train.py", "test.py"]
params  = ["lr"]
outs    = [{{path = "logged_params.json", store = false}}, "artifacts/"]
metrics = [{{path = "metrics.json", goal = {{loss = "min"}}}}]
plots   = ["plots/"]
"""

TRAIN = f"""
import sys
sys.path.insert(0, {str(Path(log.__file__ or "").parents[2])!r})
import tomllib
from git_mlvc import log
lr = tomllib.load(open("params.toml", "rb"))["lr"]
log.params({{"net": {{"width": 64}}}})
for step in range(4):
    log.metric("train/loss", lr / (step + 1), step=step)
    log.metric("train/odd", float("nan") if step % 2 else float("inf"), step=step)
log.artifact("train.py")
"""

TEST = TRAIN.split("import tomllib")[0] + "from git_mlvc import log\nlog.metric('accuracy', 0.5)\n"


def test_what_a_stage_logs_is_read_by_metrics_params_plots_and_exp(machine: Machine) -> None:
    repo = machine.init()
    repo.write({"mlvc.toml": STAGES.encode(), "train.py": TRAIN.encode(), "test.py": TEST.encode(), "params.toml": b"lr = 1.0\n"})  # fmt: skip
    repo.mlvc("repro")
    repo.add().commit("one")
    first = {name: path.read_bytes() for name, path in repo.files() if name.startswith("plots/")}
    assert first["plots/train/loss.csv"].startswith(b"step,loss\n0,1.0\n1,0.5\n")
    assert set(first) == {f"plots/{name}.csv" for name in ("accuracy", "train/loss", "train/odd")}

    # Both commands of the stage are one run; the next attempt is another one, and equal.
    repo.at("plots/train/loss.csv").unlink()
    repo.mlvc("repro", "--force")
    assert repo.is_clean()

    shown = repo.mlvc("metrics", "show", "--json").out
    for words in ("train.loss", "0.25", "accuracy", "0.5"):
        assert words in shown
    assert "net.width" in repo.mlvc("params", "show", "--json").out
    assert "loss.csv" in repo.mlvc("plots", "show", "--out", "page.html").out + repo.read("page.html").decode()  # fmt: skip
    repo.at("page.html").unlink()

    repo.mlvc("exp", "run", "--name", "slower", "-S", "lr=0.5")
    table = json.dumps(json.loads(repo.mlvc("exp", "show", "--json").out))
    for words in ("slower", "train.loss", "0.125", "net.width"):
        assert words in table, words
