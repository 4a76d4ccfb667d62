"""A new, empty remote on a running server, as tests of every driver use it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from git_mlvc.backend import registry
from git_mlvc.backend.base import Backend
from git_mlvc.backend.opening import (
    NO_CREDENTIALS,
    Credentials,
    GitRemote,
    Meter,
    Opening,
    no_git,
    unmetered,
)


@dataclass(frozen=True)
class RemotePlace:
    """`url` and `options` as a user would give them to `git mlvc remote add`.

    `environment`: variables that a process needs beside its own to be let in. `git_config`: likewise, of git.
    `git_url`: where the git repository itself should be pushed, when the place needs it to be somewhere special.
    `git_remote`: the git remote of an address, for drivers that live beside one.
    """

    url: str
    options: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    git_config: Mapping[str, str] = field(default_factory=dict)
    git_url: str | None = None
    git_remote: Callable[[str], GitRemote] = no_git

    def backend(
        self,
        *,
        credentials: Credentials = NO_CREDENTIALS,
        idle_timeout_s: float = 20.0,
        meter: Meter = unmetered,
    ) -> Backend:
        """Open the bare driver, without retries."""
        opening = Opening(
            options=self.options,
            environment={**os.environ, **self.environment},
            credentials=credentials,
            idle_timeout_s=idle_timeout_s,
            git_remote=self.git_remote,
            meter=meter,
        )
        return registry.open(self.url, opening)


class RemoteServer(Protocol):
    """A running server."""

    def place(self) -> RemotePlace:
        """Return a place that is empty and that nobody else uses."""
        ...
