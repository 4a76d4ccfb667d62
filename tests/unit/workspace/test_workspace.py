"""The workspace: where settings come from, where data may be, and which places may be contacted."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

import pytest
from support.repo import Machine, Repo

from git_mlvc.errors import ConfigError, GitError, RemoteRefused, UsageError
from git_mlvc.settings import Origin, RemoteSetting
from git_mlvc.workspace import Workspace


@pytest.fixture
def repo(bare_machine: Machine) -> Repo:
    return bare_machine.init()


def opened(repo: Repo, **environment: str) -> Workspace:
    return Workspace.open(repo.path, {**repo.machine.env(), **environment})


def tracked(repo: Repo, text: str) -> Repo:
    return repo.write({"mlvc.toml": text.encode()})


def origin(repo: Repo) -> Path:
    """Give the repository a git remote `origin` that is a directory; return the place beside it."""
    bare = repo.machine.bare()
    repo.git("remote", "add", "origin", bare.path)
    return bare.path / "mlvc"


def push_url(workspace: Workspace, git_remote: str = "origin") -> str | None:
    urls = workspace.config.get(f"remote.{git_remote}.url", [git_remote])
    target = workspace.places.push_target(git_remote, urls[0])
    return target and target.url


# -- settings


def test_settings_are_those_of_the_worktree_else_of_the_index_else_of_head(repo: Repo) -> None:
    assert opened(repo).settings.min_size_bytes == 0
    for size in (3, 2, 1):  # in HEAD, then in the index, then in the worktree
        tracked(repo, f"[track]\nmin_size = {size}\n")
        if size > 1:
            repo.add("mlvc.toml")
        if size > 2:
            repo.commit("settings")
    assert opened(repo).settings.min_size_bytes == 1
    repo.remove("mlvc.toml")
    assert opened(repo).settings.min_size_bytes == 2
    repo.git("rm", "-q", "--cached", "mlvc.toml")
    assert opened(repo).settings.min_size_bytes == 3


def test_while_a_merge_has_left_both_sides_in_settings_those_from_before_it_hold(
    repo: Repo,
) -> None:
    both = "<<<<<<< HEAD\n[stage.a]\n=======\n[stage.b]\n>>>>>>> topic\n"
    tracked(repo, both)
    with pytest.raises(ConfigError, match="line 1: a merge has left both sides here"):
        _ = opened(repo).settings
    tracked(repo, "[track]\nmin_size = 7\n").add("mlvc.toml").commit("settings")
    tracked(repo, f"[track]\nmin_size = 7\n{both}").add("mlvc.toml")
    assert opened(repo).settings.min_size_bytes == 7


def test_a_bare_repository_has_the_settings_of_its_head(repo: Repo) -> None:
    tracked(repo, "[track]\nmin_size = 7\n").add().commit("settings")
    bare = repo.machine.bare()
    repo.git("push", "-q", bare.path, "HEAD:main")
    assert opened(bare).settings.min_size_bytes == 7


@pytest.mark.parametrize(("committed", "name"), [(False, "mlvc.toml"), (True, ":mlvc.toml")])
def test_a_mistake_in_settings_names_where_they_are_from(
    repo: Repo, committed: bool, name: str
) -> None:
    tracked(repo, "[track\n")
    if committed:
        repo.add().remove("mlvc.toml")
    with pytest.raises(ConfigError) as raised:
        _ = opened(repo).settings
    assert str(raised.value).startswith(f"{name}, line 1")


def test_settings_that_are_a_directory_are_refused(repo: Repo) -> None:
    repo.at("mlvc.toml").mkdir()
    with pytest.raises(ConfigError, match=r"cannot read .*mlvc\.toml"):
        _ = opened(repo).settings


def test_the_store_is_in_the_common_git_dir_or_where_it_is_set(repo: Repo) -> None:
    assert opened(repo).store_path == repo.git_dir / "mlvc"
    repo.set("mlvc.store", "../shared")
    assert opened(repo).store_path == repo.path.parent / "shared"
    assert opened(repo, MLVC_STORE="~/other", HOME="/home/ann").store_path == Path(
        "/home/ann/other"
    )


# -- where data may be


def test_a_push_goes_to_the_first_place_that_is_set(repo: Repo) -> None:
    beside = origin(repo)
    assert push_url(opened(repo)) == str(beside)
    tracked(repo, '[remote]\ndefault = "lab"\n[remote.lab]\nurl = "/lab"\n')
    assert push_url(opened(repo)) == "/lab"
    tracked(
        repo,
        '[remote]\ndefault = "lab"\n[remote.lab]\nurl = "/lab"\n[remote.origin]\nurl = "/own"\n',
    )
    assert push_url(opened(repo)) == "/own"
    repo.set("mlvc.remote.origin.url", "/private")
    assert push_url(opened(repo)) == "/private"


def test_a_push_to_a_path_without_a_name_goes_beside_it(repo: Repo) -> None:
    bare = repo.machine.bare()
    assert push_url(opened(repo), str(bare.path)) == str(bare.path / "mlvc")
    assert push_url(opened(repo), "../origin.git") == str(bare.path / "mlvc")
    assert opened(repo).places.push_target("", "https://example.org/x.git") is None


def test_law_6_home_in_a_git_remote_is_that_of_the_environment(repo: Repo) -> None:
    bare = repo.machine.bare()
    workspace = opened(repo, HOME=str(bare.path.parent))
    assert push_url(workspace, f"~/{bare.path.name}") == str(bare.path / "mlvc")


@pytest.mark.parametrize(
    ("url", "why"), [("~/data", "HOME"), ("~", "HOME"), ("~nobody-here/x", "user")]
)
def test_a_home_that_is_not_known_is_no_directory_of_that_name(
    repo: Repo, url: str, why: str
) -> None:
    repo.git("config", "mlvc.remote.lab.url", url)
    environment = repo.machine.env()
    environment.pop("HOME")
    workspace = Workspace.open(repo.path, environment)
    with pytest.raises(ConfigError) as caught:
        workspace.backend(workspace.places.named("lab"))
    assert why in caught.value.why


def test_a_private_default_wins_over_a_tracked_one(repo: Repo) -> None:
    tracked(repo, '[remote]\ndefault = "lab"\n[remote.lab]\nurl = "/lab"\n')
    repo.set("mlvc.remote.mine.url", "/mine").set("mlvc.default", "mine")
    target = opened(repo).places.push_target("origin", "")
    assert target == RemoteSetting("mine", "/mine", Origin.PRIVATE)


def test_a_default_without_an_address_is_said(repo: Repo) -> None:
    tracked(repo, '[remote]\ndefault = "lab"\n')
    with pytest.raises(ConfigError, match="'lab' has no address"):
        opened(repo).places.push_target("origin", "")


def test_reading_looks_everywhere_the_likeliest_first_and_nowhere_twice(repo: Repo) -> None:
    beside = origin(repo)
    fork = repo.machine.bare("fork.git")
    repo.git("remote", "add", "fork", fork.path)
    tracked(
        repo, '[remote]\ndefault = "lab"\n[remote.lab]\nurl = "/lab"\n[remote.old]\nurl = "/old"\n'
    )
    before = [place.url for place in opened(repo).places.for_reading()]
    assert before == ["/lab", str(beside), str(fork.path / "mlvc"), "/old"]
    repo.set("branch.main.remote", "fork")
    after = [place.url for place in opened(repo).places.for_reading()]
    assert after == ["/lab", str(fork.path / "mlvc"), str(beside), "/old"]
    named = [place.url for place in opened(repo).places.for_reading("fork")]
    assert named == ["/lab", str(fork.path / "mlvc"), "/old"]


def test_without_a_git_remote_the_default_is_asked_first(repo: Repo) -> None:
    tracked(repo, '[remote]\ndefault = "lab"\n[remote.a]\nurl = "/a"\n[remote.lab]\nurl = "/lab"\n')
    assert [place.url for place in opened(repo).places.for_reading()] == ["/lab", "/a"]
    assert opened(repo).places.to_push_to(None).url == "/lab"


def test_what_was_fetched_from_a_path_has_its_data_beside_that_path(repo: Repo) -> None:
    other = repo.machine.init("other").write({"a": b"a"})
    other.add().commit("one")
    repo.git("fetch", "-q", other.path, "main")
    assert [place.url for place in opened(repo).places.for_reading()] == [
        str(other.git_dir / "mlvc")
    ]


def test_a_remote_is_named_by_its_own_name_or_gits(repo: Repo) -> None:
    beside = origin(repo)
    tracked(repo, '[remote.lab]\nurl = "/lab"\n')
    workspace = opened(repo)
    assert workspace.places.named("lab").url == "/lab"
    assert workspace.places.named("origin").url == str(beside)
    assert workspace.places.knows("lab")
    assert workspace.places.knows("origin")
    assert not workspace.places.knows("labb")
    with pytest.raises(UsageError, match="no remote is called 'labb'") as raised:
        workspace.places.named("labb")
    assert raised.value.why == "known remotes: lab, origin"


def test_without_any_place_a_push_and_a_fetch_say_what_to_do(repo: Repo) -> None:
    workspace = opened(repo)
    with pytest.raises(RemoteRefused, match="no remote to push data to") as raised:
        workspace.places.to_push_to(None)
    assert "git mlvc remote add" in raised.value.hint
    with pytest.raises(RemoteRefused, match="no remote to fetch data from"):
        workspace.views_to_fetch_from(None)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("data", "{top}/data"),
        ("../data", "{top}/../data"),
        ("/data", "/data"),
        ("~/data", "/home/ann/data"),
        ("file:///data", "file:///data"),
        ("s3://bucket/x", "s3://bucket/x"),
        ("host:data", "host:data"),
        ("./odd:name", "{top}/odd:name"),
        ("-oProxyCommand=x", "-oProxyCommand=x"),
    ],
)
def test_relative_addresses_start_at_the_top(repo: Repo, url: str, expected: str) -> None:
    workspace = opened(repo.write({"sub/x": b""}), HOME="/home/ann")
    assert workspace.places.absolute_url(url) == expected.format(top=repo.path)


# -- law 12: what may be contacted


def test_law_12_an_address_that_came_with_the_repository_is_not_contacted(
    repo: Repo, tmp_path: Path
) -> None:
    url = str(tmp_path / "elsewhere")
    tracked(repo, f'[remote.lab]\nurl = "{url}"\n')
    workspace = opened(repo)
    views, failures = workspace.views_for_reading()
    assert views == []
    assert [failure.hint for failure in failures] == ["git mlvc remote trust lab"]
    with pytest.raises(RemoteRefused, match="'lab' is not contacted"):
        workspace.view(workspace.places.named("lab"))
    assert opened(repo, MLVC_TRUST=f"/x {url}").view(workspace.places.named("lab")).name == "lab"
    repo.set("mlvc.trust", url)
    assert opened(repo).view(workspace.places.named("lab")).name == "lab"
    assert not (tmp_path / "elsewhere").exists()  # opening a view writes nothing


def test_an_address_the_user_wrote_is_contacted(repo: Repo, tmp_path: Path) -> None:
    tracked(repo, '[remote.lab]\nurl = "/theirs"\n')
    repo.set("mlvc.remote.lab.url", str(tmp_path))
    workspace = opened(repo)
    assert workspace.places.is_trusted(workspace.places.named("lab"))


@pytest.mark.parametrize(
    ("url", "trusted"),
    [
        ("{origin}/mlvc", True),
        ("{origin}/mlvc/archive", True),
        ("file://{origin}/mlvc", True),
        ("../origin.git/mlvc", True),
        ("{origin}", False),
        ("{origin}/refs/heads", False),
        ("{origin}/hooks", False),
        ("{origin}/mlvc/../hooks", False),
        ("{origin}/mlvc2", False),
        ("{origin}/mlvc/circle", False),
        ("{origin}/../elsewhere", False),
        ("{origin}-evil/data", False),
        ("{origin}/mlvc/leads-out/data", False),
        ("file://{origin}/%6dlvc", True),
        ("file://{origin}/%2e%2e/elsewhere", False),
        ("file:///elsewhere?/..{origin}/data", False),
        ("file:{origin}/mlvc", True),
        ("file://host{origin}/mlvc", False),
        ("http://localhost{origin}/mlvc", False),
        ("http://169.254.169.254/latest", False),
        ("/", False),
    ],
)
def test_law_12_a_tracked_address_is_trusted_only_beside_the_git_remote(
    repo: Repo, url: str, trusted: bool
) -> None:
    beside = origin(repo)
    beside.mkdir()
    (beside / "leads-out").symlink_to(repo.path)
    (beside / "circle").symlink_to("circle")
    tracked(repo, f'[remote.lab]\nurl = "{url.format(origin=beside.parent)}"\n')
    workspace = opened(repo)
    assert workspace.places.is_trusted(workspace.places.named("lab")) is trusted


def is_trusted(repo: Repo, name: str = "lab", **environment: str) -> bool:
    places = opened(repo, **environment).places
    return places.is_trusted(places.named(name))


ON_SERVER = '[remote.lab]\nurl = "https://host/data"\n'


def test_a_tracked_address_on_the_git_remotes_own_server_is_trusted(repo: Repo) -> None:
    tracked(repo, ON_SERVER)
    assert not is_trusted(repo)
    repo.git("remote", "add", "origin", "git@host:code.git")
    assert is_trusted(repo)
    repo.git("remote", "set-url", "origin", "git@other:code.git")
    assert not is_trusted(repo)
    repo.git("remote", "set-url", "--push", "origin", "git@host:code.git")
    assert is_trusted(repo), "the user has named the server for pushes"


def test_law_12_what_counts_is_the_address_that_git_really_asks(repo: Repo) -> None:
    tracked(repo, ON_SERVER)
    repo.git("remote", "add", "origin", "https://host/code.git")
    repo.set("url.https://mirror/.insteadOf", "https://host/")
    assert is_trusted(repo) is False, "git asks the mirror only"
    repo.git("remote", "set-url", "origin", "gh:code.git")
    repo.set("url.https://host/.insteadOf", "gh:")
    repo.git("config", "--unset-all", "url.https://mirror/.insteadOf")
    assert is_trusted(repo)


def test_the_place_beside_is_that_of_the_address_that_git_really_asks(repo: Repo) -> None:
    bare = repo.machine.bare()
    repo.git("remote", "add", "origin", "disk:origin.git")
    repo.set(f"url.{bare.path.parent}/.insteadOf", "disk:")
    assert opened(repo).places.named("origin").url == str(bare.path / "mlvc")


def test_law_12_tracked_options_are_part_of_what_is_trusted(repo: Repo) -> None:
    tracked(repo, ON_SERVER + 'endpoint = "https://evil"\n')
    repo.git("remote", "add", "origin", "https://host/code.git")
    assert not is_trusted(repo), "an option may lead elsewhere"
    repo.set("mlvc.trust", "https://host/data")
    assert not is_trusted(repo), "the address without the option is another"
    assert is_trusted(repo, MLVC_TRUST="https://host/data#endpoint=https://evil")
    tracked(repo, ON_SERVER + 'endpoint = "https://worse"\n')
    assert not is_trusted(repo, MLVC_TRUST="https://host/data#endpoint=https://evil")


def test_law_12_private_options_go_only_where_the_user_has_said(repo: Repo) -> None:
    # She may keep a token in her own configuration for a remote of that name in another repository.
    beside = origin(repo)
    tracked(repo, f'[remote.lab]\nurl = "{beside}"\n')
    assert is_trusted(repo)
    repo.machine.config("mlvc.remote.lab.token", "hunter2")
    assert not is_trusted(repo)
    repo.set("mlvc.trust", str(beside))
    assert is_trusted(repo)


@pytest.mark.parametrize("url", ["exec:sh -c true", "exec:true"])
def test_law_12_a_clone_may_not_bring_a_remote_that_starts_a_program(repo: Repo, url: str) -> None:
    tracked(repo, f'[remote."a b"]\nurl = "{url}"\n')
    places = opened(repo, MLVC_TRUST=f"{url}\n").places
    with pytest.raises(ConfigError, match="starts a program") as raised:
        places.check_allowed(places.named("a b"))
    assert raised.value.hint.endswith(f"git config 'mlvc.remote.a b.url' {quote(url)}")
    repo.set("mlvc.remote.a b.url", url)
    places = opened(repo).places
    places.check_allowed(places.named("a b"))


@pytest.mark.parametrize("option", ["server-program"])
def test_law_12_a_clone_may_not_bring_an_option_that_names_a_program(
    repo: Repo, option: str
) -> None:
    tracked(repo, f'[remote.lab]\nurl = "ssh://host/x"\n{option} = "touch /tmp/x"\n')
    repo.git("remote", "add", "origin", "ssh://host/code.git")
    places = opened(repo, MLVC_TRUST=f"ssh://host/x#{option}=touch%20/tmp/x\n").places
    assert places.is_trusted(places.named("lab"))
    with pytest.raises(ConfigError, match="names a program"):
        places.check_allowed(places.named("lab"))


def test_lfs_is_trusted_as_the_git_remotes_own_and_by_what_was_written(repo: Repo) -> None:
    tracked(repo, '[remote.lab]\nurl = "lfs"\n')
    repo.git("remote", "add", "origin", "https://me:hunter2@host/code.git")
    assert is_trusted(repo)
    tracked(repo, '[remote.lab]\nurl = "lfs"\nendpoint = "https://evil"\n')
    assert not is_trusted(repo)
    assert is_trusted(repo, MLVC_TRUST="lfs#endpoint=https://evil")


def test_a_hint_is_safe_to_paste_whatever_a_clone_calls_its_remote(repo: Repo) -> None:
    tracked(repo, '[remote."x; rm -rf ~"]\nurl = "/elsewhere"\n')
    places = opened(repo).places
    with pytest.raises(RemoteRefused) as raised:
        places.check_allowed(places.named("x; rm -rf ~"))
    assert raised.value.hint == "git mlvc remote trust 'x; rm -rf ~'"


def test_settings_asked_for_ahead_are_those_asked_for_when_needed(repo: Repo) -> None:
    repo.write({"mlvc.toml": b'[track]\nmin_size = "1MiB"\n'}).add().commit("settings").remove(
        "mlvc.toml"
    )
    repo.git("config", "mlvc.jobs", "3")
    repo.git("config", "section.empty", "")
    ahead = opened(repo)
    ahead.ask_ahead()
    later = opened(repo)
    assert ahead.settings == later.settings
    assert ahead.config == later.config
    assert (ahead.settings.min_size_bytes, ahead.settings.jobs) == (1 << 20, 3)


def test_a_git_that_fails_ahead_is_asked_again_and_says_why(repo: Repo) -> None:
    workspace = opened(repo, GIT_CONFIG_COUNT="many")
    workspace.ask_ahead()
    with pytest.raises(GitError, match="GIT_CONFIG_COUNT"):
        _ = workspace.settings


def test_without_a_git_nothing_is_asked_ahead(repo: Repo, tmp_path: Path) -> None:
    workspace = opened(repo, PATH=str(tmp_path))
    workspace.ask_ahead()
    with pytest.raises(GitError, match="cannot be run"):
        _ = workspace.settings
