"""What `git mlvc add` reads out of the words for `git add`, and what it leaves to git."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_mlvc.git.add_arguments import MOST_PATHSPEC_BYTES, AddArguments, parse


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["a", "b"], AddArguments(("a", "b"))),
        (["-A"], AddArguments(is_all=True)),
        (["--all", "-v", "a"], AddArguments(("a",), is_all=True, is_verbose=True)),
        (["a", "-u"], AddArguments(("a",), only_tracked=True)),
        (["-fv", "a"], AddArguments(("a",), with_ignored=True, is_verbose=True)),
        (["-vA"], AddArguments(is_all=True, is_verbose=True)),
        (["--", "-A", "--"], AddArguments(("-A", "--"))),
        (["-"], AddArguments(("-",))),
        (["--chmod=+x", "--ignore-errors", "--no-all", "a"], AddArguments(("a",))),
        (["--pathspec-from-file=x"], AddArguments(pathspec_file="x")),
        (
            ["--pathspec-from-file", "-", "--pathspec-file-nul"],
            AddArguments(pathspec_file="-", is_nul_separated=True),
        ),
    ],
)
def test_words_that_are_understood(words: list[str], meant: AddArguments) -> None:
    assert parse(words) == meant


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["-v"],
        ["-n", "a"],
        ["-An"],
        ["-p"],
        ["-i"],
        ["-e"],
        ["-N", "a"],
        ["--refresh", "a"],
        ["--renormalize", "a"],
        ["--al"],
        ["--dry-run", "a"],
        ["-A", "-u"],
        ["--pathspec-from-file"],
        ["--pathspec-from-file=x", "a"],
        ["--pathspec-file-nul", "a"],
        ["a" * (MOST_PATHSPEC_BYTES + 1)],
    ],
    ids=lambda words: " ".join(words)[:20],
)
def test_words_that_are_left_to_git(words: list[str]) -> None:
    assert parse(words) is None


@given(st.lists(st.text(min_size=1, max_size=9)))
def test_whatever_stands_after_two_dashes_is_a_path(words: list[str]) -> None:
    found = parse(["-A", "--", *words])
    assert found == AddArguments(tuple(words), is_all=True)


@given(st.lists(st.sampled_from(["-A", "-u", "-x", "--", "a", "-", "--chmod=+x", "--json", "-fv"])))
def test_any_words_have_an_answer(words: list[str]) -> None:
    parse(words)


@pytest.mark.parametrize(
    ("data", "nul", "meant"),
    [
        (b"a\nb\n", False, ("a", "b")),
        (b"a\r\nb", False, ("a", "b")),
        (b"a\nb\0c\0", True, ("a\nb", "c")),
        (b'"a\\n"\n', False, None),
        (b'"a"\0', True, ('"a"',)),
        (b"", False, None),
        (b"\xff\n", False, ("\udcff",)),
        (b"a\n" * MOST_PATHSPEC_BYTES, False, None),
    ],
)
def test_pathspecs_from_a_file(data: bytes, nul: bool, meant: tuple[str, ...] | None) -> None:
    asked = AddArguments(pathspec_file="x", is_nul_separated=nul)
    found = asked.with_pathspecs_of(data)
    assert (found and found.pathspecs) == meant
