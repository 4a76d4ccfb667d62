"""Which addresses git really uses: compared with what git itself says."""

from __future__ import annotations

import pytest
from support.repo import Machine

from git_mlvc.git import config, remote_urls
from git_mlvc.git.process import Git

CASES: list[list[tuple[str, str]]] = [
    [("remote.origin.url", "https://host/x.git")],
    [("remote.origin.url", "gh:me/x"), ("url.https://host/.insteadOf", "gh:")],
    [
        ("remote.origin.url", "gh:me/x"),
        ("url.https://short/.insteadOf", "g"),
        ("url.https://long/.insteadOf", "gh:me"),
        ("url.https://middle/.insteadOf", "gh:"),
    ],
    [("remote.origin.url", "gh:me/x"), ("url.https://host/.pushInsteadOf", "gh:")],
    [
        ("remote.origin.url", "https://host/x"),
        ("remote.origin.pushurl", "gh:me/x"),
        ("url.ssh://git@host/.insteadOf", "gh:"),
        ("url.ssh://git@not-for-pushurl/.pushInsteadOf", "gh:"),
    ],
    [
        ("remote.origin.url", "gh:me/x"),
        ("url.https://read/.insteadOf", "gh:"),
        ("url.https://write/.pushInsteadOf", "gh:"),
    ],
    [("remote.origin.url", "https://one/x"), ("remote.origin.url", "https://two/x")],
    [("remote.origin.url", "a:b"), ("url.x.y.z:.insteadOf", "a:"), ("url.q.insteadOf", "zzz")],
]


@pytest.mark.parametrize("settings", CASES, ids=range(len(CASES)))
def test_addresses_are_those_that_git_says(
    bare_machine: Machine, settings: list[tuple[str, str]]
) -> None:
    repo = bare_machine.init()
    for key, value in settings:
        repo.git("config", "--add", key, value)
    read = config.read(Git(repo.path, env=bare_machine.env()))
    assert remote_urls.names(read) == ["origin"]
    assert remote_urls.fetched_from(read, "origin") == repo.text("remote", "get-url", "origin")
    pushed = repo.text("remote", "get-url", "--push", "--all", "origin").splitlines()
    assert remote_urls.pushed_to(read, "origin") == pushed
    typed = settings[0][1]
    assert remote_urls.rewritten(read, typed) == repo.text("ls-remote", "--get-url", typed)


def test_an_empty_address_takes_back_what_was_there() -> None:
    read = {
        "remote.origin.url": ["https://old/x", "", "https://new/x"],
        "remote.gone.url": ["x", ""],
    }
    assert remote_urls.names(read) == ["origin"]
    assert remote_urls.fetched_from(read, "origin") == "https://new/x"
    assert remote_urls.fetched_from(read, "gone") is None
    assert remote_urls.pushed_to(read, "gone") == []
