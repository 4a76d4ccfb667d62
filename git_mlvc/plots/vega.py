"""What every Vega-Lite spec of ours begins with, and a panel: one spec with what it shows. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Spec = dict[str, Any]

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
HEIGHT = 300


@dataclass(frozen=True, slots=True)
class Panel:
    """One drawing: all revisions over each other, or the one that is named. `least_width` in pixels; 0: any."""

    spec: Spec
    revision: str = ""
    least_width: int = 0


def whole(rows: Sequence[Mapping[str, object]], height: int = HEIGHT, **rest: object) -> Spec:
    """Return a spec as wide as its place, `height` pixels high."""
    return {
        "$schema": SCHEMA,
        "data": {"values": list(rows)},
        "width": "container",
        "height": height,
        "autosize": {"type": "fit-x", "contains": "padding"},
        **rest,
    }
