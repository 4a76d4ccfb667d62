"""Attributes: git's pattern language, and editing `.gitattributes` without touching what is not ours."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.extent import examples

from git_mlvc.errors import UsageError
from git_mlvc.git import attributes
from git_mlvc.git.attribute_patterns import escaped, matches
from git_mlvc.git.attributes_file import AttributesFile, TrackedPattern
from git_mlvc.git.process import Git
from git_mlvc.repo_path import RepoPath
from git_mlvc.settings import Settings, Threshold

_PLAIN = ["a", "b", "c.bin", ".", "/", "x y", "é", "-", "A", "]"]
_STARS = ["*", "**", "?", "**/", "/**", "*a", "a*", "\\*", "\\a", "\\"]
_BRACKETS = ["[ab]", "[!a]", "[^b]", "[a-c]", "[[:alpha:]]", "[[:digit:]-]", "[]a]", "[a", "[\\]]"]
_ODD_BRACKETS = ["[", "[!]", "[b-a]", "[a-]", "[-a]", "[[:bad:]]", "[[a]"]
_ATOMS = st.sampled_from([*_PLAIN, *_STARS, *_BRACKETS, *_ODD_BRACKETS])
_PATTERNS = st.lists(_ATOMS, min_size=1, max_size=6).map("".join)
_NAMES = st.lists(
    st.sampled_from(["a", "b", "ab", "c.bin", "*", "[", "x y", "é", "A", "]", "-", ".", "\\"]),
    min_size=1,
    max_size=2,
).map("".join)
_PATHS = (
    st.lists(_NAMES, min_size=1, max_size=4)
    .map("/".join)
    .filter(lambda text: not set(text.split("/")) & {".", "..", ""})
)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Git:
    top = tmp_path_factory.mktemp("attributes")
    env = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(top),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
    }
    git = Git(top, env=env)
    git.run("init", "-q")
    return git


def _git_says(git: Git, paths: list[str]) -> list[bool]:
    found = attributes.check(git, [RepoPath.parse(path) for path in paths], ("filter",))
    return [values["filter"] == "mlvc" for _, values in found]


@settings(
    max_examples=examples(250),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(pattern=_PATTERNS, paths=st.lists(_PATHS, min_size=1, max_size=20))
def test_a_pattern_written_by_us_means_to_us_what_it_means_to_git(
    repository: Git, pattern: str, paths: list[str]
) -> None:
    file = AttributesFile.parse(b"")
    assert file.add(pattern)
    Path(repository.cwd or "", ".gitattributes").write_bytes(file.encode())
    ours = [matches(pattern, RepoPath.parse(path)) for path in paths]
    assert ours == _git_says(repository, paths)


@pytest.mark.parametrize(
    "pattern",
    ["a b.bin", '"quoted"', "#hash", "tab\there", "new\nline", 'in"side', "é.bin", r"back\\slash"],
)
def test_an_unusual_pattern_is_quoted_so_that_git_and_we_read_it_back(
    repository: Git, pattern: str
) -> None:
    file = AttributesFile.parse(b"")
    file.add(pattern)
    assert AttributesFile.parse(file.encode()).patterns() == [TrackedPattern(pattern, False)]
    Path(repository.cwd or "", ".gitattributes").write_bytes(file.encode())
    assert _git_says(repository, [pattern.replace("\\\\", "\\")]) == [True]


def test_a_pattern_that_is_not_utf8_is_kept_as_bytes() -> None:
    file = AttributesFile.parse(b"")
    file.add("\udcff.bin")
    assert file.encode() == b"\xff.bin filter=mlvc diff=mlvc -merge -text\n"
    assert matches("\udcff.bin", RepoPath(b"dir/\xff.bin"))


def test_the_two_forms_of_a_line_are_these() -> None:
    file = AttributesFile.parse(b"")
    file.add("*.bin")
    file.add("*", above=True)
    assert file.encode() == (
        b"*.bin filter=mlvc diff=mlvc -merge -text\n* filter=mlvc merge=mlvc\n"
    )
    assert file.patterns() == [TrackedPattern("*.bin", False), TrackedPattern("*", True)]


def test_tracking_twice_does_nothing() -> None:
    file = AttributesFile.parse(b"")
    assert file.add("*.bin")
    before = file.encode()
    assert not file.add("*.bin")
    assert file.encode() == before


def test_the_other_form_replaces_the_line_where_it_stands() -> None:
    file = AttributesFile.parse(b"# one\n*.bin filter=mlvc diff=mlvc -merge -text lock\n*.c text\n")
    assert file.add("*.bin", above=True)
    assert file.encode() == b"# one\n*.bin filter=mlvc merge=mlvc lock\n*.c text\n"


def test_what_is_not_ours_is_kept_byte_for_byte() -> None:
    theirs = (
        b'\xef\xbb\xbf# note\r\n\r\n  *.c   text\teol=lf \r\n[attr]x -y\n"a b" text\n!no\n\xff z'
    )
    file = AttributesFile.parse(theirs)
    assert file.encode() == theirs
    file.add("*.bin")
    assert file.encode() == theirs + b"\r\n*.bin filter=mlvc diff=mlvc -merge -text\r\n"
    assert file.remove("*.bin")
    assert file.encode() == theirs + b"\r\n"


def test_a_later_line_of_another_tool_does_not_win_over_track() -> None:
    file = AttributesFile.parse(b"*.bin filter=mlvc diff=mlvc -merge -text\n*.bin filter=lfs\n")
    assert file.add("*.bin")
    assert file.encode() == b"*.bin filter=lfs\n*.bin filter=mlvc diff=mlvc -merge -text\n"


def test_untrack_keeps_what_the_user_added_to_our_line() -> None:
    file = AttributesFile.parse(b"*.bin filter=mlvc diff=mlvc -merge -text export-ignore\n")
    assert file.remove("*.bin")
    assert file.encode() == b"*.bin export-ignore\n"
    assert not file.remove("*.bin")


@given(st.binary(max_size=200))
def test_any_bytes_survive_being_read_and_written(data: bytes) -> None:
    assert AttributesFile.parse(data).encode() == data


@pytest.mark.parametrize("pattern", ["!x", "", "a\0b", "[attr]x", "x" * 3000])
def test_what_git_would_ignore_is_refused(pattern: str) -> None:
    with pytest.raises(UsageError):
        AttributesFile.parse(b"").add(pattern)


def test_an_escaped_name_matches_only_itself() -> None:
    assert matches(escaped("a[1]*.bin"), RepoPath(b"a[1]*.bin"))
    assert not matches(escaped("a[1]*.bin"), RepoPath(b"a1x.bin"))


def test_the_last_fitting_threshold_counts() -> None:
    found = Settings(min_size_bytes=5, thresholds=(Threshold("*", 10), Threshold("big/*", 20)))
    assert attributes.min_size_bytes(found, RepoPath(b"big/x")) == 20
    assert attributes.min_size_bytes(found, RepoPath(b"big/y/x")) == 10
    assert attributes.min_size_bytes(Settings(min_size_bytes=5), RepoPath(b"x")) == 5
