"""The state of an experiment that is no commit: a value, and the JSON that its file holds."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from git_mlvc.errors import FormatError
from git_mlvc.fs.owner import Owner

VERSION = 1
MOST_BYTES = 4 << 20


class Phase(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class State:
    """What is known of an experiment that is no commit.

    `baseline` and `tree` are names of git's objects, as in a snapshot; `overrides`, `message`, `sweep`, `seed_from`
    and `jobs` as in a RunRequest, `stages` as called from `folder` (from the top; "" is the top). `since_s`: when it
    came into this phase, seconds since 1970. `owner` runs it. `log`: the directory of its stages' logs. `error`:
    why it failed. `is_from_queue`: a worker takes it again when it is interrupted; its tree is held by a ref.
    """

    name: str
    phase: Phase = Phase.RUNNING
    baseline: str = ""
    tree: str = ""
    overrides: Mapping[str, object] = field(default_factory=dict, hash=False)
    stages: tuple[str, ...] = ()
    folder: str = ""
    message: str = ""
    sweep: str = ""
    seed_from: str = ""
    jobs: int = 1
    since_s: float = 0.0
    owner: Owner | None = None
    log: str = ""
    error: str = ""
    is_from_queue: bool = False


def encode(state: State) -> bytes:
    """Return a state as the bytes of its file: JSON for people to read. Raises ValueError for NaN."""
    document = {
        "version": VERSION,
        "state": str(state.phase),
        "baseline": state.baseline,
        "tree": state.tree,
        "params": dict(state.overrides),
        "stages": list(state.stages),
        "folder": state.folder,
        "message": state.message,
        "sweep": state.sweep,
        "seed_from": state.seed_from,
        "jobs": state.jobs,
        "since": state.since_s,
        "owner": None if state.owner is None else _owner_fields(state.owner),
        "log": state.log,
        "error": state.error,
        "is_from_queue": state.is_from_queue,
    }
    return (json.dumps(document, indent=1, allow_nan=False) + "\n").encode("ascii")


def decode(data: bytes, name: str) -> State:
    """Read what `encode` wrote for the experiment of that name. Raises FormatError."""
    if len(data) > MOST_BYTES:
        raise FormatError("not the state of an experiment", why=f"longer than {MOST_BYTES} bytes")
    try:
        document = json.loads(data)
        if not isinstance(document, dict):
            raise ValueError("no object of JSON")
        version = document.get("version")
        if version != VERSION:
            raise ValueError(f"of version {version!r:.40}, and this git-mlvc reads {VERSION}")
        return State(
            name=name,
            phase=Phase(_text(document, "state")),
            baseline=_text(document, "baseline"),
            tree=_text(document, "tree"),
            overrides=_overrides(document.get("params", {})),
            stages=_texts(document.get("stages", [])),
            folder=_text(document, "folder"),
            message=_text(document, "message"),
            sweep=_text(document, "sweep"),
            seed_from=_text(document, "seed_from"),
            jobs=_whole(document.get("jobs", 1)),
            since_s=_moment(document.get("since", 0)),
            owner=_owner(document.get("owner")),
            log=_text(document, "log"),
            error=_text(document, "error"),
            is_from_queue=document.get("is_from_queue") is True,
        )
    except (ValueError, RecursionError) as exc:
        raise FormatError("not the state of an experiment", why=str(exc)[:200]) from exc


# -- inside


def _owner_fields(owner: Owner) -> dict[str, object]:
    return {
        "host": owner.host,
        "boot_id": owner.boot_id,
        "pid": owner.pid,
        "start_time": owner.start_time,
    }


def _owner(found: object) -> Owner | None:
    if found is None:
        return None
    if not isinstance(found, dict):
        raise ValueError("owner is no object of JSON")
    return Owner(
        _text(found, "host"),
        _text(found, "boot_id"),
        _whole(found.get("pid")),
        _text(found, "start_time"),
    )


def _text(document: Mapping[str, object], key: str) -> str:
    value = document.get(key, "")
    if not isinstance(value, str):
        raise ValueError(f"{key} is no text")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError("stages is no list of texts")
    return tuple(value)


def _overrides(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise ValueError("params is no object of JSON")
    return value


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{value!r:.40} is no whole number above 0")
    return value


def _moment(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise ValueError(f"{value!r:.40} is no time")
    return float(value)
