"""Texts and data as an HTML page may hold them, whatever they are (law 12). Pure."""

from __future__ import annotations

import html
import json

from git_mlvc import text_width


def json_text(value: object) -> str:
    """Return JSON that may stand in a script element of any page."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def text(text: str) -> str:
    return html.escape(text_width.shown(text), quote=False)


def attribute(text: str) -> str:
    return html.escape(text_width.shown(text), quote=True)
