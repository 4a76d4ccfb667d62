"""Who we are to a server: a value that is never shown, neither in messages nor in `repr`."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Login:
    """`scheme`: how HTTP is told, if not by user and password: "Bearer", and `password` is the token."""

    user: str = field(repr=False)
    password: str = field(repr=False)
    scheme: str = ""
