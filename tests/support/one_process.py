"""Several command lines in one process: for what is about their words, not about how processes begin and end."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from support.repo import Repo, Result, launcher

_SCRIPT = """
import contextlib, io, json, sys
from git_mlvc.cli import main
sys.argv = sys.argv[1:]  # by which git will start what is installed
answers = []
for words in json.loads(sys.stdin.read()):
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", "surrogateescape") for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main.main(words)
    for stream in (out, err):
        stream.flush()
    answers.append([code, *(stream.buffer.getvalue().decode("latin-1") for stream in (out, err))])
print(json.dumps(answers))
"""


def answers(repo: Repo, *lines: Sequence[str], cwd: Path | None = None) -> list[Result]:
    """Return what `git mlvc` answers to each of these command lines, given one after the other."""
    said = repo.machine.run(
        *(sys.executable, "-c", _SCRIPT, launcher()),
        cwd=cwd or repo.path,
        input=json.dumps(lines).encode(),
    )
    return [
        Result(("git", "mlvc", *words), code, out.encode("latin-1"), err.encode("latin-1"))
        for words, (code, out, err) in zip(lines, json.loads(said.out), strict=True)
    ]
