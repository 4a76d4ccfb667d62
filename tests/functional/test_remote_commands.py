"""`git mlvc remote`: what a person types and reads. What is written where: tests/unit/worktree/test_remotes.py."""

from __future__ import annotations

import json
import stat
from typing import Any

import pytest
from support.content import noise
from support.fault_proxy import Answer, FaultProxy
from support.one_process import answers
from support.repo import Machine, Repo
from support.servers.gcs_double import GcsDouble

KEYS = ["-o", "access-key-id=AKIAIOSFODNN7EXAMPLE", "-o", "secret-access-key=hunter2"]


@pytest.fixture
def repo(bare_machine: Machine) -> Repo:
    return bare_machine.init()


def listed(repo: Repo) -> dict[str, dict[str, Any]]:
    answer = json.loads(repo.mlvc("remote", "list", "--json").out)
    assert (answer["version"], answer["kind"]) == (1, "remotes")
    return {row["name"]: row for row in answer["remotes"]}


def test_a_remote_with_options_is_added_shown_and_renamed(repo: Repo) -> None:
    words = ["remote", "add", "cloud", "s3://bucket/data", "-o", "Region=eu", "--default"]
    said = repo.mlvc(*words, "-o", "path_style=true")
    assert said.out == "remote cloud: s3://bucket/data path-style=true region=eu (in mlvc.toml)\n"
    repo.mlvc("remote", "rename", "cloud", "sky")
    assert listed(repo) == {
        "sky": {
            "name": "sky",
            "url": "s3://bucket/data",
            "origin": "mlvc.toml",
            "default": True,
            "trusted": True,
            "options": {"path-style": "true", "region": "eu"},
            "writable": True,
            "routes": [],
            "problem": None,
        }
    }
    lines = repo.mlvc("remote").out.splitlines()
    assert lines[0].split() == ["name", "address", "defined"]
    assert lines[1].split()[-2:] == ["mlvc.toml", "default"]


def test_secrets_stay_in_this_clone_and_are_never_shown(repo: Repo) -> None:
    refused = repo.mlvc("remote", "add", "cloud", "s3://b", *KEYS, check=False)
    assert refused.returncode == 2 and not repo.has("mlvc.toml")
    repo.mlvc("remote", "add", "cloud", "s3://b", *KEYS, "--private")
    said = [refused]
    said += answers(repo, *(
        ["remote", "list"], ["remote", "list", "--json"], ["env"], ["doctor"],
        ["remote", "set", "cloud", "regoin=x", "--private"],
        ["remote", "add", "cloud", "/x"], ["remote", "set-url", "cloud", "s3://c", "--private"],
    ))  # fmt: skip
    for result in said:
        assert "hunter2" not in result.out + result.err, result
        assert "AKIAIOSFODNN7EXAMPLE" not in result.out + result.err, result
    assert "…" in said[1].out


def test_a_secret_written_by_hand_is_refused_by_every_command(repo: Repo) -> None:
    repo.write({"mlvc.toml": b'[remote.web]\nurl = "https://me:hunter2@host/x"\n'})
    for said in answers(repo, ["remote", "list"], ["status"], ["pull"], ["push"]):
        assert said.returncode == 2, said
        assert "mlvc.toml: remote.web.url holds a secret" in said.err
        assert "git config mlvc.remote.web.url VALUE" in said.err
        assert "hunter2" not in said.err + said.out


def test_a_path_below_ones_home_is_no_help_to_colleagues(repo: Repo) -> None:
    mine = repo.machine.home / "data"
    said = repo.mlvc("remote", "add", "lab", str(mine))
    assert "below your home" in said.err and "--private" in said.err
    assert "below your home" not in repo.mlvc("remote", "add", "p", str(mine), "--private").err


def test_a_relative_path_is_shown_as_what_it_stands_for(repo: Repo) -> None:
    repo.at("sub").mkdir()
    said = repo.machine.git("mlvc", "remote", "add", "lab", "../lab", cwd=repo.at("sub"))
    assert f"it is {repo.machine.path('lab').resolve()}" in said.err
    repo.mlvc("remote", "rm", "lab")
    assert listed(repo) == {}


