"""Where data is kept: defining remotes, tracked in `mlvc.toml` or private in git's configuration.

Each change is made whole or not at all; nothing is contacted.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from git_mlvc.errors import InputError, UsageError
from git_mlvc.git import config
from git_mlvc.git.process import Git
from git_mlvc.nearest import nearest
from git_mlvc.settings import Origin, RemoteSetting, Settings, from_sources, without_secrets
from git_mlvc.worktree import remote_config, settings_file
from git_mlvc.worktree.remote_definition import check_address, check_name, check_tracked

_TRUST = "mlvc.trust"
_DEFAULT = "mlvc.default"
REFUSED = (
    "mlvc.distrust"  # asked on a terminal, and the answer was no; `git mlvc remote trust` still can
)


@dataclass(frozen=True, slots=True)
class Definitions:
    """What is needed to change them: the settings as they are and the two places to write to.

    `top` is None in a bare repository, where only private definitions can be written. `is_trusted`: whether
    an address may be contacted as things are. `environment`: for variables that a driver reads.
    """

    settings: Settings
    git: Git
    top: Path | None
    is_trusted: Callable[[RemoteSetting], bool]
    environment: Mapping[str, str]


def find(where: Definitions, name: str) -> RemoteSetting:
    """Return a defined remote. Raises UsageError with the names there are."""
    found = where.settings.remotes.get(name)
    if found is None:
        names = sorted(where.settings.remotes)
        near = nearest(name, names)
        raise UsageError(
            f"no remote is called '{name}'",
            why=f"known remotes: {', '.join(names)}" if names else "no remote is defined",
            hint=f"did you mean '{near}'?" if near else "git mlvc remote add NAME URL",
        )
    return found


def routes_to(where: Definitions, name: str) -> list[str]:
    """Return the patterns whose data belongs on a remote of this name."""
    return [route.pattern for route in where.settings.routes if route.remote == name]


def add(
    where: Definitions,
    name: str,
    url: str,
    options: Mapping[str, str] | None = None,
    *,
    private: bool = False,
    default: bool = False,
) -> RemoteSetting:
    """Define a remote. The person who writes an address trusts it, so it is trusted from now on.

    With `private` a tracked one of that name may be there: in this clone the private one takes its place, and
    nothing of the tracked one counts. Raises UsageError for a bad or taken name, ConfigError for an address or
    option that no driver takes, and for a secret in a tracked one.
    """
    check_name(name)
    given = dict(options or {})
    is_private = private or where.top is None
    known = where.settings.remotes.get(name)
    if known is not None and not (is_private and known.origin is Origin.TRACKED):
        raise UsageError(
            f"there is a remote '{name}' already",
            why=f"it is {without_secrets(known.url)} (in {known.origin.value})",
            hint=f"git mlvc remote set-url {name} URL, or git mlvc remote remove {name}",
        )
    origin = Origin.PRIVATE if is_private else Origin.TRACKED
    setting = RemoteSetting(name, url, origin, given, {} if is_private else given)
    _check(where, setting)
    with _whole(where):
        if is_private:
            remote_config.write(where.git, name, {"url": url, **given})
        else:
            top = _writable(where)
            values = {"url": url, **given}
            settings_file.set_values(top, {("remote", name, k): v for k, v in values.items()})
            trust(where, setting)
        if default:
            _set_default(where, setting, private=is_private)
    return setting


def set_url(where: Definitions, name: str, url: str, *, private: bool = False) -> RemoteSetting:
    """Give a remote another address, where it is defined; with `private`, in this clone only."""
    known = find(where, name)
    if known.origin is Origin.TRACKED and not private:
        return _rewrite(where, known, replace(known, url=url), {"url": url}, ())
    own = {k: v for k, v in known.options.items() if known.tracked_options.get(k) != v}
    setting = RemoteSetting(name, url, Origin.PRIVATE, own)
    _check(where, setting)
    remote_config.write(where.git, name, {"url": url})
    return setting


def set_options(
    where: Definitions,
    name: str,
    options: Mapping[str, str],
    unset: Sequence[str] = (),
    *,
    private: bool = False,
) -> RemoteSetting:
    """Set options of a remote and take others away, where it is defined; with `private`, in this clone only."""
    known = find(where, name)
    if known.origin is Origin.TRACKED and not private:
        tracked = {**known.tracked_options, **options}
        _take_away(tracked, unset, f"[remote.{name}] in {settings_file.NAME}")
        own = {k: v for k, v in known.options.items() if known.tracked_options.get(k) != v}
        changed = replace(known, options={**tracked, **own}, tracked_options=tracked)
        return _rewrite(where, known, changed, options, unset)
    local = remote_config.local_part(where.git, name)
    _take_away({**local, **options}, unset, "git's configuration of this clone")
    merged = {**known.options, **options}
    for option in unset:
        merged.pop(option, None)
        if option in known.tracked_options:
            merged[option] = known.tracked_options[option]
    setting = replace(known, options=merged)
    _check(where, setting)
    with _whole(where):
        remote_config.write(where.git, name, options)
        for option in unset:
            remote_config.unset(where.git, name, option)
    return setting


def remove(where: Definitions, name: str, *, private: bool = False) -> None:
    """Forget a remote; its data stays where it is. With `private`, forget what this clone adds to a tracked one.

    Raises UsageError for an unknown name, and for what is defined where we do not write.
    """
    find(where, name)
    remote_config.check_local(where.git, name)
    if private and not remote_config.local_part(where.git, name):
        raise UsageError(f"nothing about remote '{name}' is private to this clone")
    is_tracked = _is_tracked(where, name)
    if is_tracked and not private:
        _writable(where)
    with _whole(where):
        if not private or not is_tracked:
            if config.read(where.git, "local").get(_DEFAULT, [None])[-1] == name:
                config.unset(where.git, _DEFAULT)
            if where.top is not None and _tracked_table(where.top).get("default") == name:
                settings_file.remove(where.top, ("remote", "default"))
        remote_config.remove(where.git, name)
        if is_tracked and not private and where.top is not None:
            tracked = _as_tracked(where.top, name)
            settings_file.remove(where.top, ("remote", name))
            _distrust(where, tracked)


def rename(where: Definitions, old: str, new: str) -> None:
    """Give a remote another name wherever it is named: both definitions, the default, the routes.

    Trust goes by addresses and stays. Raises UsageError for a bad or taken name.
    """
    find(where, old)
    check_name(new)
    if new in where.settings.remotes:
        raise UsageError(f"there is a remote '{new}' already", hint="choose another name")
    remote_config.check_local(where.git, old)
    is_tracked = _is_tracked(where, old)
    if is_tracked:
        _writable(where)
    with _whole(where):
        if is_tracked and where.top is not None:
            settings_file.rename_remote(where.top, old, new)
        local = config.read(where.git, "local")
        if local.get(_DEFAULT, [None])[-1] == old:
            config.set_value(where.git, _DEFAULT, new)
        if remote_config.local_part(where.git, old):
            # Last: nothing that can fail comes after it.
            remote_config.rename(where.git, old, new)


def set_default(where: Definitions, name: str, *, private: bool = False) -> None:
    """Let pushes go to this remote when the git remote has none of its own."""
    with _whole(where):
        _set_default(where, find(where, name), private=private)


def unset_default(where: Definitions) -> bool:
    """Let pushes go beside the git remote again; False if there was no default to take away."""
    with _whole(where):
        is_done = config.unset(where.git, _DEFAULT)
        if not is_done and where.top is not None:
            is_done = settings_file.remove(where.top, ("remote", "default"))
    return is_done


def trust(where: Definitions, remote: RemoteSetting) -> None:
    """Let this address be contacted; kept in this clone's private configuration.

    What is private is trusted, and its address, which may hold a secret, written nowhere else.
    """
    if remote.origin is Origin.TRACKED and remote.address not in where.settings.trusted_urls:
        config.add_value(where.git, _TRUST, remote.address)


def distrust(where: Definitions, remote: RemoteSetting) -> bool:
    """Take that word back; False if it was not given in this clone."""
    return remote_config.take_back(where.git, _TRUST, remote.address)


# -- inside


def _rewrite(
    where: Definitions,
    known: RemoteSetting,
    changed: RemoteSetting,
    values: Mapping[str, str],
    unset: Sequence[str],
) -> RemoteSetting:
    """Write what changes of a tracked definition.

    Trust follows the address, unless a stranger's part of it was not trusted and is still in it.
    """
    _check(where, changed)
    top = _writable(where)
    is_own = where.is_trusted(known) or ("url" in values and not changed.tracked_options)
    spelt = {k.lower().replace("_", "-"): k for k in _tracked_table(top).get(known.name, {})}
    with _whole(where):
        settings_file.set_values(
            top, {("remote", known.name, spelt.get(k, k)): v for k, v in values.items()}
        )
        for option in unset:
            settings_file.remove(top, ("remote", known.name, spelt[option]))
        if is_own and changed.address != known.address:
            trust(where, changed)
            _distrust(where, known)
    return changed


def _check(where: Definitions, setting: RemoteSetting) -> None:
    if setting.origin is Origin.TRACKED:
        check_tracked(setting.name, setting.url, setting.tracked_options)
    check_address(setting.url, setting.options, where.environment)


def _take_away(options: dict[str, str], unset: Sequence[str], place: str) -> None:
    for option in unset:
        if options.pop(option, None) is None:
            raise UsageError(f"option '{option}' is not set in {place}")


def _set_default(where: Definitions, remote: RemoteSetting, *, private: bool) -> None:
    # A tracked default must not name a remote that only this clone knows.
    if remote.origin is Origin.TRACKED and where.top is not None and not private:
        settings_file.set_value(_writable(where), ("remote", "default"), remote.name)
        config.unset(where.git, _DEFAULT)
    else:
        config.set_value(where.git, _DEFAULT, remote.name)


def _distrust(where: Definitions, remote: RemoteSetting) -> None:
    others = (r for r in where.settings.remotes.values() if r.name != remote.name)
    if all(other.address != remote.address for other in others):
        distrust(where, remote)


def _is_tracked(where: Definitions, name: str) -> bool:
    if where.top is None:
        return where.settings.remotes[name].origin is Origin.TRACKED
    if where.settings.remotes[name].origin is Origin.TRACKED:
        return True
    return name in _tracked_table(where.top)


def _writable(where: Definitions) -> Path:
    """Return where the tracked file is. Raises UsageError, InputError if it cannot be changed here."""
    if where.top is None:
        raise UsageError(
            "a bare repository has no mlvc.toml that could be changed",
            hint="change it in a clone, commit and push; or use --private",
        )
    path = where.top / settings_file.NAME
    if not path.exists() and not path.is_symlink():
        listed = where.git.run("ls-files", "-z", "--", f":/{settings_file.NAME}", check=False)
        if listed.stdout:
            # A new file would hide all that the committed one says.
            raise InputError(
                f"{settings_file.NAME} is committed and not in the worktree",
                hint=f"git restore :/{settings_file.NAME}",
            )
    return where.top


def _as_tracked(top: Path, name: str) -> RemoteSetting:
    """Return what the tracked file alone says of a remote."""
    return from_sources({}, {"remote": {name: _tracked_table(top)[name]}}, {}).remotes[name]


def _tracked_table(top: Path) -> Mapping[str, Any]:
    """Return the `[remote]` table of the worktree's file, empty if there is none."""
    from git_mlvc.fs import structured

    try:
        table = structured.read_toml(top / settings_file.NAME).get("remote")
    except FileNotFoundError:
        return {}
    return table if isinstance(table, dict) else {}


@contextlib.contextmanager
def _whole(where: Definitions) -> Iterator[None]:
    """Give the tracked file back as it was if anything in between fails."""
    before = None if where.top is None else settings_file.held(where.top)
    try:
        yield
    except BaseException:
        if where.top is not None:
            settings_file.put_back(where.top, before)
        raise
