"""The key of a stage's inputs: what an earlier result is found by. Pure.

The text that is hashed is promised in docs/formats/run.md: a change of it forgets every earlier result.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from git_mlvc.pipeline.model import FileState, Inputs, Stage, State

_VERSION = 1
_NOT_IN_A_NAME = re.compile(r"[^A-Z0-9]")


def key(inputs: Inputs) -> bytes:
    """Return the BLAKE3 (32 bytes) of what the inputs say, in one canonical form."""
    from blake3 import blake3

    return blake3(canonical(inputs)).digest()


def canonical(inputs: Inputs) -> bytes:
    """Return the inputs as JSON without spaces, keys sorted, ASCII, lists in the order of `Inputs`."""
    value = {
        "version": _VERSION,
        "commands": list(inputs.commands),
        "wdir": "" if inputs.wdir is None else inputs.wdir.text,
        "env": [list(pair) for pair in inputs.env],
        "deps": [[dep.kind.value, dep.text, *_state(state)] for dep, state in inputs.deps],
        "params": [[param.file.text, param.key, text] for param, text in inputs.params],
        "outs": [path.text for path in inputs.out_paths],
    }
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")


def _state(state: State) -> list[object]:
    if isinstance(state, FileState):
        kind = "tree" if state.is_directory else "program" if state.is_executable else "file"
        return [kind, str(state.oid)]
    return ["url", state.version]


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