def test_a_place_in_the_worktree_is_warned_of(repo: Repo) -> None:
    assert "in the worktree" in repo.mlvc("remote", "add", "in", "place/data", "--private").err
    assert "in the worktree" not in repo.mlvc("remote", "add", "git", ".git/x", "--private").err
    assert "in the worktree" not in repo.mlvc("remote", "add", "out", "../data").err
    repo.at("round").symlink_to("round")
    assert "in the worktree" in repo.mlvc("remote", "add", "round", "./round", "--private").err
    assert repo.mlvc("push", "round", check=False).refused_because("symbolic links")


def test_what_is_wrong_with_a_remote_is_told_and_hides_no_other(repo: Repo) -> None:
    repo.write(
        {
            "mlvc.toml": b"""
[remote]
default = "gone"
[remote.cloud]
url = "s3://b"
regoin = "eu"
[remote.lab]
url = "/lab"
"""
        }
    )
    rows = listed(repo)
    assert "did you mean" in repo.mlvc("remote", "list").err or rows["cloud"]["problem"]
    assert "regoin" in rows["cloud"]["problem"] and rows["lab"]["problem"] is None
    assert not rows["lab"]["trusted"] and rows["cloud"]["writable"] is None
    doctor = repo.mlvc("doctor", check=False).out
    assert "regoin" in doctor and "git mlvc remote trust lab" in doctor and "'gone'" in doctor


def test_without_any_remote_the_list_says_what_to_do(repo: Repo) -> None:
    said = repo.mlvc("remote", "list")
    assert said.out == "" and "git mlvc remote add" in said.err
    assert listed(repo) == {}


def test_removing_says_which_routes_lead_nowhere_now(repo: Repo) -> None:
    repo.mlvc("remote", "add", "lab", "/lab")
    with repo.at("mlvc.toml").open("a") as settings:
        settings.write('[track."models/**"]\nremote = "lab"\n')
    assert listed(repo)["lab"]["routes"] == ["models/**"]
    assert "models/**" in repo.mlvc("remote", "remove", "lab").err


MISTAKES = [
    (["remote", "add", "x", "--", "-oProxyCommand=x"], "./-oProxyCommand=x"),
    (["remote", "add", "x", "s3x://b"], "did you mean s3?"),
    (["remote", "add", "x", "s3://b", "-o", "region"], "write region=VALUE"),
    (["remote", "add", "x", "s3://b", "-o", "regoin=eu"], "did you mean 'region'?"),
    (["remote", "remove", "lba"], "did you mean 'lab'?"),
    (["remote", "set", "lab"], "git mlvc remote set lab KEY=VALUE"),
]


def test_mistakes_are_met_with_what_was_meant(repo: Repo) -> None:
    repo.mlvc("remote", "add", "lab", "/lab")
    heard = answers(repo, *(words for words, _ in MISTAKES))
    for said, (_, hint) in zip(heard, MISTAKES, strict=True):
        assert said.returncode == 2 and hint in said.err.split("hint: ")[1], said


# -- check


def test_check_of_a_directory_that_works_leaves_nothing_behind(repo: Repo) -> None:
    place = repo.machine.path("lab")
    repo.mlvc("remote", "add", "lab", str(place))
    said = repo.mlvc("remote", "check", "lab")
    assert "no git-mlvc remote is there yet" in said.out
    assert [line.split()[0] for line in said.out.splitlines()[1:]] == ["ok"] * 8
    assert not place.exists()
    repo.track("*.bin").write({"a.bin": noise(3000)})
    repo.machine.install()
    repo.add().commit("one").mlvc("push", "lab")
    before = sorted(place.rglob("*"))
    answer = json.loads(repo.mlvc("remote", "check", "lab", "--json").out)
    assert (answer["kind"], answer["ok"], answer["answers"]) == ("remote check", True, True)
    assert answer["remote"] == {"name": "lab", "url": str(place), "format": 1}
    assert answer["left"] == [] and {step["verdict"] for step in answer["steps"]} == {"ok"}
    assert sorted(place.rglob("*")) == before


