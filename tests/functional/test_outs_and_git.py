"""What stages make, as git sees it: pointers where it is data, and nothing modified after it was restored."""

from __future__ import annotations

import shutil

from support.content import is_pointer, noise
from support.repo import Machine

MAKE = """\
import os, random, sys
seed = open("seed").read()
os.makedirs("data/deep/er")
for n in range(3):
    open(f"data/deep/er/{n}.csv", "wb").write(random.Random(f"{seed}{n}").randbytes(50_000))
open("data/run.sh", "w").write("echo " + seed)
os.chmod("data/run.sh", 0o755)
open("models/m.weights", "wb").write(random.Random(seed).randbytes(2_000_000))
open("metrics.json", "w").write('{"seed": %s}' % seed)
"""
STAGES = b"""\
[stage.make]
cmd     = "python make.py"
deps    = ["make.py", "seed"]
outs    = ["data/", "models/m.weights"]
metrics = ["metrics.json"]
"""


def test_after_repro_git_add_commits_pointers_and_after_a_restore_git_finds_nothing_to_read(
    machine: Machine,
) -> None:
    repo = machine.init()
    repo.write(
        {
            "make.py": MAKE.encode(),
            "mlvc.toml": STAGES,
            "seed": b"1",
            ".gitattributes": b"*.json filter=mlvc diff=mlvc -merge -text\n",
        }
    )
    repo.mlvc("repro")
    repo.add().commit("one")
    tracked = repo.text("ls-files").split()
    data = {name for name in tracked if is_pointer(repo.blob(f":{name}"))}
    assert data == {name for name in tracked if name.startswith(("data/", "models/"))}
    assert repo.blob(":metrics.json") == b'{"seed": 1}'
    first = repo.snapshot()

    repo.write({"seed": b"2"})
    repo.mlvc("repro")
    assert repo.snapshot() != first
    repo.write({"seed": b"1"})
    repo.write({"data/mine.csv": noise(100)})
    said = repo.mlvc("repro").err
    assert "restored" in said
    assert "kept what stood at data/mine.csv" in said
    assert repo.snapshot() == first
    assert repo.is_clean()
    assert not [n for n in repo.cleans("status", "--porcelain") if n.startswith(("data", "models"))]

    # A clone has neither the tree of data/ nor the metrics in its store; git knows them.
    clone = machine.clone(repo.path, "clone")
    clone.mlvc("init")
    shutil.rmtree(clone.at("data"))
    clone.remove("metrics.json")
    plan = clone.mlvc("repro", "--plan", check=False).out
    assert plan == "restore  make  data is missing; metrics.json is missing\n"
    assert clone.mlvc("repro").out == "stages: 1 restored\n"
    assert clone.snapshot() == first
    assert clone.is_clean()


def test_where_modes_mean_nothing_to_git_they_mean_nothing_to_stages(machine: Machine) -> None:
    repo = machine.init().set("core.fileMode", "false")
    repo.write({"make.py": MAKE.encode(), "mlvc.toml": STAGES, "seed": b"1"})
    repo.mlvc("repro")
    assert "nothing to do" in repo.mlvc("repro").out


def test_where_nobody_has_set_git_up_repro_does_and_pull_fills_what_is_there_as_stubs(
    bare_machine: Machine,
) -> None:
    repo = bare_machine.init()
    repo.write({"make.py": MAKE.encode(), "mlvc.toml": STAGES, "seed": b"1"})
    assert repo.mlvc("repro", "--plan", check=False).err == ""
    said = repo.mlvc("repro").err
    assert "as by `git mlvc init`" in said and "filter: written" in said
    repo.add().commit("one")
    assert is_pointer(repo.blob(":models/m.weights"))
    assert repo.mlvc("repro").err == ""
    clone = bare_machine.clone(repo.path, "clone")
    assert "models/m.weights" in clone.stubs()
    said = clone.mlvc("repro", "--pull")
    assert said.out == "nothing to do: 1 stage unchanged\n" and "filled 5 files" in said.err
    assert clone.stubs() == []
    assert clone.snapshot() == repo.snapshot()
    assert clone.is_clean()
