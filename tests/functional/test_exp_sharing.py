"""Experiments between people: `exp push`, `exp pull`, `exp list --remote`."""

from __future__ import annotations

import json

from support.content import noise
from support.experiments import draft, experiment, has_run, project
from support.one_process import answers
from support.repo import Machine, Repo

RAW = noise(60_000, 1)
TOKEN = b"token: ghp_" + b"a1B2c3D4e5F6g7H8i9J0\n"  # made up


def refs_of(repo: Repo) -> dict[str, str]:
    lines = repo.text(
        "for-each-ref", "--format=%(refname:lstrip=3) %(objectname)", "refs/mlvc/exp/"
    )
    return dict(line.split(" ") for line in lines.splitlines())


def test_a_colleague_reproduces_the_best_one_bit_for_bit_with_nothing_run(
    machine: Machine,
) -> None:
    repo = project(machine, RAW)
    bare = machine.bare()
    repo.git("remote", "add", "origin", "../origin.git")
    repo.git("push", "-q", "-u", "origin", "main")
    best = experiment(repo, "brisk-otter", {"params.toml": b"lr = 0.3\nseed = 1\n"})
    other = draft(repo, "calm-owl", {"params.toml": b"lr = 0.01\nseed = 1\n"})
    metrics, model = repo.blob(f"{best}:metrics.json"), RAW + b"lr = 0.3\nseed = 1\n"

    # Plain git carries none of them; a glob, then all.
    repo.commit("more").git("push", "-q", "origin", "main")
    assert refs_of(bare) == {}
    said = repo.mlvc("exp", "push", "b*")
    assert "brisk-otter: pushed\norigin: 1 experiment pushed" in said.out, said
    assert refs_of(bare) == {"brisk-otter": best}
    assert "1 experiment pushed; 1 there already" in repo.mlvc("exp", "push", "origin").out
    assert refs_of(bare) == {"brisk-otter": best, "calm-owl": other}

    clone = machine.clone("origin.git", "clone")
    clone.git("fetch", "-q")
    assert refs_of(clone) == {}
    pulled = json.loads(clone.mlvc("exp", "pull", "--json").out)
    assert [one["name"] for one in pulled["pulled"]] == ["brisk-otter", "calm-owl"]
    assert pulled["failed"] == [] and pulled["runs"] == 2
    # From here on nobody else is asked.
    bare.path.rename(bare.path.with_name("away"))
    repo.lose_data()
    clone.git("worktree", "add", "-q", "../otter", "refs/mlvc/exp/brisk-otter")
    otter = clone.worktree("otter")
    assert otter.read("model.bin") == model and otter.read("metrics.json") == metrics
    assert otter.stubs() == []
    said = otter.mlvc("repro", "--pull", check=False)
    assert said.returncode == 0 and not has_run(otter), said
    assert otter.read("metrics.json") == metrics
    assert otter.read("seen/raw.bin") == RAW  # which only the lock names
    assert otter.is_clean()
    clone.mlvc("exp", "apply", "brisk-otter")
    assert clone.mlvc("repro", "--plan").returncode == 0 and not has_run(clone)
    assert clone.read("metrics.json") == metrics and clone.read("seen/raw.bin") == RAW


def test_one_name_for_two_experiments_is_refused_on_both_sides(machine: Machine) -> None:
    repo = project(machine, RAW)
    machine.bare()
    repo.git("remote", "add", "origin", "../origin.git")
    repo.git("push", "-q", "-u", "origin", "main")
    clone = machine.clone("origin.git", "clone")
    mine = draft(repo, "same", {"params.toml": b"lr = 0.3\nseed = 1\n"})
    repo.mlvc("exp", "push")
    theirs = draft(clone, "same", {"params.toml": b"lr = 0.4\nseed = 1\n"})
    third = draft(clone, "third", {"params.toml": b"lr = 0.5\nseed = 1\n"})
    listed = json.loads(repo.mlvc("exp", "list", "--remote", "--json").out)["experiments"]
    assert listed == [
        {"name": "same", "commit": mine, "state": "here", "subject": "experiment same"}
    ]
    listed = json.loads(clone.mlvc("exp", "list", "--remote", "origin", "--json").out)
    assert [one["state"] for one in listed["experiments"]] == ["differs"]
    nowhere = clone.fails("mlvc", "exp", "list", "--remote", "orign")
    assert "there is no git remote 'orign'" in nowhere.err

    said = clone.mlvc("exp", "pull", check=False)
    assert said.refused_because("'same' is one experiment here and another one on origin")
    assert "exp rename same" in said.err and said.returncode == 7
    assert refs_of(clone)["same"] == theirs
    said = clone.mlvc("exp", "push", check=False)
    assert said.refused_because("'same' is one experiment here and another one on origin")
    assert "third: pushed" in said.out  # the others go
    assert refs_of(machine.repo("origin.git")) == {"same": mine, "third": third}

    said = clone.mlvc("exp", "push", "-f", "same")
    assert f"same: pushed, instead of {mine[:10]}" in said.out
    assert refs_of(machine.repo("origin.git"))["same"] == theirs
    said = repo.mlvc("exp", "pull", "-f")
    assert f"same: pulled, instead of {mine[:10]}" in said.out
    assert refs_of(repo) == {"same": theirs, "third": third}

    # Deleted there: it stays here, is told, and is not pushed again unless it is named.
    machine.repo("origin.git").git("update-ref", "-d", "refs/mlvc/exp/third")
    said = repo.mlvc("exp", "pull")
    assert "third deleted on origin: still here" in said.err and "exp rm third" in said.err
    assert refs_of(repo)["third"] == third
    assert "third deleted on origin: not pushed again" in repo.mlvc("exp", "push").err
    assert "third" not in refs_of(machine.repo("origin.git"))
    assert "third: pushed" in repo.mlvc("exp", "push", "third").out


