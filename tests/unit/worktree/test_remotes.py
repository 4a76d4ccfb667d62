"""Defining remotes: tracked, private, both; each change whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.repo import Machine, Repo

from git_mlvc.errors import ConfigError, GitError, InputError, UsageError
from git_mlvc.settings import Origin
from git_mlvc.workspace import Workspace
from git_mlvc.worktree import remotes
from git_mlvc.worktree.remote_definition import options_of
from git_mlvc.worktree.remotes import Definitions

S3 = "s3://bucket/data"


@pytest.fixture
def repo(bare_machine: Machine) -> Repo:
    return bare_machine.init()


def where(repo: Repo) -> Definitions:
    workspace = Workspace.open(repo.path, repo.machine.env())
    return Definitions(
        workspace.settings,
        workspace.git,
        workspace.repository.worktree,
        workspace.places.is_trusted,
        workspace.environment,
    )


def is_trusted(repo: Repo, name: str) -> bool:
    now = where(repo)
    return now.is_trusted(now.settings.remotes[name])


def text(repo: Repo) -> str:
    return repo.read("mlvc.toml").decode()


# -- words


def test_options_are_read_as_people_write_them() -> None:
    assert options_of(["Region=eu", "path_style=true", "x="]) == {
        "region": "eu",
        "path-style": "true",
        "x": "",
    }
    assert options_of(["header=a=b=c"]) == {"header": "a=b=c"}


@pytest.mark.parametrize(
    "words", [["region"], ["=x"], ["a b=c"], ["url=x"], ["region=a", "region=b"], ["-x=1"], [""]]
)
def test_options_that_are_none_are_refused(words: list[str]) -> None:
    with pytest.raises(UsageError):
        options_of(words)


def test_a_malformed_option_does_not_repeat_what_may_be_a_secret() -> None:
    with pytest.raises(UsageError) as caught:
        options_of(["my key=hunter2"])
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "default", "-x", "a b", "a/b", "a\nb", ".a", "ä", "a" * 101])
def test_bad_names_are_refused(repo: Repo, name: str) -> None:
    with pytest.raises(UsageError):
        remotes.add(where(repo), name, "/x")
    assert not repo.has("mlvc.toml")


# -- add


def test_a_tracked_remote_has_its_options_in_the_file_and_is_trusted(repo: Repo) -> None:
    remotes.add(where(repo), "cloud", S3, {"region": "eu", "path-style": "true"}, default=True)
    cloud = where(repo).settings.remotes["cloud"]
    assert (cloud.url, cloud.origin) == (S3, Origin.TRACKED)
    assert cloud.tracked_options == {"region": "eu", "path-style": "true"}
    assert is_trusted(repo, "cloud")
    assert where(repo).settings.default_remote == "cloud"


def test_a_private_remote_leaves_no_trace_in_the_worktree(repo: Repo) -> None:
    remotes.add(
        where(repo), "cloud", S3, {"secret-access-key": "hunter2"}, private=True, default=True
    )
    assert not repo.has("mlvc.toml")
    assert where(repo).settings.remotes["cloud"].options == {"secret-access-key": "hunter2"}
    assert where(repo).settings.default_remote == "cloud"


@pytest.mark.parametrize(
    ("url", "options", "hint"),
    [
        ("s3x://bucket/x", {}, "did you mean s3?"),
        (S3, {"regoin": "eu"}, "did you mean 'region'?"),
        ("/data", {"region": "eu"}, ""),
        ("", {}, ""),
        ("-oProxyCommand=x", {}, "./-oProxyCommand=x"),
        ("file://host/data", {}, "three slashes"),
        ("/a\nb", {}, ""),
        ("/a\u202eb", {}, ""),
    ],
)
def test_an_address_that_no_driver_takes_is_refused_at_once(
    repo: Repo, url: str, options: dict[str, str], hint: str
) -> None:
    for private in (False, True):
        with pytest.raises(ConfigError) as caught:
            remotes.add(where(repo), "lab", url, options, private=private)
        assert hint in caught.value.hint
    assert where(repo).settings.remotes == {}


@pytest.mark.parametrize(
    ("url", "options", "hint"),
    [
        ("https://me:hunter2@host/x", {}, "git mlvc remote add lab URL --private"),
        (S3, {"secret-access-key": "hunter2"}, "remote set lab secret-access-key=VALUE --private"),
        (S3, {"endpoint": "https://me:hunter2@host"}, "remote set lab endpoint=VALUE --private"),
    ],
)
def test_law_12_a_secret_is_refused_with_the_command_that_keeps_it_private(
    repo: Repo, url: str, options: dict[str, str], hint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        remotes.add(where(repo), "lab", url, options)
    assert hint in caught.value.hint
    assert "hunter2" not in f"{caught.value} {caught.value.hint}"
    assert not repo.has("mlvc.toml")


@pytest.mark.parametrize(
    ("url", "options", "hint"),
    [
        ("exec:ssh lab cat", {}, "git mlvc remote add lab 'exec:ssh lab cat' --private"),
        ("rclone:drive:x", {}, "git mlvc remote add lab rclone:drive:x --private"),
        (
            "ssh://host/x",
            {"server-program": "/opt/mlvc"},
            "leave it out, then: git mlvc remote set lab server-program=VALUE --private",
        ),
    ],
)
def test_law_12_a_program_is_private(
    repo: Repo, url: str, options: dict[str, str], hint: str
) -> None:
    with pytest.raises(ConfigError, match="program") as caught:
        remotes.add(where(repo), "lab", url, options)
    assert caught.value.hint == hint
    assert not repo.has("mlvc.toml")
    remotes.add(where(repo), "lab", url, options, private=True)
    assert where(repo).settings.remotes["lab"].url == url


def test_a_taken_name_is_refused(repo: Repo) -> None:
    remotes.add(where(repo), "lab", "/lab")
    remotes.add(where(repo), "mine", "/mine", private=True)
    for name, private in (("lab", False), ("mine", False), ("mine", True)):
        with pytest.raises(UsageError, match="already"):
            remotes.add(where(repo), name, "/other", private=private)


def test_a_private_remote_takes_the_place_of_a_tracked_one(repo: Repo) -> None:
    remotes.add(where(repo), "cloud", S3, {"endpoint": "https://theirs"})
    remotes.add(where(repo), "cloud", "s3://mine", private=True)
    now = where(repo).settings.remotes["cloud"]
    assert (now.url, dict(now.options), now.origin) == ("s3://mine", {}, Origin.PRIVATE)
    remotes.remove(where(repo), "cloud", private=True)
    now = where(repo).settings.remotes["cloud"]
    assert (now.url, now.origin) == (S3, Origin.TRACKED)
    assert is_trusted(repo, "cloud")


def test_in_a_bare_repository_all_is_private(repo: Repo) -> None:
    bare = repo.machine.bare()
    remotes.add(where(bare), "lab", "/lab", default=True)
    assert where(bare).settings.remotes["lab"].origin is Origin.PRIVATE
    remotes.rename(where(bare), "lab", "other")
    assert where(bare).settings.default_remote == "other"
    remotes.remove(where(bare), "other")
    assert where(bare).settings.remotes == {}


def test_a_bare_repository_does_not_change_what_is_committed(repo: Repo) -> None:
    remotes.add(where(repo), "lab", "/lab")
    repo.add().commit("one")
    bare = repo.machine.bare()
    repo.git("push", "-q", bare.path, "HEAD:main")
    for change in (
        lambda: remotes.remove(where(bare), "lab"),
        lambda: remotes.rename(where(bare), "lab", "other"),
        lambda: remotes.set_url(where(bare), "lab", "/x"),
    ):
        with pytest.raises(UsageError, match="bare repository"):
            change()
    remotes.set_url(where(bare), "lab", "/x", private=True)
    assert where(bare).settings.remotes["lab"].url == "/x"


def test_a_committed_file_that_is_not_in_the_worktree_is_not_replaced_by_a_new_one(
    repo: Repo,
) -> None:
    remotes.add(where(repo), "lab", "/lab")
    repo.add().commit("one").remove("mlvc.toml")
    with pytest.raises(InputError) as caught:
        remotes.add(where(repo), "other", "/other")
    assert "git restore" in caught.value.hint
    assert not repo.has("mlvc.toml")


def test_a_failure_on_the_way_leaves_everything_as_it_was(repo: Repo) -> None:
    remotes.add(where(repo), "lab", "/lab", default=True)
    before = text(repo)
    now = where(repo)
    (repo.git_dir / "config.lock").touch()
    for change in (
        lambda: remotes.add(now, "other", "/other"),
        lambda: remotes.set_url(now, "lab", "/other"),
        lambda: remotes.remove(now, "lab"),
    ):
        with pytest.raises((GitError, ConfigError)):
            change()
        assert text(repo) == before
    with pytest.raises(ConfigError) as caught:
        remotes.add(now, "p", S3, {"secret-access-key": "hunter2"}, private=True)
    assert "hunter2" not in f"{caught.value} {caught.value.hint}"
    (repo.git_dir / "config.lock").unlink()


# -- set-url, set


def test_another_address_is_trusted_by_whoever_writes_it_and_the_old_one_no_more(
    repo: Repo,
) -> None:
    remotes.add(where(repo), "lab", "/lab")
    remotes.set_url(where(repo), "lab", "/new")
    assert where(repo).settings.trusted_urls == {"/new"}
    assert '[remote.lab]\nurl = "/new"' in text(repo)


def test_options_are_set_where_the_remote_is_defined(repo: Repo) -> None:
    remotes.add(where(repo), "cloud", S3, {"region": "eu"})
    remotes.set_options(where(repo), "cloud", {"path-style": "true"}, ["region"])
    assert "region" not in text(repo) and "path-style" in text(repo)
    assert is_trusted(repo, "cloud")
    remotes.set_options(where(repo), "cloud", {"profile": "me"}, private=True)
    assert "me" not in text(repo)
    assert where(repo).settings.remotes["cloud"].options["profile"] == "me"
    remotes.set_options(where(repo), "cloud", {}, ["profile"], private=True)
    assert "profile" not in where(repo).settings.remotes["cloud"].options


def test_the_spelling_of_an_option_in_the_file_is_kept(repo: Repo) -> None:
    repo.write({"mlvc.toml": b'[remote.cloud]\nurl = "s3://b"\nPath_Style = true # ours\n'})
    remotes.set_options(where(repo), "cloud", {"path-style": "false"})
    assert text(repo) == '[remote.cloud]\nurl = "s3://b"\nPath_Style = "false" # ours\n'
    remotes.set_options(where(repo), "cloud", {}, ["path-style"])
    assert text(repo) == '[remote.cloud]\nurl = "s3://b"\n'


def test_law_12_changing_one_option_does_not_trust_what_a_stranger_wrote_beside_it(
    repo: Repo,
) -> None:
    repo.write({"mlvc.toml": b'[remote.cloud]\nurl = "s3://b"\nendpoint = "https://evil"\n'})
    remotes.set_options(where(repo), "cloud", {"region": "eu"})
    assert not is_trusted(repo, "cloud")
    remotes.set_url(where(repo), "cloud", "s3://mine")
    assert not is_trusted(repo, "cloud")


def test_what_cannot_be_set_is_refused(repo: Repo) -> None:
    remotes.add(where(repo), "cloud", S3)
    for options, unset in (
        ({"regoin": "x"}, []),
        ({"secret-access-key": "x"}, []),
        ({}, ["region"]),
    ):
        with pytest.raises((ConfigError, UsageError)):
            remotes.set_options(where(repo), "cloud", options, unset)
    with pytest.raises(ConfigError, match="no option 'region'"):
        remotes.set_options(where(repo), "cloud", {"region": "eu"})
        remotes.set_url(where(repo), "cloud", "/data")
    with pytest.raises(UsageError, match="no remote is called") as caught:
        remotes.set_url(where(repo), "clod", "/data")
    assert caught.value.hint == "did you mean 'cloud'?"


# -- remove, rename

BOTH = """\
# ours
[remote]
default = "lab" # everybody's

