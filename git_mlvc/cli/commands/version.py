"""`git mlvc version`: which git-mlvc this is. The plain form never gets here; see `cli/main.py`."""

from __future__ import annotations

from git_mlvc import __version__
from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import json_option, verb


@verb("version", example="git mlvc version")
@json_option
def version(invocation: Invocation, as_json: bool) -> None:
    if as_json:
        invocation.output.json("version", {"git_mlvc": __version__})
    else:
        invocation.output.line(f"git-mlvc {__version__}")
