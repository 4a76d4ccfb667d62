"""`push = false`: what a stage made stays on this machine; pushes, `status` and `whereis` know it."""

from __future__ import annotations

import json

from support.repo import Machine, Repo

STAGES = b"""\
[stage.train]
cmd  = "echo weights > model.bin; echo huge > checkpoint.bin; cp model.bin same.bin"
outs = ["model.bin", {path = "checkpoint.bin", push = false}, {path = "same.bin", push = false}]
"""


def test_an_out_with_push_false_is_left_out_of_pushes_and_said_to_be_kept_here(
    machine: Machine, repo: Repo, remote: Repo
) -> None:
    repo.write({"mlvc.toml": STAGES})
    repo.mlvc("repro")
    repo.add().commit("one")
    repo.git("push", "-q", "origin", "main")
    said = repo.mlvc("status").out
    assert "1 file kept off remotes (push = false)" in said
    assert "0 files not on remote" in said
    assert json.loads(repo.mlvc("status", "--json").out)["kept_here"] == ["checkpoint.bin"]
    where = repo.mlvc("whereis", "--json")  # exit code 0: nothing is missing
    assert {f["path"]: f["kept_here"] for f in json.loads(where.out)["files"]} == {
        "checkpoint.bin": True,
        "model.bin": False,
        "same.bin": False,  # the same content is elsewhere, and is pushed there
    }
    assert "1 file kept off remotes" in repo.mlvc("whereis").err

    clone = machine.clone("origin.git", "clone")
    assert clone.read("model.bin") == clone.read("same.bin") == b"weights\n"
    assert clone.stubs() == ["checkpoint.bin"]
    for verb in ("init", "pull"):
        said = clone.mlvc(verb).err  # exit code 0: nobody can do better
        assert "checkpoint.bin stays a stub: kept off remotes by the stage (push = false)" in said
        assert "cannot" not in said
    assert clone.mlvc("pull", "checkpoint.bin", check=False).returncode == 5
    clone.write({"notes.txt": b"1"}).add().commit("two")
    clone.git(
        "push", "-q", "origin", "main"
    )  # without the data of the stub, which is nobody's to have
