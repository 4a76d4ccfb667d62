"""Globs: what they name, and which directories have to be looked into."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.extent import examples

from git_mlvc.pipeline.standing.globs import fixed_folder, glob, is_glob


@pytest.mark.parametrize(
    ("pattern", "meant", "not_meant"),
    [
        ("*.csv", ["a.csv", "é b.csv"], ["d/a.csv", ".a.csv", "a.csv2", "a\n.cs"]),
        ("d/*", ["d/a", "d/a.b"], ["d", "d/e/a", "d/.a", "a"]),
        ("**", ["a", "d/a", "d/e/a"], [".a", "d/.e/a", "d/.a"]),
        ("**/a", ["a", "d/a", "d/e/a"], ["d/xa", ".d/a", "d/.e/a"]),
        ("d/**", ["d/a", "d/e/f/a"], ["d", "dd/a", "d/.git/a"]),
        ("d/**/**/x*y/*.b", ["d/xy/c.b", "d/e/f/xay/c.b"], ["d/c.b", "d/xy/e/c.b"]),
        (".hidden/*", [".hidden/a"], [".hidden/.a", "hidden/a"]),
        ("d/.*", ["d/.a"], ["d/a"]),
        ("**/.x/**/.y", [".x/.y", "d/.x/e/.y"], [".x/.x/.y", ".x/.y/z/.y", "d/.y"]),
        ("**/.x", [".x", "d/.x"], [".d/.x"]),
        ("a?c", ["abc", "aéc"], ["ac", "a/c", "abbc"]),
        ("[a-c][!x]", ["ab", "b.", "cc"], ["ax", "da", "a/"]),
        ("[.]a", [], [".a", "a"]),
        ("?a", ["ba"], [".a"]),
        ("[]x]", ["]", "x"], ["["]),
        ("[!]x]", ["a"], ["]", "x"]),
        ("a[", ["a["], ["a"]),
        ("[a", ["[a"], ["a"]),
        ("[z-a]*", [], ["a", "z"]),
        ("[!z-a]", ["a"], ["aa", ""]),
        ("[a-]", ["a", "-"], ["b"]),
        ("[^a]", ["^", "a"], ["b"]),
        ("[[a]&&~|]", ["[&&~|]", "a&&~|]"], ["b&&~|]"]),
        ("a.c+(d)$", ["a.c+(d)$"], ["abc+(d)$"]),
        ("*a*b*", ["ab", "xaxbx", "aab"], ["ba", "a"]),
        ("*a*ab", ["aab", "abab", "a-a-ab"], ["ab", "aabc"]),
        ("a**b", ["ab", "axb"], ["a/b"]),
        ("A*", ["Ab"], ["ab"]),
    ],
)
def test_what_a_pattern_names(pattern, meant, not_meant):
    one = glob(pattern)
    assert [path for path in meant if not one.matches(path.encode())] == []
    assert [path for path in not_meant if one.matches(path.encode())] == []


def test_names_that_are_no_text_match_too():
    assert glob("d/*").matches(b"d/caf\xe9")
    assert glob("d/caf?").matches(b"d/caf\xe9")


def test_where_matches_are_is_known_as_far_as_it_is_written():
    assert fixed_folder("a/b/*.csv") == "a/b"
    assert fixed_folder("a/*/c/d") == "a"
    assert fixed_folder("*") == fixed_folder("**/a") == ""
    assert is_glob("a?") and is_glob("[a]") and not is_glob("a{b}")


def test_only_what_may_hold_a_match_is_looked_into():
    one = glob("a/b*/c/*.csv")
    assert [one.may_match_below(path) for path in (b"", b"a", b"a/bx", b"a/bx/c")] == [True] * 4
    assert not any(one.may_match_below(path) for path in (b"b", b"a/c", b"a/bx/d", b"a/bx/c/d"))
    assert glob("a/**/c").may_match_below(b"a/x/y")
    assert not glob("a/**/c").may_match_below(b"a/.x")
    assert glob("a/**").may_match_below(b"a/x/y")
    assert not glob("*.csv").may_match_below(b"a")


def test_many_stars_take_no_time():
    assert not glob("*a" * 60 + "b").matches(b"a" * 250)
    assert not glob("**/" * 60 + "b").matches(b"a/" * 100 + b"a")
    many = glob("**/a*/" * 30 + "b")
    assert not many.matches(b"a/" * 100 + b"a")
    assert many.may_match_below(b"a/" * 100 + b"a")


parts = st.text("ab.*?[]!-^\\", min_size=1, max_size=4)
patterns = st.lists(parts | st.just("**"), min_size=1, max_size=4).map("/".join)
paths = st.lists(st.text("ab.-", min_size=1, max_size=3), min_size=1, max_size=4).map("/".join)
plain = st.lists(st.sampled_from(["a", "b", ".a"]), min_size=1, max_size=6).map("/".join)


@given(patterns, paths)
def test_a_match_lies_in_directories_that_are_looked_into(pattern, path):
    one = glob(pattern)
    raw = path.encode()
    if one.matches(raw):
        for at in [0, *(slash.start() for slash in re.finditer("/", path))]:
            assert one.may_match_below(raw[:at])
        assert raw.startswith(one.folder + b"/") or not one.folder


@settings(max_examples=examples(1000))
@given(st.lists(st.sampled_from(["a", "b", ".a", "**", "**"]), min_size=1, max_size=6), plain)
def test_two_stars_stand_for_any_directories(parts, path):
    """Against a definition that is slow and plain."""

    def names(pattern: list[str], rest: list[str]) -> bool:
        if not pattern:
            return not rest
        if pattern[0] != "**":
            return bool(rest) and rest[0] == pattern[0] and names(pattern[1:], rest[1:])
        if len(pattern) == 1:
            return bool(rest) and not any(part.startswith(".") for part in rest)
        return names(pattern[1:], rest) or (
            bool(rest) and not rest[0].startswith(".") and names(pattern, rest[1:])
        )

    assert glob("/".join(parts)).matches(path.encode()) == names(parts, path.split("/"))