def test_law_1_refs_follow_data_and_what_was_cut_short_is_taken_up(machine: Machine) -> None:
    """Data in two places by routes; a remote that takes no refs, then one that has lost its data."""
    repo = project(machine, RAW)
    bare = machine.bare()
    repo.git("remote", "add", "origin", "../origin.git")
    routes = b'[remote]\narchive = { url = "../archive" }\n[track."raw.bin"]\nremote = "archive"\n'
    settings = repo.read("mlvc.toml") + routes
    repo.write({"mlvc.toml": settings}).add().commit("routes")
    repo.mlvc("remote", "trust", "archive")
    commit = experiment(repo, "brisk-otter", {"params.toml": b"lr = 0.3\nseed = 1\n"})
    hook = bare.path / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho closed today >&2\nexit 1\n")
    hook.chmod(0o755)
    said = repo.mlvc("exp", "push", check=False)
    assert said.returncode == 7 and said.refused_because("origin does not take 'brisk-otter'")
    assert "0 experiments pushed" in said.out and refs_of(bare) == {}
    for place in (bare.path / "mlvc", machine.path("archive")):
        assert any((place / "packs").rglob("*")), place
    hook.unlink()
    assert "brisk-otter: pushed" in repo.mlvc("exp", "push").out
    repo.git("push", "-q", "origin", "main")

    clone = machine.clone("origin.git", "clone")
    clone.mlvc("remote", "trust", "archive")
    (bare.path / "mlvc").rename(machine.path("away"))
    clone.lose_data()
    said = clone.mlvc("exp", "pull", check=False)
    assert said.refused_because("cannot fetch model.bin")
    assert refs_of(clone) == {"brisk-otter": commit}  # its numbers can be looked at
    machine.path("away").rename(bare.path / "mlvc")
    said = clone.mlvc("exp", "pull")
    assert "0 experiments pulled; 1 here already" in said.out and "file" in said.out, said
    clone.git("checkout", "-q", "refs/mlvc/exp/brisk-otter")
    assert clone.read("model.bin") == RAW + b"lr = 0.3\nseed = 1\n"


def test_new_files_that_look_like_secrets_stop_a_push_before_anything_is_sent(
    machine: Machine,
) -> None:
    repo = project(machine, RAW)
    bare = machine.bare("elsewhere.git")  # known to nobody by name: an address does
    files = {
        ".env": b"A=1\n",
        "conf/notes.txt": b"x\n" + TOKEN,
        "params.toml": b"lr = 0.3\nseed = 1\n",
    }
    draft(repo, "brisk-otter", files)
    said = repo.mlvc("exp", "push", "../elsewhere.git", check=False)
    assert said.returncode == 10 and said.refused_because(
        ".env (in brisk-otter): files of this name"
    )
    assert "conf/notes.txt (in brisk-otter): line 2 looks like a token of GitHub" in said.err
    assert refs_of(bare) == {} and not bare.has("mlvc/packs")
    said = repo.mlvc("exp", "push", "../elsewhere.git", "--allow", ".env", check=False)
    assert "1 new file may be secret" in said.err
    repo.mlvc("exp", "push", "../elsewhere.git", "--allow", ".env", "--allow", "conf/*")
    assert [*refs_of(bare)] == ["brisk-otter"]
    # Whoever clones that has its data too.
    clone = machine.clone(bare.path, "clone")
    assert "brisk-otter" in clone.mlvc("exp", "list", "--remote").out
    clone.mlvc("exp", "pull")
    clone.git("checkout", "-q", "refs/mlvc/exp/brisk-otter")
    assert clone.read("raw.bin") == RAW
    wrong = {
        ("exp", "pull", "orgin"): "did you mean 'origin'?",
        ("exp", "pull", "origin", "brisk-oter"): "did you mean 'brisk-otter'?",
        ("exp", "pull", "../gone.git"): "cannot see the experiments of ../gone.git",
        ("exp", "push", "x*"): "no experiment is called like 'x*'",
    }
    for refused, why in zip(answers(clone, *wrong), wrong.values(), strict=True):
        assert refused.refused_because(why)
    assert repo.mlvc("exp", "push", check=False).refused_because("there is no git remote")
