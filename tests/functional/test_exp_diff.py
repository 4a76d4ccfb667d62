"""`git mlvc exp diff`: parameters, metrics and files of two experiments."""

from __future__ import annotations

import json

from support import experiment_refs
from support.experiment_refs import Made
from support.repo import Machine


def test_two_experiments_or_one_and_the_worktree_are_compared(machine: Machine) -> None:
    repo = experiment_refs.start(machine.init())
    repo.write({"data.bin": b"\0" * 10, "odd|name.txt": b"1"}).add().commit("more")
    experiment_refs.make(
        repo,
        Made("brisk-otter", metrics={"acc": 0.8, "loss": 0.4}),
        Made("calm-owl", lr=0.01, seed=2, metrics={"acc": 0.9, "loss": 0.2, "f1": 0.5},
             files={"src/train.py": b"print(1)", "odd|name.txt": b"2"}),
        Made("broken", text="{"),
    )  # fmt: skip
    said = repo.mlvc("exp", "diff", "brisk-otter", "calm-owl")
    words = [line.split() for line in said.out.splitlines()]
    assert ["train.lr", "0.1", "0.01"] in words and ["seed", "1", "2"] in words
    assert words[words.index([]) + 2][:6] == ["acc", "0.8", "0.9", "+0.1", "+12.5", "%"]
    assert any(line[:1] == ["loss"] and line[-1] == "better" for line in words)
    assert ["added", "src/train.py"] in words and ["modified", "params.toml"] in words
    hint = "git diff mlvc/exp/brisk-otter mlvc/exp/calm-owl"
    assert hint in said.err
    assert "+print(1)" in repo.git(*hint.split()[1:]).out

    found = json.loads(repo.mlvc("exp", "diff", "main", "calm-owl", "--json").out)
    assert found["kind"] == "exp-diff"
    assert [one["key"] for one in found["metrics"]["differences"]] == ["acc", "loss", "f1"]
    assert {"path": "src/train.py", "status": "added"} in found["files"]
    marked = repo.mlvc("exp", "diff", "main", "calm-owl", "--md").out
    assert "| train.lr" in marked and "- modified: odd\\|name.txt" in marked

    same = repo.mlvc("exp", "diff", "HEAD")
    assert same.out == "" and "nothing differs between HEAD and worktree" in same.err
    repo.write({"params.toml": experiment_refs.params(0.5, 1)})
    here = repo.mlvc("exp", "diff")
    assert "0.5" in here.out and "modified  params.toml" in here.out
    back = repo.mlvc("exp", "diff", ".", "calm-owl")
    assert "added     src/train.py" in back.out and "git diff -R mlvc/exp/calm-owl" in back.err
    repo.git("branch", "calm-owl", "main")
    taken = repo.mlvc("exp", "diff", "main", "calm-owl")
    assert "warning: calm-owl is taken for git's; the experiment is mlvc/exp/calm-owl" in taken.err
    repo.git("branch", "-D", "calm-owl")
    # What cannot be read is told, and not taken for gone.
    broken = repo.mlvc("exp", "diff", "calm-owl", "broken")
    assert "broken: metrics.json" in broken.err and "unknown" in broken.out
    refusal = repo.mlvc("exp", "diff", "brisk-oter", "main", check=False)
    assert refusal.refused_because("did you mean 'brisk-otter'")
