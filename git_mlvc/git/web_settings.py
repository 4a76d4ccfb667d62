"""Git's `http.*` settings for an address, chosen by git's own rules: `http.<url>.proxy` and the like."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from git_mlvc.git.process import Git


class WebSettings:
    """Answers by address, asking git once for each server; `config` is git's whole configuration.

    Of a variable with several values, such as extraHeader, the last one counts.
    """

    def __init__(self, git: Git, config: Mapping[str, Sequence[str]]) -> None:
        self._git = git
        self._places = [key[5:].rpartition(".")[0] for key in config if key.startswith("http.")]
        # Only then one server may have several answers.
        self._has_paths = any(urlsplit(place).path.strip("/") for place in self._places)
        self._known: dict[str, Mapping[str, str]] = {}
        self._lock = threading.Lock()

    def __call__(self, url: str) -> Mapping[str, str]:
        """Return the variables by their names in lower case, without "http."."""
        if not self._places:
            return {}
        parts = urlsplit(url)
        path = parts.path.rpartition("/")[0] if self._has_paths else ""
        address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{path}/"
        with self._lock:
            if address not in self._known:
                self._known[address] = self._ask(address)
            return self._known[address]

    def _ask(self, address: str) -> Mapping[str, str]:
        said = self._git.run("config", "-z", "--get-urlmatch", "http", address, check=False).stdout
        found = {}
        for record in said.decode("utf-8", "surrogateescape").split("\0"):
            if record:
                key, newline, value = record.partition("\n")
                found[key.removeprefix("http.")] = value if newline else "true"
        return found
