"""Filter expressions: what they say of an experiment, and where they are wrong."""

from __future__ import annotations

import math
from collections.abc import Callable
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_mlvc.errors import UsageError
from git_mlvc.experiments import filter as filter_expression
from git_mlvc.experiments.filter import MISSING

ROW: dict[str, object] = {
    "metrics.acc": 0.95,
    "metrics.loss": math.nan,
    "params.lr": 0.05,
    "params.params.toml:train.lr": 0.05,
    "params.opt": "adam",
    'params."learning rate"': 3,
    "params.layers": [64, "relu"],
    "params.augment": True,
    "params.seed": None,
    "name": "lr-0.1",
    "a": 1,
    "b": 2.0,
    "t": "x",
}


def holds(text: str) -> bool:
    return filter_expression.parse(text).holds(lambda name: ROW.get(name, MISSING))


@pytest.mark.parametrize(
    "text",
    [
        "metrics.acc > 0.9 and params.lr < 0.1",
        "params.params.toml:train.lr==5e-2",
        "params.opt in ['sgd', \"adam\",]",
        "params.opt not in ['sgd'] and 0 < params.lr <= .05",
        "not (metrics.acc < 0.9 or params.opt == 'sgd')",
        "name ~ 'lr-*' and not name ~ 'LR*'",
        'params."learning rate" >= -3',
        "'relu' in params.layers and params.layers == [64.0, 'relu']",
        "params.augment and params.augment == true and not params.augment == 1",
        "params.seed == null and not params.nothing == null",
        "not not params.augment",
        "a == 1 or a == 2 and a == 3",
        "metrics.loss != metrics.loss",
    ],
)
def test_what_is_true_of_an_experiment(text: str) -> None:
    assert holds(text)
    assert not holds(f"not ({text})")


@pytest.mark.parametrize("sign", ["<", "<=", ">", ">=", "==", "!=", "~", "in", "not in"])
def test_a_missing_value_makes_every_comparison_false(sign: str) -> None:
    assert not holds(f"metrics.f1 {sign} 1")
    assert not holds(f"[metrics.f1] {sign} 1")
    assert not holds("metrics.f1")


def test_numbers_and_texts_do_not_compare_and_nan_is_nothing_else() -> None:
    assert holds("params.opt != 1") and not holds("params.opt == 1 or params.opt < 1")
    assert not holds("metrics.loss > 0 or metrics.loss <= 0 or metrics.loss == metrics.loss")
    assert not holds("true < 2")


@pytest.mark.parametrize(
    ("text", "marked", "says"),
    [
        ("metrics.acc >> 0.9", ">", "a name, a number or a text in quotes is expected"),
        ("lr = 1", "= 1", "write '=='"),
        ("lr > 1 && x < 2", "&& x", "write 'and'"),
        ("(lr > 1", "", "')' is expected"),
        ("lr > 1)", ")", "nothing is open"),
        ("lr in [0.1 0.2]", "0.2]", "',' or ']'"),
        ("lr 0.1", "0.1", "'and' or 'or'"),
        ("0.1", "", "a comparison of 0.1"),
        ("name == 'x", "'x", "not closed"),
        ("lr > -x", "-x", "a number is expected"),
        ("lr not 1", "1", "'in' is expected"),
        ("lr * 2 > 1", "* 2", "means nothing"),
        ("  ", "", "empty"),
        ("漢字 > > 1", "> 1", "expected here"),
        ("(" * 100 + "a" + ")" * 100, "", "nested too deeply"),
        ("a > 1\x1b[2J", "·[2J", "means nothing"),
    ],
)
def test_a_mistake_is_pointed_at(text: str, marked: str, says: str) -> None:
    with pytest.raises(UsageError) as refused:
        filter_expression.parse(text)
    shown, pointer = refused.value.why.split("\n")
    assert says in pointer and shown.isprintable()
    wide = sum(1 for one in shown if one in "漢字")
    assert shown[pointer.index("^") - wide :].startswith(marked)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read = filter_expression.parse(text)
    except UsageError as refused:
        assert refused.why.count("\n") == 1 and "^" in refused.why
    else:
        assert [read.text[name.at :].startswith(name.text) for name in read.names]
        read.holds(lambda _: MISSING)


WORDS = ["a", "b", "t", "none", "1", "2.5", "-1", "'x'", "true", "null", "[1, 'x']"]
SIGNS = ["<", "<=", ">", ">=", "==", "!=", "~", "in", "not in"]


@given(st.lists(st.sampled_from([*WORDS, *SIGNS, "and", "or", "not", "(", ")", "[", "]", ","])))
def test_any_words_in_any_order_are_read_or_refused(words: list[str]) -> None:
    try:
        filter_expression.parse(" ".join(words)).holds(lambda name: ROW.get(name, MISSING))
    except UsageError:
        pass


# -- a small evaluator beside ours, on trees that are made together with their text

Told = tuple[str, bool]
VALUES: dict[str, object] = {
    **{word: ROW.get(word, MISSING) for word in ("a", "b", "t", "none")},
    "1": 1,
    "2.5": 2.5,
    "-1": -1,
    "'x'": "x",
    "true": True,
    "null": None,
    "[1, 'x']": [1, "x"],
}
COMPARE: dict[str, Callable[..., bool]] = {
    "<": lambda x, y: x < y,
    "<=": lambda x, y: x <= y,
    ">": lambda x, y: x > y,
    ">=": lambda x, y: x >= y,
}


def compared(left: str, sign: str, right: str) -> Told:
    x, y = VALUES[left], VALUES[right]

    def same(one: object, two: object) -> bool:
        return (isinstance(one, bool) == isinstance(two, bool)) and one == two

    if x is MISSING or y is MISSING:
        said = False
    elif sign in ("==", "!="):
        said = same(x, y) == (sign == "==")
    elif sign == "~":
        said = isinstance(x, str) and isinstance(y, str) and fnmatchcase(x, y)
    elif "in" in sign:
        said = isinstance(y, list) and (any(same(x, one) for one in y) == (sign == "in"))
    else:
        kinds = {"text" if isinstance(one, str) else type(one) for one in (x, y)}
        said = (kinds == {"text"} or kinds <= {int, float}) and COMPARE[sign](x, y)
    return f"{left} {sign} {right}", said


leaves = st.builds(compared, st.sampled_from(WORDS), st.sampled_from(SIGNS), st.sampled_from(WORDS))
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        inner.map(lambda one: (f"not ({one[0]})", not one[1])),
        st.tuples(inner, inner).map(
            lambda two: (f"({two[0][0]}) and ({two[1][0]})", two[0][1] and two[1][1])
        ),
        st.tuples(inner, inner).map(
            lambda two: (f"({two[0][0]}) or ({two[1][0]})", two[0][1] or two[1][1])
        ),
    ),
    max_leaves=6,
)


@given(trees)
def test_it_agrees_with_an_evaluator_of_its_own(told: Told) -> None:
    assert holds(told[0]) == told[1]
