"""Whether a change lives on in a later text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from git_mlvc.experiments.contained import is_contained

BASE = b"a = 1\nb = 2\nc = 3\n"


def test_a_change_lives_on_where_the_next_line_changed_as_well() -> None:
    assert is_contained(BASE, b"a = 1\nb = 5\nc = 3\n", b"a = 9\nb = 5\nc = 3\n")
    assert is_contained(BASE, b"a = 1\nc = 3\n", b"a = 1\nc = 4\n")
    assert is_contained(BASE, BASE + b"d = 4\n", BASE + b"d = 4\ne = 5\n")


def test_a_change_that_is_overwritten_taken_back_or_moved_is_lost() -> None:
    assert not is_contained(BASE, b"a = 1\nb = 5\nc = 3\n", b"a = 1\nb = 6\nc = 3\n")
    assert not is_contained(BASE, b"a = 1\nb = 5\nc = 3\n", b"a = 9\nb = 2\nc = 3\n")
    assert not is_contained(BASE, b"a = 1\nc = 3\n", b"a = 9\nb = 2\nc = 3\n")
    assert not is_contained(BASE, b"b = 2\nc = 3\na = 1\n", b"a = 1\nb = 2\nc = 4\n")
    assert not is_contained(b"\0a", b"\0b", b"\0c")


lines = st.lists(st.sampled_from([b"a\n", b"b\n", b"c\n", b"d\n"]), max_size=6).map(b"".join)


@given(base=lines, changed=lines, later=lines)
def test_what_is_unchanged_or_the_same_is_never_lost(
    base: bytes, changed: bytes, later: bytes
) -> None:
    assert is_contained(base, base, later) and is_contained(base, changed, changed)
    if is_contained(base, changed, base):
        assert changed == base
