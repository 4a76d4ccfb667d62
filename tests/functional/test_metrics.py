"""`git mlvc metrics` and `params`: show and diff, across revisions and the worktree."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess

from support.one_process import answers
from support.repo import Machine, Repo

STAGES = b"""
[stage.train]
cmd = "train --lr ${lr}"
params = ["seed", "model"]
metrics = [{path = "${out}/scores.json", goal = {loss = "min", acc = "max"}}, "timing.csv"]
"""
PARAMS = b'lr: 0.1\nseed: 1\nout: a\nmodel:\n  layers: [1, 2]\n  name: "cnn | big"\n'


def scene(machine: Machine) -> Repo:
    """v1: one set of values. The worktree: another, with the metrics under another name."""
    repo = machine.init().write(
        {
            "mlvc.toml": STAGES,
            "params.yaml": PARAMS,
            "a/scores.json": b'{"loss": 0.5, "val": {"acc": 0.9, "same": 7}, "odd": NaN, "gone": 1}',
            "timing.csv": b"step,seconds\n1,2.5\n2,2.25\n",
        }
    )
    repo.add().commit("one")
    repo.git("tag", "v1")
    repo.git("tag", "a-blob", "HEAD:params.yaml")
    repo.git("update-ref", "refs/mlvc/exp/brave-owl", "HEAD")
    repo.remove("a/scores.json")
    repo.write(
        {
            "params.yaml": PARAMS.replace(b"0.1", b"0.01").replace(b"out: a", b"out: b"),
            "b/scores.json": b'{"loss": 0.4, "val": {"acc": 0.9, "same": 7}, "odd": 1, "new": Infinity}',
        }
    )
    return repo


def lines(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def at_a_terminal(repo: Repo, columns: int, *words: str) -> list[str]:
    """Return the lines that a terminal of so many columns is sent, without their colours."""
    fd, inside = os.openpty()
    env = {**repo.machine.env(), "TERM": "xterm", "COLUMNS": str(columns), "LC_ALL": "C.UTF-8"}
    with subprocess.Popen(
        ["git", "mlvc", *words], cwd=repo.path, env=env, stdout=inside
    ) as process:
        os.close(inside)
        said = b""
        try:
            while data := os.read(fd, 65536):
                said += data
        except OSError:  # the other end is closed
            pass
        os.close(fd)
    assert process.returncode == 0
    return re.sub(r"\x1b\[[0-9;]*m", "", said.decode()).splitlines()


def test_metrics_across_revisions_and_the_worktree(bare_machine: Machine) -> None:
    repo = scene(bare_machine)
    shown = repo.mlvc("metrics", "show", "brave-owl", ".")
    assert lines(shown.out) == [
        ["revision", "loss", "val.acc", "val.same", "odd", "gone", "step", "seconds", "new"],
        ["brave-owl", "0.5", "0.9", "7", "nan", "1", "2", "2.25", "-"],
        ["worktree", "0.4", "0.9", "7", "1", "-", "2", "2.25", "inf"],
    ]
    assert lines(repo.mlvc("metrics").out)[:2] == [["metric", "value"], ["loss", "0.4"]]
    every = repo.mlvc("metrics", "show", "--all-branches", "--all-tags", "--only-changed")
    assert lines(every.out)[0] == ["revision", "loss", "odd", "new", "gone"]
    assert [row[0] for row in lines(every.out)] == ["revision", "worktree", "main", "v1"]

    for words in (("metrics", "show", "v1", "."), ("metrics", "diff", "--all"), ("params", "diff")):
        narrow = at_a_terminal(repo, 40, *words)
        assert max(len(line.rstrip()) for line in narrow) <= 40
        assert "0.5" in " ".join(narrow).split() or words[0] == "params"

    # Whether it is better stands beside the numbers, and few revisions beside each other, where there is room for that.
    assert ["loss", "0.5", "0.4", "-20.0", "%", "↓", "better"] in lines(
        "\n".join(at_a_terminal(repo, 50, "metrics", "diff", "--all"))
    )
    turned = at_a_terminal(repo, 46, "metrics", "show", "v1", ".")
    assert turned[0].split() == ["metric", "v1", "worktree"]
    assert ["odd", "nan", "1"] in [line.split() for line in turned]

    answer = json.loads(repo.mlvc("metrics", "show", "--json").out, parse_constant=lambda _: 1 / 0)
    (revision,) = answer["revisions"]
    assert (answer["kind"], revision["rev"], revision["commit"]) == ("metrics", None, None)
    first, second = revision["files"]
    assert (first["path"], second["path"]) == ("b/scores.json", "timing.csv")
    assert first["values"][0] == {"key": "loss", "value": 0.4, "text": "0.4", "goal": "min"}
    assert first["values"][-1] == {"key": "new", "value": None, "text": "inf", "goal": None}

    rows = list(csv.reader(io.StringIO(repo.mlvc("metrics", "show", "v1", "--csv").out)))
    assert rows[0][:3] == ["revision", "commit", "a/scores.json:loss"]
    assert rows[1][:3] == ["v1", repo.head(), "0.5"]


def test_what_became_of_metrics_with_direction_percentage_and_goal(bare_machine: Machine) -> None:
    repo = scene(bare_machine)
    diff = repo.mlvc("metrics", "diff")
    assert lines(diff.out) == [
        ["metric", "HEAD", "worktree", "change", "%"],
        ["loss", "0.5", "0.4", "-0.1", "-20.0", "%", "↓", "better"],
        ["odd", "nan", "1", "changed"],
        ["new", "-", "inf", "new"],
        ["gone", "1", "-", "gone"],
    ]
    assert "a/scores.json (HEAD) is compared with b/scores.json (worktree)" in diff.err
    assert "4 metrics unchanged" in diff.err
    marked = repo.mlvc("metrics", "diff", "v1", "--md").out.splitlines()
    assert marked[2] == "| loss   | 0.5 |      0.4 |   -0.1 | -20.0 % | ↓ better |"
    assert len({len(line) for line in marked[:6]}) == 1
    rows = list(csv.DictReader(io.StringIO(repo.mlvc("metrics", "diff", "--csv", "--all").out)))
    assert rows[0]["percentage"] == "-19.999999999999996"
    assert {row["key"]: row["direction"] for row in rows} == {
        **dict.fromkeys(("val.acc", "val.same", "step", "seconds"), "same"),
        "loss": "down",
        "odd": "unordered",
        "new": "added",
        "gone": "removed",
    }
    answer = json.loads(repo.mlvc("metrics", "diff", "v1..HEAD", "--json").out)
    assert (answer["kind"], answer["differences"], answer["unchanged"]) == ("metrics-diff", [], 7)
    assert "No metric differs" in repo.mlvc("metrics", "diff", "v1", "HEAD", "--md").out

    several = repo.mlvc("metrics", "diff", "v1", "HEAD", ".")
    assert lines(several.out) == lines(diff.out.replace("HEAD", "  v1"))
    assert "no metric differs between v1 and HEAD" in several.err
    every = json.loads(repo.mlvc("metrics", "diff", "--all-branches", "--all-tags", "--json").out)
    assert every["kind"] == "metrics-diffs"
    assert [one["new"]["rev"] for one in every["comparisons"]] == [None, "main", "v1"]
    told = repo.mlvc("metrics", "diff", ".", "--all-tags", "--csv").out.splitlines()
    assert told[0].startswith("revision,path,key,old,new,")
    assert told[1].startswith("v1,a/scores.json,loss,0.4,0.5,")

    repo.write({"b/scores.json": b'{"loss":\n'})
    broken = repo.fails("mlvc", "metrics", "diff")
    assert broken.returncode == 10
    assert "b/scores.json, line 2" in broken.err
    assert ["loss", "0.5", "?", "unknown"] in lines(broken.out)  # law 9: not read is not gone


def test_parameters_across_revisions(bare_machine: Machine) -> None:
    repo = scene(bare_machine)
    assert lines(repo.mlvc("params", "show").out) == [
        *(["param", "value"], ["seed", "1"], ["model.layers", "[1,2]"]),
        *(["model.name", "cnn", "|", "big"], ["lr", "0.01"], ["out", "b"]),
    ]
    assert lines(repo.mlvc("params", "diff").out) == [
        ["param", "HEAD", "worktree"],
        ["lr", "0.1", "0.01"],
        ["out", "a", "b"],
    ]
    assert r"cnn \| big" in repo.mlvc("params", "diff", "--all", "--md").out
    answer = json.loads(repo.mlvc("params", "diff", "--json").out)
    assert [(one["key"], one["old"], one["new"]) for one in answer["differences"]] == [
        ("lr", 0.1, 0.01),
        ("out", "a", "b"),
    ]
    repo.write({"params.yaml": b"<<<<<<< a\nlr: 1\n=======\nlr: 2\n>>>>>>> b\n"})
    broken = repo.fails("mlvc", "params", "show", ".", "v1")
    assert broken.returncode == 2
    assert "params.yaml, line 1: a merge has left both sides here" in broken.err
    assert ["v1", "1", "[1,2]", "cnn", "|", "big", "0.1", "a"] in lines(broken.out)


def test_metrics_kept_as_data_are_fetched_when_asked_for(machine: Machine) -> None:
    repo = machine.init()
    repo.track("*.json")
    big = b'{"loss": %d, "note": "' + b"x" * 500 + b'"}'
    repo.write({"metrics.json": big.replace(b"%d", b"1")}).add().commit("one")
    repo.git("branch", "side")
    repo.write({"metrics.json": big.replace(b"%d", b"2")}).add().commit("two")
    repo.git("switch", "-q", "side")
    repo.write({"other": b"x"}).add().commit("aside")
    origin = machine.bare()
    repo.git("remote", "add", "origin", origin.path)
    repo.git("push", "-q", "origin", "main", "side")
    clone = machine.clone(origin.path, "clone", "-b", "main")
    missing = clone.fails("mlvc", "metrics", "show", "HEAD~1")
    assert missing.returncode == 10
    assert "error: the data of metrics.json of HEAD~1 is not here" in missing.err
    assert "hint: add --fetch, or: git mlvc fetch --all" in missing.err
    assert lines(clone.mlvc("metrics", "show", "HEAD~1", "--fetch").out)[1] == ["loss", "1"]
    assert lines(clone.mlvc("metrics", "diff", "HEAD~1..").out)[1][:3] == ["loss", "1", "2"]
    # A...B: what became of B since it parted from A
    base = clone.text("rev-parse", "main~1")[:12]
    assert (
        f"no metric differs between {base} and origin/side"
        in clone.mlvc("metrics", "diff", "main...origin/side").err
    )
    assert "no-such" in clone.fails("mlvc", "metrics", "diff", "main...no-such").err


def test_what_is_asked_for_wrongly_says_what_to_do(bare_machine: Machine) -> None:
    repo = bare_machine.init()
    nothing = repo.mlvc("metrics", "show")
    assert nothing.out == ""
    assert "no metrics are declared\nhint: name them" in nothing.err
    assert "nothing has been committed yet" in repo.fails("mlvc", "params", "diff").err
    repo.write({"metrics.json": b'{"a": 1}', "sub/two.csv": b"a\n3\n", "sub/notes.txt": b"x"})
    repo.add().commit("one")
    repo.git("tag", "v1.0")
    assert lines(repo.mlvc("metrics", "show").out)[1:] == [["a", "1"]]  # the usual name
    inside = Repo(repo.at("sub"), repo.machine)
    named = inside.mlvc("metrics", "show", "--path", ".", "--path", "../metrics.json")
    assert lines(named.out)[1:] == [["sub/two.csv:a", "3"], ["metrics.json:a", "1"]]
    wrong = (
        (["metrics", "show", "v1.1"], 2, "did you mean 'v1.0'?"),
        (["metrics", "show", "metrics.json"], 2, "git mlvc metrics show --path metrics.json"),
        (["metrics", "show", "--path", "no.json"], 10, "there is no no.json"),
        (["metrics", "show", "--path", "sub/notes.txt"], 10, "is no metrics file"),
        (["params", "show", "--path", "sub"], 10, "there is no file to read in sub"),
        (["exp", "diff", "a", "b", "c"], 2, "git mlvc exp show a b c --only-changed"),
        (["metrics", "diff", "v1.0", "--all-tags"], 2, "nothing to compare v1.0 with"),
        (["params", "show", "--json", "--csv"], 2, "take one of them"),
    )
    said = answers(repo, *(words for words, _, _ in wrong))
    for refused, (_, code, says) in zip(said, wrong, strict=True):
        assert (refused.returncode, says in refused.err) == (code, True), refused
    bare = bare_machine.clone("repo", "bare.git", "--bare")
    assert lines(bare.mlvc("metrics", "show").out)[1:] == [["a", "1"]]
    assert "there is no worktree to compare with" in bare.fails("mlvc", "metrics", "diff").err
