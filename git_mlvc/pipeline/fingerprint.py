"""The key of a stage's inputs: what an earlier result is found by. Pure.

The text that is hashed is promised in docs/formats/run.md: a change of it forgets every earlier result.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from git_mlvc.formats import run
from git_mlvc.pipeline.model import Inputs, Stage
from git_mlvc.pipeline.run_values import inputs_record

_NOT_IN_A_NAME = re.compile(r"[^A-Z0-9]")


def key(inputs: Inputs) -> bytes:
    """Return the BLAKE3 (32 bytes) of what the inputs say, in one canonical form."""
    return run.key(inputs_record(inputs))


def canonical(inputs: Inputs) -> bytes:
    """Return the text that `key` hashes."""
    return run.canonical(inputs_record(inputs))


def environment(stage: Stage) -> tuple[tuple[str, str], ...]:
    """Return the variables that belong to the inputs, sorted: the stage's own, and those of its item.

    A command may read an item's value there and nowhere else, so a changed one is a changed input.
    """
    return tuple(sorted({**item_variables(stage.item), **stage.env}.items()))


def item_variables(item: Mapping[str, str]) -> dict[str, str]:
    """Return what commands see of a matrix's or foreach's item: MLVC_ITEM_LR, or MLVC_ITEM of a plain one."""
    return {
        f"MLVC_ITEM_{_NOT_IN_A_NAME.sub('_', name.upper())}" if name else "MLVC_ITEM": value
        for name, value in item.items()
    }
