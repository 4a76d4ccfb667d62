"""Which remote the data of a path goes to."""

from __future__ import annotations

from pathlib import Path

import pytest

from git_mlvc.errors import ConfigError, RemoteRefused
from git_mlvc.formats.pointer import Pointer
from git_mlvc.git.revisions import PointerUse
from git_mlvc.oid import Oid
from git_mlvc.repo_path import RepoPath
from git_mlvc.settings import from_sources
from git_mlvc.transfer.places import Places
from git_mlvc.transfer.routes import parted, pushed_to, remote_for, shares

REMOTES = {
    "default": "lab",
    "lab": {"url": "/lab"},
    "archive": {"url": "/archive"},
    "cold": {"url": "/cold"},
    "same": {"url": "/lab/../lab"},
}


def places(routes: dict[str, str], remotes: dict[str, object] = REMOTES) -> Places:
    tracked = {
        "remote": remotes,
        "track": {pattern: {"remote": name} for pattern, name in routes.items()},
    }
    config = {"remote.origin.url": ["https://example.org/code.git"]}
    settings = from_sources(config, tracked, {})
    return Places(settings, config, top=Path("/top"), git_dir=Path("/top/.git"), home="/home/ann")


def uses(*paths: str) -> list[PointerUse]:
    pointer = Pointer(Oid.of(b"x"), 1)
    return [PointerUse(pointer, RepoPath(path.encode()), "") for path in paths]


def gone_to(found: Places, *paths: str) -> dict[str, list[str]]:
    parts = parted(found, uses(*paths))
    return {place.name: [str(use.path) for use in meant] for place, meant, _ in parts}


def test_the_last_fitting_pattern_counts_as_in_gitattributes() -> None:
    routes = places(
        {"*.bin": "archive", "models/**": "cold", "models/small/*": "lab"}
    ).settings.routes
    said = {
        path: remote_for(routes, RepoPath(path.encode()))
        for path in ("a.npy", "a.bin", "d/a.bin", "models/d/a.bin", "models/small/a.bin")
    }
    assert list(said.values()) == [None, "archive", "archive", "cold", "lab"]


def test_each_place_gets_its_own_files() -> None:
    found = places({"models/**": "archive", "*.raw": "cold"})
    assert gone_to(found, "a.bin", "models/a.bin", "models/x.raw") == {
        "lab": ["a.bin"],
        "archive": ["models/a.bin"],
        "cold": ["models/x.raw"],
    }


def test_places_without_files_are_left_alone_and_nothing_goes_to_the_usual_one() -> None:
    found = places({"models/**": "archive"})
    assert gone_to(found, "models/a.bin") == {"archive": ["models/a.bin"]}
    assert gone_to(found) == {"lab": []}


def test_a_place_with_two_names_is_one_place() -> None:
    found = places({"models/**": "same", "*.raw": "archive", "*.npy": "archive"})
    assert gone_to(found, "a.bin", "models/b.bin", "a.raw", "a.npy") == {
        "lab": ["a.bin", "models/b.bin"],
        "archive": ["a.raw", "a.npy"],
    }
    assert [place.name for place in pushed_to(found)] == ["lab", "archive"]


def test_an_address_that_is_none_is_like_no_other() -> None:
    found = places({}, {**REMOTES, "bad": {"url": "file://elsewhere/x"}})
    assert [place.name for place in found.for_mirrors()] == ["lab", "archive", "cold", "bad"]


def test_what_was_sent_before_a_route_may_be_at_the_usual_place() -> None:
    found = places({"models/**": "archive"})
    usual, archive = shares(found, found.usual())
    assert (usual.is_routed, usual.earlier) == (False, None)
    assert archive.is_routed and archive.earlier == usual.place


def test_a_route_to_nowhere_names_file_and_key() -> None:
    with pytest.raises(ConfigError, match=r'mlvc.toml: track."models/\*\*".remote: .*archiv\b'):
        shares(places({"models/**": "archiv"}), None)


def test_a_remote_alone_is_the_usual_place_as_well() -> None:
    found = places({"models/**": "archive"}, {"archive": {"url": "/archive"}})
    assert [place.name for place in pushed_to(found)] == ["archive"]


def test_without_any_place_it_is_said_what_to_do() -> None:
    with pytest.raises(RemoteRefused, match="no remote to push data to"):
        pushed_to(places({}, {}))
