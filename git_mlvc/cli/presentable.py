"""Text as a stream can carry it."""

from __future__ import annotations


def presentable(text: str, encoding: str) -> str:
    """Return `text` with every character the encoding cannot carry written as an escape."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.encode(encoding, "backslashreplace").decode(encoding)
    except LookupError:
        return text.encode("ascii", "backslashreplace").decode("ascii")
    return text
