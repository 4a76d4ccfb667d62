"""What the definition of a remote must satisfy before it is written anywhere. Contacts nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from shlex import quote

from git_mlvc.backend import registry
from git_mlvc.backend.opening import Opening
from git_mlvc.errors import ConfigError, UsageError
from git_mlvc.secret_text import holds_secret, is_secret_name, without_secrets

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")
_OPTION = re.compile(r"[a-z][a-z0-9-]*\Z")
_MOST_LETTERS = 100


def check_name(name: str) -> None:
    """Raise UsageError for what cannot be the name of a remote in both places where one may be defined."""
    if not _NAME.match(name) or name == "default" or len(name) > _MOST_LETTERS:
        raise UsageError(
            f"'{name}' cannot be the name of a remote",
            why="[remote] default says which one is" if name == "default" else "",
            hint="use letters, digits and . _ -",
        )


def options_of(typed: Iterable[str]) -> dict[str, str]:
    """Read `KEY=VALUE` words; keys in lower case with dashes. Raises UsageError."""
    options: dict[str, str] = {}
    for word in typed:
        key, is_pair, value = word.partition("=")
        name = option_name(key)
        if not is_pair:
            raise UsageError(
                f"'{key}' is not KEY=VALUE", hint=f"write {name}=VALUE, without spaces around ="
            )
        if name in options and options[name] != value:
            raise UsageError(f"option '{name}' is given twice")
        options[name] = value
    return options


def option_name(typed: str) -> str:
    """Raises UsageError for what cannot be an option's name."""
    name = typed.strip().lower().replace("_", "-")
    if name == "url":
        raise UsageError("the URL is not an option", hint="git mlvc remote set-url NAME URL")
    if not _OPTION.match(name):
        raise UsageError(
            f"'{typed.partition('=')[0]}' is no name of an option",
            hint="write it as KEY=VALUE, such as region=eu-central-1",
        )
    return name


def check_address(url: str, options: Mapping[str, str], environment: Mapping[str, str]) -> None:
    """Raise ConfigError if no driver takes this address with these options.

    What is only missing here, such as a profile that a colleague has, does not count.
    """
    registry.check_options(url, options)
    for text in (url, *options.values()):
        if not text.isprintable():
            raise ConfigError("an address cannot hold characters that nobody can see")
    try:
        registry.open(url, Opening(options=options, environment=environment)).close()
    except ConfigError as wrong:
        try:
            registry.open(url).close()
        except ConfigError:
            raise wrong from None


def check_tracked(name: str, url: str, options: Mapping[str, str]) -> None:
    """Raise ConfigError for what must not stand where everybody who has the repository reads it (law 12)."""
    if holds_secret(url):
        raise ConfigError(
            "the address holds a secret",
            why=f"mlvc.toml: remote.{name}.url could be read by everybody who can read the repository",
            hint=f"git mlvc remote add {name} URL --private",
        )
    for option, value in options.items():
        if is_secret_name(option) or holds_secret(value):
            raise ConfigError(
                f"option '{option}' is a secret",
                why=f"mlvc.toml: remote.{name}.{option} could be read by everybody who can read the repository",
                hint=f"leave it out, then: git mlvc remote set {name} {option}=VALUE --private",
            )
    kind = registry.kind_of(url)
    for option in sorted(kind.private_options & options.keys()):
        raise ConfigError(
            f"option '{option}' names a program that would be run for everybody who clones",
            why="such options are only taken from private configuration",
            hint=f"leave it out, then: git mlvc remote set {name} {option}=VALUE --private",
        )
    if kind.is_private:
        raise ConfigError(
            f"remote '{name}' would start a program on the machine of everybody who clones",
            why="remotes of this kind are only taken from private configuration",
            hint=f"git mlvc remote add {name} {quote(without_secrets(url))} --private",
        )
