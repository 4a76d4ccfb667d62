"""What is written of a plot: the file, its columns, how it is drawn. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Template(Enum):
    """How a table is drawn, as it is written in a stage file."""

    LINE = "line"
    SCATTER = "scatter"
    BAR = "bar"
    CONFUSION = "confusion"
    CONFUSION_NORMALIZED = "confusion_normalized"


NAMES = tuple(one.value for one in Template)


@dataclass(frozen=True, slots=True)
class Definition:
    """`path` from the top. Empty texts and no `y`: to be guessed from the table.

    `template` is one of NAMES, or the path of a Vega-Lite template from the top.
    """

    path: str
    x: str = ""
    y: tuple[str, ...] = ()
    title: str = ""
    template: str = ""
    x_label: str = ""
    y_label: str = ""

    @classmethod
    def of(cls, path: str, options: Mapping[str, object]) -> Definition:
        """Return what the options of an out mean, as `pipeline.out_entries` reads them."""
        texts = {
            name: str(options.get(name, ""))
            for name in ("x", "title", "template", "x_label", "y_label")
        }
        y = options.get("y", ())
        columns = (y,) if isinstance(y, str) else tuple(map(str, y)) if isinstance(y, list) else ()
        return cls(path, y=columns, **texts)

    @property
    def own_template(self) -> str:
        """The path of the user's template; "" if it is drawn in one of our ways."""
        return "" if self.template in NAMES else self.template
