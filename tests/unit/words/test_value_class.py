"""A value class is what the dataclass of the same fields is; it only costs less before its first use."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pytest

from git_mlvc.values import field, value_class


@value_class(order=True)
class Ours:
    """A pair."""

    name: str
    size: int = 3

    def __post_init__(self) -> None:
        if self.size < 0:
            raise ValueError("negative")

    @property
    def twice(self) -> int:
        return 2 * self.size


@dataclass(frozen=True, slots=True, order=True)
class Theirs:
    """A pair."""

    name: str
    size: int = 3


@value_class(slots=False)
class Open:
    """With a property that is computed once, and a field that does not count."""

    name: str
    env: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def length(self) -> int:
        return len(self.name)


@value_class(frozen=False)
class Count:
    """What may change."""

    files: int = 0
    names: list[str] = field(default_factory=list)


def _pairs(cls: Any) -> list[Any]:
    return [cls("a"), cls("a", 3), cls("a", size=4), cls("b", 1), cls(name="b", size=1)]


def test_it_compares_hashes_and_shows_as_a_dataclass_does() -> None:
    ours, theirs = _pairs(Ours), _pairs(Theirs)
    for a, b in zip(ours, theirs, strict=True):
        for c, d in zip(ours, theirs, strict=True):
            assert (a == c, a < c, a <= c, a > c, a >= c) == (b == d, b < d, b <= d, b > d, b >= d)
            assert (hash(a) == hash(c)) == (hash(b) == hash(d))
        assert repr(a) == repr(b).replace("Theirs", "Ours")
    assert len(set(ours)) == 3
    assert Ours("a") != Theirs("a") != ("a", 3)
    with pytest.raises(TypeError):
        assert Ours("a") < Theirs("a")
    assert Ours.__doc__ == "A pair."
    assert Ours("a", 5).twice == 10


@pytest.mark.parametrize(
    ("args", "options"), [((), {}), (("a", 1, 2), {}), (("a",), {"name": "b"}), ((), {"x": 1})]
)
def test_a_wrong_call_is_refused_the_first_time_and_later(args: Any, options: Any) -> None:
    for _ in range(2):
        with pytest.raises(TypeError):
            Ours(*args, **options)
    with pytest.raises(ValueError, match="negative"):
        Ours("a", -1)


def test_it_cannot_be_changed_and_has_no_other_attributes() -> None:
    pair = Ours("a")
    with pytest.raises(AttributeError, match="name cannot be changed"):
        pair.name = "b"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        del pair.size
    assert not hasattr(pair, "__dict__")
    assert pair == Ours("a")


def test_for_others_it_is_a_dataclass() -> None:
    assert dataclasses.is_dataclass(Ours)
    assert [f.name for f in dataclasses.fields(Ours)] == ["name", "size"]
    assert dataclasses.replace(Ours("a", 5), name="b") == Ours("b", 5)
    assert dataclasses.asdict(Ours("a")) == {"name": "a", "size": 3}
    assert copy.copy(Ours("a", 4)) == copy.deepcopy(Ours("a", 4)) == Ours("a", 4)
    assert pickle.loads(pickle.dumps(Ours("a", 4))) == Ours("a", 4)
    match Ours("x", 9):
        case Ours(name, size):
            assert (name, size) == ("x", 9)


def test_a_default_is_made_for_each_and_may_not_count() -> None:
    one, other = Open("a"), Open("a", {"X": "y"})
    assert one == other
    assert hash(one) == hash(other)
    assert repr(one).endswith("Open(name='a')")
    assert one.env is not Open("a").env
    assert one.length == 1
    assert dataclasses.replace(other, name="b").env == {"X": "y"}


def test_what_is_not_frozen_may_change_and_is_no_key() -> None:
    count = Count()
    count.files += 1
    count.names.append("a")
    assert count == Count(1, ["a"])
    assert Count().names == []
    with pytest.raises(TypeError):
        hash(count)


def test_declaring_and_making_one_imports_no_dataclasses() -> None:
    script = (
        "import sys\nfrom git_mlvc.settings import Settings\nfrom git_mlvc.oid import Oid\n"
        "Settings(); Oid(bytes(32)) < Oid(bytes(32))\n"
        "print({'dataclasses', 'inspect'} & set(sys.modules))"
    )
    command = [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{script}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