# the lab's disk
[remote.lab] # north
url = "/lab" # mounted

[track."models/**"]
remote = "lab" # large
min_size = "1kB"
"""


def test_a_rename_reaches_every_place_and_keeps_the_rest(repo: Repo) -> None:
    repo.write({"mlvc.toml": BOTH.encode()})
    repo.set("mlvc.default", "lab").set("mlvc.trust", "/lab")
    remotes.rename(where(repo), "lab", "archive.2")
    assert text(repo) == BOTH.replace('"lab"', '"archive.2"').replace(
        "remote.lab]", 'remote."archive.2"]'
    )
    settings = where(repo).settings
    assert settings.default_remote == "archive.2"
    assert [route.remote for route in settings.routes] == ["archive.2"]
    assert is_trusted(repo, "archive.2")


def test_a_rename_takes_private_parts_along(repo: Repo) -> None:
    remotes.add(where(repo), "cloud", S3)
    remotes.set_options(where(repo), "cloud", {"profile": "me"}, private=True)
    remotes.add(where(repo), "mine", "/mine", private=True, default=True)
    remotes.rename(where(repo), "cloud", "sky")
    remotes.rename(where(repo), "mine", "own")
    settings = where(repo).settings
    assert set(settings.remotes) == {"sky", "own"}
    assert settings.remotes["sky"].options == {"profile": "me"}
    assert settings.default_remote == "own"


def test_a_rename_is_refused_or_whole(repo: Repo) -> None:
    remotes.add(where(repo), "lab", "/lab", default=True)
    remotes.add(where(repo), "mine", "/mine", private=True)
    before = text(repo), repo.read(".git/config")
    for old, new in (
        ("lab", "mine"),
        ("lab", "a b"),
        ("lab", "default"),
        ("x", "y"),
        ("lab", "lab"),
    ):
        with pytest.raises(UsageError):
            remotes.rename(where(repo), old, new)
    remotes.set_url(where(repo), "lab", "/own", private=True)
    now = where(repo)
    config = repo.read(".git/config")
    (repo.git_dir / "config.lock").touch()
    with pytest.raises(GitError):
        remotes.rename(now, "lab", "new")
    (repo.git_dir / "config.lock").unlink()
    assert (text(repo), repo.read(".git/config")) == (before[0], config)


def test_a_remote_of_the_users_global_configuration_is_left_to_her(repo: Repo) -> None:
    repo.machine.config("mlvc.remote.mine.url", "/mine")
    for change in (
        lambda: remotes.rename(where(repo), "mine", "other"),
        lambda: remotes.remove(where(repo), "mine"),
    ):
        with pytest.raises(UsageError, match="not defined in this clone alone") as caught:
            change()
        assert "git config --show-origin" in caught.value.hint


def test_what_is_removed_leaves_nothing_behind(repo: Repo) -> None:
    remotes.add(where(repo), "lab", "/lab", default=True)
    remotes.set_url(where(repo), "lab", "/own", private=True)
    remotes.remove(where(repo), "lab")
    settings = where(repo).settings
    assert (settings.remotes, settings.default_remote, settings.trusted_urls) == ({}, None, set())
    assert b"lab" not in repo.read(".git/config") and "lab" not in text(repo)


def test_a_private_address_is_trusted_and_not_written_twice(repo: Repo) -> None:
    remotes.add(where(repo), "web", "https://me:hunter2@host/x", private=True)
    remotes.trust(where(repo), where(repo).settings.remotes["web"])
    assert is_trusted(repo, "web")
    assert repo.read(".git/config").count(b"hunter2") == 1


def test_trust_that_another_remote_needs_stays(repo: Repo) -> None:
    remotes.add(where(repo), "one", "/lab")
    remotes.add(where(repo), "two", "/lab")
    remotes.remove(where(repo), "one")
    assert is_trusted(repo, "two")
    assert remotes.distrust(where(repo), where(repo).settings.remotes["two"])
    assert not is_trusted(repo, "two")
    assert not remotes.distrust(where(repo), where(repo).settings.remotes["two"])


def test_routes_of_a_remote_are_known(repo: Repo) -> None:
    repo.write({"mlvc.toml": BOTH.encode()})
    assert remotes.routes_to(where(repo), "lab") == ["models/**"]


def test_the_default_can_be_private_and_taken_back(repo: Repo, tmp_path: Path) -> None:
    remotes.add(where(repo), "lab", "/lab", default=True)
    remotes.add(where(repo), "other", "/other")
    remotes.set_default(where(repo), "other", private=True)
    assert where(repo).settings.default_remote == "other"
    assert remotes.unset_default(where(repo))
    assert where(repo).settings.default_remote == "lab"
    assert remotes.unset_default(where(repo))
    assert where(repo).settings.default_remote is None
    assert not remotes.unset_default(where(repo))
