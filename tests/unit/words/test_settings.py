"""Settings combine git config, mlvc.toml and the environment; private wins over tracked."""

import pytest

from git_mlvc.errors import ConfigError
from git_mlvc.settings import (
    DEFAULT_INLINE_LIMIT_BYTES,
    Origin,
    RemoteSetting,
    Threshold,
    from_sources,
    parse_bool,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("0", 0),
        ("1048576", 1 << 20),
        ("1MiB", 1 << 20),
        ("1 MiB", 1 << 20),
        ("1m", 1 << 20),
        ("1MB", 1_000_000),
        ("1.5k", 1536),
        ("2T", 2 << 40),
        (77, 77),
    ],
)
def test_sizes_are_read_the_way_people_write_them(text, size_bytes):
    assert parse_size(text, key="k") == size_bytes


def test_what_a_machine_has_is_said_in_git_config_alone():
    tracked = {"resources": {"gpu": 9}}
    config = {"mlvc.resources.gpu": ["1", "2"], "mlvc.resources.big-disk": ["0"]}
    assert from_sources(config, tracked, {}).resources == {"gpu": 2, "big-disk": 0}
    with pytest.raises(ConfigError, match=r"git config mlvc.resources.gpu: 'two' is not a number"):
        from_sources({"mlvc.resources.gpu": ["two"]}, {}, {})


@pytest.mark.parametrize("text", ["", "-1", "MiB", "1 parsec", "1e9", "0x10", True, -5])
def test_what_is_not_a_size_is_refused_with_its_key(text):
    with pytest.raises(ConfigError, match="some key"):
        parse_size(text, key="some key")


@pytest.mark.parametrize(
    ("text", "value"), [("", False), ("On", True), ("0", False), ("no", False)]
)
def test_truth_is_read_the_way_git_does(text, value):
    assert parse_bool(text, key="k") is value


def test_a_truth_value_that_is_none_is_refused():
    with pytest.raises(ConfigError, match="k:"):
        parse_bool("maybe", key="k")


def test_nothing_set_gives_the_defaults():
    settings = from_sources({}, {}, {})
    assert settings.inline_limit_bytes == DEFAULT_INLINE_LIMIT_BYTES
    assert not settings.skip_smudge
    assert settings.remotes == {}
    assert settings.default_remote is None


def test_git_config_wins_over_the_tracked_file():
    settings = from_sources(
        {"mlvc.remote.store.url": ["/old", "/private"], "mlvc.default": ["mine"]},
        {"remote": {"default": "store", "store": {"url": "/tracked"}, "other": {"url": "/o"}}},
        {},
    )
    assert settings.remotes["store"].url == "/private"
    assert settings.remotes["store"].origin is Origin.PRIVATE
    assert settings.remotes["other"].origin is Origin.TRACKED
    assert settings.default_remote == "mine"


def test_thresholds_keep_the_order_of_the_file():
    tracked = {"track": {"min_size": "1k", "*.py": {"min_size": "1MiB"}, "*": {"min_size": 5}}}
    settings = from_sources({}, tracked, {})
    assert settings.min_size_bytes == 1024
    assert settings.thresholds == (Threshold("*.py", 1 << 20), Threshold("*", 5))


@pytest.mark.parametrize("value", ["1", "true"])
def test_the_environment_can_leave_stubs_on_purpose(value):
    assert from_sources({}, {}, {"MLVC_SKIP_SMUDGE": value}).skip_smudge


def test_trust_comes_from_private_places_only():
    settings = from_sources(
        {"mlvc.trust": ["/a"]}, {"trust": ["/evil"], "track": {}}, {"MLVC_TRUST": "/b /c"}
    )
    assert settings.trusted_urls == {"/a", "/b", "/c"}


@pytest.mark.parametrize(
    "url", ["https://user:hunter2@host/x", "s3://b/p?secret=abc", "https://h/x?sig=1"]
)
def test_law_12_a_secret_in_a_tracked_file_is_refused(url):
    with pytest.raises(ConfigError, match=r"remote\.r\.url"):
        from_sources({}, {"remote": {"r": {"url": url}}}, {})


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("secret-access-key", "x"),
        ("SECRET_ACCESS_KEY", "x"),
        ("password", ""),
        ("header", "Authorization: Bearer 0123456789abcdef"),
        ("endpoint", "https://me:hunter2@host"),
    ],
)
def test_law_12_a_secret_option_in_a_tracked_file_is_refused_and_not_repeated(option, value):
    with pytest.raises(ConfigError) as caught:
        from_sources({}, {"remote": {"r": {"url": "s3://b", option: value}}}, {})
    name = option.lower().replace("_", "-")
    assert f"mlvc.toml: remote.r.{name}" in str(caught.value)
    assert (
        caught.value.hint
        == f"delete that line; keep a new secret private: git config mlvc.remote.r.{name} VALUE"
    )
    assert "hunter2" not in str(caught.value)


