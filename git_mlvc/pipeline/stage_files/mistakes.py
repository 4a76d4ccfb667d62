"""What is wrong in a stage file, and where: told with file, line and column. Pure."""

from __future__ import annotations

from git_mlvc.errors import ConfigError
from git_mlvc.pipeline.stage_files import toml_positions

Place = tuple[str | int, ...]
"""The keys and list indices that lead to a value: ("stage", "train", "deps", 0)."""


class Mistake(Exception):
    """Something is wrong at a place of the file that is being read; `located` makes a ConfigError of it."""

    def __init__(self, place: Place, what: str, *, why: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.place = place
        self.what = what
        self.why = why
        self.hint = hint


def located(mistake: Mistake, name: str, text: str) -> ConfigError:
    """Return the error that people see. `text` is what the file `name` holds; only now is it searched."""
    line, column = toml_positions.position(text, mistake.place)
    what = f"{subject(mistake.place)}{mistake.what}"
    return ConfigError(
        f"{name}, line {line}, column {column}: {_shown(what)}",
        why=_shown(mistake.why),
        hint=_shown(mistake.hint) or f"correct {name}",
    )


def _shown(text: str) -> str:
    """What a clone brings may hold signs that a terminal would obey."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def subject(place: Place) -> str:
    """Return "stage 'train', deps: " for a place in that list, "" for the file itself."""
    if not place:
        return ""
    if place[0] == "stage" and len(place) > 1:
        parts = [f"stage '{place[1]}'", *(str(part) for part in place[2:] if isinstance(part, str))]
        return ", ".join(parts) + ": "
    return f"[{place[0]}]: "
