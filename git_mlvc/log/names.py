"""Names of metrics, images and tables: parts with "/" between them, each fit to be a file name on any system."""

from __future__ import annotations

import re

_PART = re.compile(r"\w(?:[\w .@+=()%~-]*[\w@+=()%~-])?\Z")
_UNFIT = re.compile(r"[^\w .@+=()%~-]")
_MOST_BYTES = 150  # of a part; file systems take 255, and something is added
_DEVICES = re.compile(r"(?:con|aux|nul|prn|com\d|lpt\d)(?:\.|\Z)", re.IGNORECASE)


def checked(name: object, what: str) -> str:
    """Return the name of a `what` ("metric") as it is written everywhere, letters composed (NFC).

    Raises TypeError if it is no text, ValueError if it could not be the name of a file below a directory.
    """
    if not isinstance(name, str):
        raise TypeError(f"the name of a {what} has to be a text, not {type(name).__name__}")
    if not name.isascii():
        import unicodedata

        name = unicodedata.normalize("NFC", name)
    for part in name.split("/"):
        why = _wrong(part)
        if why:
            raise ValueError(
                f"{name!r} cannot be the name of a {what}: {why}. Names are letters, digits and any of "
                "_ - . @ + = ( ) % ~ or spaces, with a / between groups: 'train/loss'"
            )
    return name


def _wrong(part: str) -> str:
    if not part:
        return "there is nothing before or after a /, or nothing at all"
    if len(part.encode("utf-8", "replace")) > _MOST_BYTES:
        return f"a part of it is longer than {_MOST_BYTES} bytes"
    if not _PART.match(part):
        return f"{part!r} cannot be a part of a file's name"
    if _DEVICES.match(part):
        return f"{part!r} is a device on some systems"
    return ""


class Taken:
    """The names that are in use: no two may want the same file, or one the folder of another."""

    def __init__(self) -> None:
        self._by_folded: dict[str, str] = {}
        self._groups: dict[str, str] = {}

    def take(self, name: str, what: str) -> None:
        """Raises ValueError, and takes nothing, if the name is at odds with an earlier one."""
        folded = name.casefold()
        other = self._by_folded.get(folded)
        if other == name:
            return
        if other is not None:
            raise ValueError(
                f"{what} {name!r} and {other!r} differ only in case: on some systems they are one file"
            )
        below = self._groups.get(folded)
        if below is not None:
            raise ValueError(f"{what} {name!r} cannot be a value: it is the group of {below!r}")
        groups = _above(folded)
        for group in groups:
            if group in self._by_folded:
                raise ValueError(
                    f"{what} {name!r} cannot be in a group {self._by_folded[group]!r}: that is a value already"
                )
        self._by_folded[folded] = name
        for group in groups:
            self._groups.setdefault(group, name)


def _above(name: str) -> list[str]:
    parts = name.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]


def fitting(name: str) -> str:
    """Return a library's own name for a metric as one that fits: other characters become "_"."""
    import unicodedata

    parts = (_UNFIT.sub("_", part) for part in unicodedata.normalize("NFC", name).split("/"))
    return "/".join(_fitting_part(part) for part in parts if part) or "_"


def _fitting_part(part: str) -> str:
    short = part.encode()[: _MOST_BYTES - 1].decode("utf-8", "ignore").strip(" .")
    return f"_{short}" if _wrong(short) else short