def test_a_hint_is_safe_to_paste():
    with pytest.raises(ConfigError) as caught:
        from_sources({}, {"remote": {"x; rm -rf ~": {"url": "https://a:b@c"}}}, {})
    assert "'mlvc.remote.x; rm -rf ~.url'" in caught.value.hint


def test_options_are_private_tracked_or_both():
    tracked = {"remote": {"lab": {"url": "s3://b", "Path_Style": True, "region": "eu", "port": 3}}}
    lab = from_sources({"mlvc.remote.lab.profile": ["me"]}, tracked, {}).remotes["lab"]
    assert lab.tracked_options == {"path-style": "true", "region": "eu", "port": "3"}
    assert lab.options == {**lab.tracked_options, "profile": "me"}
    assert lab.has_private_options
    over = from_sources({"mlvc.remote.lab.region": ["us"]}, tracked, {}).remotes["lab"]
    assert over.options["region"] == "us"
    assert over.address == lab.address, "what was tracked is what was trusted"


def test_law_12_nothing_tracked_steers_a_private_remote_of_the_same_name():
    config = {"mlvc.remote.lab.url": ["s3://mine"], "mlvc.remote.lab.profile": ["me"]}
    tracked = {"remote": {"lab": {"url": "s3://theirs", "endpoint": "https://evil"}}}
    lab = from_sources(config, tracked, {}).remotes["lab"]
    assert lab == RemoteSetting("lab", "s3://mine", Origin.PRIVATE, {"profile": "me"}, {})


def address(url, **options):
    return RemoteSetting("r", url, Origin.TRACKED, options, options).address


def test_what_is_trusted_names_all_that_was_tracked():
    assert address("s3://b") == "s3://b"
    assert (
        address("s3://b", region="eu", endpoint="https://h")
        == "s3://b#endpoint=https://h&region=eu"
    )


def test_law_12_two_addresses_never_look_the_same():
    alike = [
        address("s3://b", a="1", b="2"),
        address("s3://b", a="1&b=2"),
        address("s3://b#a=1&b=2"),
        address("s3://b#a=1", b="2"),
        address("s3://b", a="1#b=2"),
        address("s3://b", a="1%26b=2"),
        address("s3://b#"),
        address("s3://b"),
    ]
    assert len(set(alike)) == len(alike)


def test_trusted_addresses_may_have_spaces_when_each_has_a_line():
    def trusted(text):
        return from_sources({}, {}, {"MLVC_TRUST": text}).trusted_urls

    assert trusted("/a /b") == {"/a", "/b"}
    assert trusted("/a b\n/c\n") == {"/a b", "/c"}
    assert trusted("/a b\n") == {"/a b"}
    assert trusted("") == frozenset()


@pytest.mark.parametrize(
    ("tracked", "named"),
    [
        ({"track": 3}, "track"),
        ({"track": {"min_size": []}}, r"track\.min_size"),
        ({"remote": {"r": {}}}, r"remote\.r"),
        ({"remote": {"r": "x"}}, r"remote\.r"),
        ({"fetch": {"include": "x"}}, r"fetch\.include"),
    ],
)
def test_a_wrong_value_is_named(tracked, named):
    with pytest.raises(ConfigError, match=named):
        from_sources({}, tracked, {})


def test_fetch_patterns_can_be_overridden_privately():
    tracked = {"fetch": {"include": ["a/**"], "exclude": ["b"]}}
    settings = from_sources({"mlvc.fetchinclude": ["x,y"]}, tracked, {})
    assert settings.fetch_include == ("x", "y")
    assert settings.fetch_exclude == ("b",)


@pytest.mark.parametrize(
    "remote",
    [
        {"default": 3},
        {"a\nb": {"url": "/x"}},
        {"lab": {"url": "/x\x1b[2K"}},
        {"lab": {"urll": "x"}},
    ],
)
def test_remotes_that_make_no_sense_are_refused_in_plain_characters(remote):
    with pytest.raises(ConfigError) as caught:
        from_sources({}, {"remote": remote}, {})
    assert str(caught.value).isprintable()
