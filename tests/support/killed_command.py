"""`git mlvc …` that gets SIGKILL, with all that it has started, right before one of its steps.

Steps are those of `support.killed`, and every program that it starts (git does the rest of the work).
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from support.repo import Repo, Result

_PROGRAM = """\
import os, signal, sys
sys.path.insert(0, {support!r})
from support import killed
kill_at, counted = int(sys.argv.pop(1)), 0
def note(event, args):
    global counted
    if event == "open":
        is_step = isinstance(args[2], int) and bool(args[2] & (os.O_WRONLY | os.O_RDWR))
    else:
        is_step = event in killed._STEPS or event in ("subprocess.Popen", "os.posix_spawn")
    if is_step:
        counted += 1
        if counted == kill_at:
            os.killpg(0, signal.SIGKILL)
from git_mlvc.cli.main import main
sys.addaudithook(note)
try:
    code = main()
finally:
    sys.stderr.write(f"\\nsteps: {{counted}}\\n")
sys.exit(code)
"""


def killed_at(repo: Repo, step: int, *words: str) -> Result:
    """Run a command that is killed right before its step `step` (0: never); its exit code is -9 then."""
    program = _PROGRAM.format(support=str(Path(__file__).parents[1]))
    return repo.machine.run(
        sys.executable,
        "-c",
        program,
        str(step),
        *words,
        cwd=repo.path,
        check=False,
        env={"PYTHONDONTWRITEBYTECODE": "1"},  # steps of the interpreter's own, the first time only
    )


def was_killed(done: Result) -> bool:
    return done.returncode == -signal.SIGKILL


def steps_of(done: Result) -> int:
    """Return how many steps a command took that was not killed."""
    return int(done.err.rpartition("steps: ")[2])
