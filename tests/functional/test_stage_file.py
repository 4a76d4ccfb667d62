"""Stage files through the real command line: mistakes are told to people, and git is never in the way."""

from __future__ import annotations

import json

from support.repo import Machine


def test_a_stage_file_with_mistakes_is_told_and_does_not_stop_git(machine: Machine) -> None:
    repo = machine.init().track("*.bin")
    repo.write({"a.bin": b"x" * 5000, "mlvc.toml": b'[stage.a]\ncmd = "x"\ndep = ["b"]\n[later]\n'})
    repo.add("a.bin", "mlvc.toml").commit("one")
    assert repo.blob("HEAD:a.bin").startswith(b"git-mlvc pointer 1")

    refused = repo.mlvc("stage", "list", check=False)
    assert refused.returncode == 2
    refused.refused_because("mlvc.toml, line 4, column 1: [later]: there is no such table")

    repo.write({"mlvc.toml": b'[stage.a]\ncmd = "x"\ndep = ["b"]\n'})
    refused = repo.mlvc("stage", "list", check=False)
    refused.refused_because("mlvc.toml, line 3, column 1: stage 'a', dep: there is no such key")
    refused.refused_because("hint: did you mean 'deps'?")

    repo.write(
        {
            "mlvc.toml": b'[stage.a]\ncmd = "x ${lr}"\n',
            "params.yaml": b"lr: 1e-4\n",
            "süb dir/mlvc.toml": b'[stage.a]\ncmd = "y"\n[remote.x]\nurl = "/x"\n',
        }
    )
    refused = repo.mlvc("stage", "list", check=False)
    refused.refused_because(
        "süb dir/mlvc.toml, line 3, column 1: [remote]: it is only for the mlvc.toml"
    )

    repo.write({"süb dir/mlvc.toml": b'[stage.a]\ncmd = "y"\n'})
    listed = json.loads(repo.mlvc("stage", "list", "--json").out)
    assert "süb dir:a" in json.dumps(listed, ensure_ascii=False)
    assert "x 0.0001" in json.dumps(listed)

    schema = json.loads(repo.mlvc("stage", "schema").out)
    assert schema["title"] == "mlvc.toml"
