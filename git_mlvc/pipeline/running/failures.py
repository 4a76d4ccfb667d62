"""What to say of a stage that failed. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from git_mlvc.errors import StageFailed
from git_mlvc.pipeline.model import Stage
from git_mlvc.pipeline.running.outcome import Outcome

SHOWN_LINES = 20
# "sh: 1: python: not found" (dash), "sh: line 1: python: command not found" (bash), "sh: python: not found"
_NOT_FOUND = re.compile(r"(?:^|: )([^\s:]+): (?:command )?not found\s*\Z")
_SIGNALS = {
    1: "SIGHUP",
    2: "SIGINT",
    3: "SIGQUIT",
    4: "SIGILL: a program for another processor?",
    6: "SIGABRT: it gave up by itself",
    7: "SIGBUS",
    8: "SIGFPE",
    9: "SIGKILL: out of memory?",
    11: "SIGSEGV: a mistake in a program or library",
    13: "SIGPIPE",
    15: "SIGTERM: somebody stopped it",
}


def stage_failed(stage: Stage, outcome: Outcome, not_run: Sequence[str] = ()) -> StageFailed:
    """Return the error: which stage, how, its last lines, its log.

    `not_run`: the addresses of the stages that did not run because of it.
    """
    why = [reason(stage, outcome)]
    if len(stage.commands) > 1:
        why.append(f"its command {outcome.command}")
    if outcome.tail:
        why.append("the last that it wrote:")
        why.extend(f"  {line}" for line in outcome.tail[-SHOWN_LINES:])
    if not_run:
        why.append(f"not run because of it: {', '.join(not_run)}")
    what = f"stage '{stage.address}' failed"
    if outcome.attempt > 1:
        what += f" ({outcome.attempt} attempts)"
    return StageFailed(what, why="\n".join(why), hint=_hint(stage, outcome))


def reason(stage: Stage, outcome: Outcome) -> str:
    """Return how it ended, in one line: "exit code 1", "killed by SIGKILL: out of memory?"."""
    if outcome.not_started:
        return f"it could not be started: {outcome.not_started}"
    if outcome.was_interrupted:
        return "it was interrupted"
    if outcome.timed_out:
        return f"it ran longer than its `timeout` of {stage.timeout_s:g} s and was stopped"
    if outcome.returncode is None:
        return "its exit code was lost: whoever started git-mlvc collects the ends of all processes"
    if outcome.returncode == 127:
        name = _missing_command(outcome)
        return f"command not found: {name}" if name else "exit code 127: a command was not found"
    if outcome.returncode == 126:
        return "exit code 126: a command is there, but it cannot be executed"
    if outcome.signal is not None:
        name = _SIGNALS.get(outcome.signal, f"signal {outcome.signal}")
        code = "" if outcome.returncode < 0 else f"exit code {outcome.returncode}: "
        return f"{code}killed by {name}"
    return f"exit code {outcome.returncode}"


def _hint(stage: Stage, outcome: Outcome) -> str:
    written = f"{stage.file}, line {stage.line}"
    if outcome.not_started:
        return f"correct `cmd`, `wdir` or `env` in {written}"
    if outcome.returncode == 127:
        return f"install it, activate the environment that has it, or correct `cmd` in {written}"
    if outcome.returncode == 126:
        return "chmod +x the script, or name its interpreter: python script.py"
    if outcome.timed_out:
        return f"raise `timeout` in {written}"
    if outcome.log is None:
        return f"git mlvc repro {shlex.quote(stage.address)}"
    return f"all that it wrote: {shlex.quote(str(outcome.log))}"


def _missing_command(outcome: Outcome) -> str:
    for line in reversed(outcome.tail):
        found = _NOT_FOUND.search(line)
        if found is not None:
            return found[1]
    return ""