def test_check_says_what_is_missing_and_what_does_not_answer(repo: Repo) -> None:
    repo.mlvc("remote", "add", "away", str(repo.machine.path("not-mounted") / "lab"))
    away = repo.mlvc("remote", "check", "away", check=False)
    assert away.returncode == 7 and "is the disk mounted?" in away.out
    file = repo.machine.path("file")
    file.write_bytes(b"x")
    repo.mlvc("remote", "add", "file", str(file))
    said = repo.mlvc("remote", "check", "file", check=False)
    assert said.returncode == 1 and "not a directory" in said.out
    newer = repo.machine.path("newer")
    newer.mkdir()
    (newer / "format").write_bytes(b"git-mlvc store 9\nchunks x\n")
    repo.mlvc("remote", "add", "newer", str(newer))
    said = repo.mlvc("remote", "check", "newer", check=False)
    assert said.returncode == 1 and "upgrade git-mlvc" in said.out
    assert [path.name for path in newer.iterdir()] == ["format"], "nothing was tried there"


def test_check_of_a_name_that_does_not_resolve_takes_seconds(repo: Repo) -> None:
    repo.mlvc("remote", "add", "typo", "s3://b", *KEYS, "-o", "endpoint=http://no-such-host.invalid", "--private")  # fmt: skip
    said = repo.mlvc("remote", "check", "typo", check=False, timeout_s=60)
    assert said.returncode == 7, said


def test_check_does_not_contact_what_is_not_trusted(repo: Repo) -> None:
    place = repo.machine.path("lab")
    repo.write({"mlvc.toml": f'[remote.lab]\nurl = "{place}"\n'.encode()})
    said = repo.mlvc("remote", "check", "lab", check=False)
    assert said.returncode == 7 and "hint: git mlvc remote trust lab" in said.err
    assert not place.exists() and "git mlvc remote trust lab" not in said.out
    assert repo.mlvc("remote", "trust", "lab").out == f"trusted: {place}\n"
    repo.mlvc("remote", "check", "lab")
    repo.mlvc("remote", "trust", "lab", "--undo")
    assert repo.mlvc("remote", "check", "lab", check=False).returncode == 7


def test_check_of_the_place_beside_the_git_remote(repo: Repo) -> None:
    bare = repo.machine.bare()
    repo.git("remote", "add", "origin", bare.path)
    before = sorted(bare.path.rglob("*"))
    repo.mlvc("remote", "check", "origin")
    assert sorted(bare.path.rglob("*")) == before
    assert stat.S_ISDIR(bare.path.stat().st_mode)


def test_check_names_the_permission_that_is_missing(repo: Repo, gcs_server: GcsDouble) -> None:
    place = gcs_server.place()
    with FaultProxy(gcs_server.port) as proxy:
        endpoint = proxy.through(place.options["endpoint"])
        repo.mlvc("remote", "add", "g", place.url, "-o", f"endpoint={endpoint}", "--private")
        assert repo.mlvc("remote", "check", "g", env=place.environment).out.count(" ok ") == 8
        proxy.rules.add(Answer(403), method="DELETE", times=-1)
        said = repo.mlvc("remote", "check", "g", env=place.environment, check=False)
        assert said.returncode == 1 and "may not delete" in said.out, said
        assert "could not be deleted" in said.err
        proxy.rules.add(Answer(403), method="PUT", times=-1)
        said = repo.mlvc("remote", "check", "g", env=place.environment, check=False)
        assert said.returncode == 1 and "may not write" in said.out, said
        assert gcs_server.token not in said.out + said.err
    said = repo.mlvc("remote", "check", "g", env=place.environment, check=False, timeout_s=60)
    assert said.returncode == 7, "nobody listens there any more"


def test_data_is_beside_the_directory_that_git_makes_of_an_address(machine: Machine) -> None:
    machine.config(f"url.{machine.root}/.insteadOf", "disk:")
    author = machine.init("author").track("*.bin").write({"a.bin": noise(3000)})
    machine.bare()
    author.git("remote", "add", "origin", "disk:origin.git")
    author.add().commit("one").git("push", "-q", "origin", "main")
    assert (machine.path("origin.git") / "mlvc" / "packs").is_dir()
    copy = machine.clone("disk:origin.git", "copy")
    assert copy.read("a.bin") == noise(3000)
