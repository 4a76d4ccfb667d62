"""Experiments as `git mlvc exp run` leaves them: a real repro in a worktree, committed below refs/mlvc/exp/."""

from __future__ import annotations

import shutil
from collections.abc import Mapping

from support.repo import Machine, Repo

from git_mlvc.experiments import record, refs
from git_mlvc.experiments.record import ExperimentRecord
from git_mlvc.repo_path import RepoPath

STAGES = b"""\
[stage.train]
cmd     = "cat raw.bin params.toml > model.bin; mkdir -p seen; cp raw.bin params.toml seen/; echo ran >> ran.log"
deps    = ["raw.bin"]
params  = ["lr", "seed"]
outs    = ["model.bin", {path = "seen/", store = true}]

[stage.evaluate]
cmd     = "wc -c < model.bin | tr -d ' ' > n; printf '{\\"size\\": %s, \\"lr\\": %s}' $(cat n) $(sed -n 's/lr = //p' params.toml) > metrics.json; rm n; echo ran >> ran.log"
deps    = ["model.bin", "params.toml"]
metrics = ["metrics.json"]
"""


def project(machine: Machine, raw: bytes, name: str = "repo") -> Repo:
    """A pipeline with data, an out that git ignores and so only the lock names, and metrics; nothing has run."""
    repo = machine.init(name).track("*.bin")
    return (
        repo.write(
            {
                "mlvc.toml": STAGES,
                ".gitignore": b"ran.log\n/seen/\n",
                "params.toml": b"lr = 0.1\nseed = 1\n",
                "raw.bin": raw,
                "notes.md": b"one\ntwo\nthree\nfour\nfive\n",
            }
        )
        .add()
        .commit("code")
    )


def experiment(
    repo: Repo,
    name: str,
    files: Mapping[str, bytes],
    *,
    overrides: Mapping[str, object] | None = None,
) -> str:
    """Write `files` into a worktree of HEAD, repro there, and commit all of it; return the commit."""
    place = repo.worktree(f"{repo.path.name}-{name}")
    baseline = repo.head()
    repo.git("worktree", "add", "-q", "--detach", place.path, "HEAD")
    place.write(files)
    place.mlvc("repro")
    place.add()
    what = ExperimentRecord(
        overrides or {},
        tuple(sorted(RepoPath.parse(path) for path in files)),
        ("train", "evaluate"),
        1.5,
        subject=f"experiment {name}",
    )
    tree = place.text("write-tree")
    message = record.encode(what).encode()
    done = repo.git("commit-tree", tree, "-p", baseline, "-F", "-", input=message)
    commit = done.out.strip()
    repo.git("update-ref", refs.PREFIX + name, commit)
    repo.git("worktree", "remove", "--force", place.path)
    shutil.rmtree(place.path, ignore_errors=True)
    return commit


def draft(repo: Repo, name: str, files: Mapping[str, bytes]) -> str:
    """Commit HEAD with `files` changed as an experiment of which nothing was run; return the commit."""
    index = {"GIT_INDEX_FILE": str(repo.git_dir / "index-of-draft")}
    repo.git("read-tree", "HEAD", env=index)
    lines = []
    for path, data in files.items():
        sha = repo.git("hash-object", "-w", "--stdin", input=data).out.strip()
        lines.append(f"100644 {sha}\t{path}\n")
    repo.git("update-index", "--index-info", input="".join(lines).encode(), env=index)
    tree = repo.git("write-tree", env=index).out.strip()
    message = record.encode(ExperimentRecord(subject=f"experiment {name}")).encode()
    commit = repo.git("commit-tree", tree, "-p", "HEAD", "-F", "-", input=message).out.strip()
    repo.git("update-ref", refs.PREFIX + name, commit)
    return commit


def has_run(repo: Repo) -> bool:
    """Say whether any stage ran since this was asked last."""
    log = repo.at("ran.log")
    found = log.exists()
    log.unlink(missing_ok=True)
    return found
