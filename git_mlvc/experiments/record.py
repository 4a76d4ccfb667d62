"""What the commit of an experiment says of it: docs/formats/experiment.md. Pure.

A subject, perhaps some text, and as the last paragraph one trailer for each fact. Trailers of other tools
(`Signed-off-by`) may stand between them.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from git_mlvc.errors import FormatError
from git_mlvc.repo_path import RepoPath

VERSION = 1
_VERSION, _PARAMS, _CHANGED = "Mlvc-Experiment", "Mlvc-Params", "Mlvc-Changed"
_STAGES, _DURATION, _SWEEP = "Mlvc-Stages", "Mlvc-Duration", "Mlvc-Sweep"
_TRAILER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*): ?(.*)")
_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s"]+')
_SECONDS = re.compile(r"(?:0|[1-9][0-9]{0,11})\.[0-9]{3}")
_MAX_SUBJECT = 200


@dataclass(frozen=True)
class ExperimentRecord:
    """How an experiment was made.

    `overrides`: what `-S` set, "params.toml:train.lr" -> a value of JSON. `changed`: the files that were not as
    committed when it was made, ascending. `stages`: addresses of those that ran, in order. `duration_s`:
    how long, to the millisecond; None where nothing was run. `sweep`: the sweep that it is part of; may be empty.
    """

    overrides: Mapping[str, object] = field(default_factory=dict, hash=False)
    changed: tuple[RepoPath, ...] = ()
    stages: tuple[str, ...] = ()
    duration_s: float | None = None
    sweep: str = ""
    subject: str = ""
    text: str = ""


def subject(name: str, overrides: Mapping[str, object]) -> str:
    """Return the subject of an experiment that the user gave none: "experiment NAME: lr=0.1 seed=3"."""
    short = " ".join(
        f"{key.rpartition(':')[2].rpartition('.')[2]}={_shown(value)}"
        for key, value in overrides.items()
    )
    whole = f"experiment {name}: {short}" if short else f"experiment {name}"
    return whole if len(whole) <= _MAX_SUBJECT else whole[: _MAX_SUBJECT - 1] + "…"


def encode(record: ExperimentRecord) -> str:
    """Return the commit message, with a newline at its end.

    Raises ValueError for what JSON cannot hold (NaN), and a duration below zero.
    """
    parts = [" ".join(record.subject.split()) or "experiment"]
    text = "\n".join(line.rstrip() for line in record.text.strip().splitlines())
    if text:
        parts.append(text)
    parts.append("".join(f"{key}: {value}\n" for key, value in _trailers(record)))
    return "\n\n".join(parts)


def decode(message: str) -> ExperimentRecord | None:
    """Read what `encode` wrote; None if it is the message of some other commit.

    Raises FormatError: a later version, or trailers that say nothing sensible.
    """
    body, _, last = message.replace("\r\n", "\n").rstrip("\n").rpartition("\n\n")
    found: dict[str, list[str]] = {}
    for line in last.split("\n"):
        trailer = _TRAILER.fullmatch(line)
        if trailer is not None:
            found.setdefault(trailer[1], []).append(trailer[2].strip())
    if _VERSION not in found:
        return None
    if found[_VERSION] != [str(VERSION)]:
        version = ", ".join(found[_VERSION])
        raise FormatError(
            f"an experiment of format {version}, and this git-mlvc reads {VERSION}",
            hint="use the git-mlvc that wrote it, or a newer one",
        )
    first, _, text = body.partition("\n")
    try:
        return ExperimentRecord(
            overrides=_overrides(_only(found, _PARAMS) or "{}"),
            changed=tuple(RepoPath.parse(_plain(text)) for text in found.get(_CHANGED, ())),
            stages=tuple(_words(_only(found, _STAGES))),
            duration_s=_seconds(_only(found, _DURATION)),
            sweep=_plain(_only(found, _SWEEP)),
            subject=first,
            text=text.strip("\n"),
        )
    except (ValueError, RecursionError) as exc:
        raise FormatError("not the record of an experiment", why=str(exc)) from exc


# -- one trailer each


def _trailers(record: ExperimentRecord) -> Iterator[tuple[str, str]]:
    yield _VERSION, str(VERSION)
    if record.overrides:
        yield _PARAMS, canonical(dict(record.overrides))
    for path in sorted(record.changed):
        yield _CHANGED, _quoted(path.text)
    if record.stages:
        yield _STAGES, " ".join(_quoted(stage, is_word=True) for stage in record.stages)
    if record.duration_s is not None:
        if not 0 <= record.duration_s < 10**12:
            raise ValueError(f"not a duration: {record.duration_s}")
        yield _DURATION, f"{record.duration_s:.3f}"
    if record.sweep:
        yield _SWEEP, _quoted(record.sweep, is_word=True)


def canonical(value: object) -> str:
    """Return a value as JSON: sorted, without spaces, ASCII. Raises ValueError."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _only(found: Mapping[str, list[str]], key: str) -> str:
    values = found.get(key, [""])
    if len(values) != 1:
        raise ValueError(f"{key} stands there {len(values)} times")
    return values[0]


def _overrides(text: str) -> dict[str, object]:
    value = json.loads(text, parse_constant=_refuse)
    if not isinstance(value, dict):
        raise ValueError(f"{_PARAMS} is not an object of JSON")
    _check_finite(value)
    return value


def _check_finite(value: object) -> None:
    """JSON has no infinity, but 1e999 reads as one."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number beyond what a float can hold")
    inside: Iterable[object] = ()
    if isinstance(value, dict):
        inside = value.values()
    elif isinstance(value, list):
        inside = value
    for one in inside:
        _check_finite(one)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no number of JSON")


def _seconds(text: str) -> float | None:
    if not text:
        return None
    if _SECONDS.fullmatch(text) is None:
        raise ValueError(f"{text[:40]!r} is not a number of seconds")
    return float(text)


def _quoted(text: str, *, is_word: bool = False) -> str:
    """Return a text as it stands if that is plain to read, else as a text of JSON."""
    is_plain = text.isprintable() and text == text.strip() and '"' not in text and "\\" not in text
    return text if is_plain and text and not (is_word and " " in text) else json.dumps(text)


def _plain(text: str) -> str:
    if not text.startswith('"'):
        return text
    value = json.loads(text)
    if not isinstance(value, str):
        raise ValueError(f"{text[:40]} is not a text")
    return value


def _words(text: str) -> list[str]:
    words = [_plain(word) for word in _WORD.findall(text)]
    if _WORD.sub("", text).strip():
        raise ValueError(f"{text[:40]!r} are not names of stages")
    return words


def _shown(value: object) -> str:
    return value if isinstance(value, str) else canonical(value)
