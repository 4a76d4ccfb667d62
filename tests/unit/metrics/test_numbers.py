"""Numbers of metrics files: what is one, what it is called, and what is refused."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from git_mlvc.errors import InputError
from git_mlvc.formats import dotted_key
from git_mlvc.metrics import numbers

NAMES = [f"m.{ending}" for ending in numbers.ENDINGS]
leaves = st.one_of(st.integers(), st.floats(), st.booleans(), st.none(), st.text(max_size=5))
documents = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=20,
)


def same(found: dict[str, numbers.Number], expected: dict[str, numbers.Number]) -> bool:
    return repr(found) == repr(expected)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (
            "m.json",
            '{"loss": 0.5, "n": 3, "val": {"acc": 1e-3, "a.b": 2}, "per": [1, {"x": 2}], "note": "t", "ok": true}',
            {"loss": 0.5, "n": 3, "val.acc": 0.001, 'val."a.b"': 2, "per.0": 1, "per.1.x": 2},
        ),
        (
            "m.json",
            '{"a": NaN, "b": Infinity, "c": -Infinity}',
            {"a": math.nan, "b": math.inf, "c": -math.inf},
        ),
        (
            "m.toml",
            "a = nan\nb = -inf\n[t]\nd = 2020-01-01\ne = 0x10",
            {"a": math.nan, "b": -math.inf, "t.e": 16},
        ),
        (
            "m.yaml",
            "a: .nan\nb: 1e-3\n7: 2\ntrue: 3\nn: ~\n",
            {"a": math.nan, "b": 0.001, "7": 2, "true": 3},
        ),
        ("m.yml", "- 1\n- [2, 3]\n", {"0": 1, "1.0": 2, "1.1": 3}),
        ("m.json", "0.25", {"value": 0.25}),
        ("m.json", "{}", {}),
        ("m.yaml", "", {}),
        ("M.JSON", '\ufeff{"a": 1}', {"a": 1}),
        # tables of rows
        ("m.csv", "loss,acc\n0.5,0.9\n", {"loss": 0.5, "acc": 0.9}),
        ("m.csv", "step,loss\n1,0.5\n2,0.25\n\n", {"step": 2, "loss": 0.25}),
        (
            "m.csv",
            "step,train,val\n1,0.5,\n1,,0.4\n2,0.3,\n",
            {"step": 2, "train": 0.3, "val": 0.4},
        ),
        ("m.csv", ',loss,note,"a.b"\n0,1e-3,x,inf\n', {"loss": 0.001, '"a.b"': math.inf}),
        ("m.csv", "a;b\r\n1;NaN\r\n", {"a": 1, "b": math.nan}),
        ("m.csv", "a;b;c\n0,25;-1,5e-3;1,5 kg\n", {"a": 0.25, "b": -0.0015}),
        ("m.yaml", "lr: 1e-5\nb: 1E5\nc: -1.e-3\nd: '1e-5'\n", {"lr": 1e-5, "b": 1e5, "c": -1e-3}),
        ("m.json", '{"n": 9007199254740993}', {"n": 9007199254740993}),
        ("m.tsv", "a\tb\n1\t2\n", {"a": 1, "b": 2}),
        ("m.csv", "0.1,0.2\n0.3,0.4\n", {"0": 0.3, "1": 0.4}),
        ("m.csv", "a,b\n", {}),
        ("m.csv", "", {}),
    ],
)
def test_the_numbers_of_a_file_by_their_keys(
    name: str, text: str, expected: dict[str, numbers.Number]
) -> None:
    assert same(numbers.of(text.encode(), name), expected)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("m.json", '{"a": "0.5"}', "m.json holds no numbers: 'a' is a text"),
        ("m.json", "true", "'value' is true or false"),
        ("m.toml", "d = 2020-01-01", "'d' is a date or time"),
        ("m.csv", "a,b\nx,y\n", "m.csv holds no numbers: line 2: 'a' is a text"),
        ("m.json", '{"a": 1,\n"b": }', "m.json, line 2, column 6 is not valid JSON"),
        ("m.json", '{"a": 1, "a": 2}', "'a' stands twice"),
        ("m.toml", "a = 1\nb = ", "m.toml, line 2"),
        ("m.yaml", "a: [1\n", "m.yaml, line 2"),
        ("m.yaml", "1: 2\n'1': 3", "m.yaml has the key '1' twice"),
        ("m.toml", "a = 0x" + "f" * 5000, "over 1,200 digits"),
        ("m.csv", "a,b\n1,2,3\n", "m.csv, line 2 has 3 cells"),
        ("m.csv", "a,a\n1,2\n", "m.csv, line 1 has the column 'a' twice"),
        ("m.csv", 'a,b\n1,"2\n', "is no row of a table"),
        ("m.csv", "a\n<<<<<<< HEAD\n1\n=======\n2\n>>>>>>> x\n", "line 2: a merge has left both sides"),
        ("m.json", '<<<<<<< HEAD\n{"a": 1}\n=======\n{"a": 2}\n>>>>>>> x\n', "a merge has left both sides"),
        ("m.txt", "1", "its name should end in .json"),
        ("m.json", '{"\\ud800": 1}', "half a character"),
        ("m.json", "[" * 200 + "]" * 200, "nested too deeply"),
        ("m.yaml", "a: &a [1,1,1,1,1,1,1,1,1]\n" + "".join(
            f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(8)
        ), "too many values"),
    ],
)  # fmt: skip
def test_what_is_not_numbers_is_refused_with_file_and_place(
    name: str, text: str, says: str
) -> None:
    with pytest.raises(InputError) as refused:
        numbers.of(text.encode("utf-8", "surrogatepass"), name)
    assert says in str(refused.value)


@given(
    st.one_of(
        st.binary(max_size=200), st.text(max_size=200).map(lambda t: t.encode("utf-8", "replace"))
    ),
    st.sampled_from(NAMES),
)
@example(b"\0", "m.csv")
@example(b"? [1, 2]\n: 3", "m.yaml")
@example(b"&a [*a]", "m.yaml")
@example(b"a: !!python/object:os.system x", "m.yaml")
def test_any_bytes_give_numbers_or_an_error_that_names_the_file(data: bytes, name: str) -> None:
    try:
        found = numbers.of(data, name)
    except InputError as exc:
        assert name in exc.what
    else:
        assert all(type(value) in (int, float) for value in found.values())


@given(documents)
def test_every_number_of_a_document_is_found_under_the_key_that_leads_to_it(
    document: object,
) -> None:
    def expected(value: object, parts: tuple[str, ...]) -> dict[str, object]:
        if isinstance(value, dict):
            return {
                k: v for key, one in value.items() for k, v in expected(one, (*parts, key)).items()
            }
        if isinstance(value, list):
            return {
                k: v
                for at, one in enumerate(value)
                for k, v in expected(one, (*parts, str(at))).items()
            }
        if isinstance(value, bool) or not isinstance(value, int | float):
            return {}
        return {dotted_key.written(parts) if parts else "value": value}

    wanted = expected(document, ())
    try:
        found = numbers.of(json.dumps(document).encode(), "m.json")
    except InputError as exc:
        assert "holds no numbers" in exc.what
        assert not wanted
    else:
        assert repr(found) == repr(wanted)


@given(
    st.dictionaries(st.text(min_size=1, max_size=5), st.floats(), min_size=1, max_size=5),
    st.sampled_from(",;\t"),
)
def test_a_csv_of_one_row_gives_what_was_written(row: dict[str, float], delimiter: str) -> None:
    import csv
    import io

    names = {name: value for name, value in row.items() if name == name.strip() and name.isprintable()
             and not set(name) & set(",;\t\"\r\n") and not name[0].isdigit() and name.lower() not in ("nan", "inf", "infinity")}  # fmt: skip
    names["loss"] = 1.0
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(names)
    writer.writerow(names.values())
    name = "m.tsv" if delimiter == "\t" else "m.csv"
    found = numbers.of(text.getvalue().encode(), name)
    assert repr(list(found.values())) == repr(list(names.values()))


def test_utf_16_is_read_and_what_is_too_large_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    text = '{"loss": 0.5}'
    for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
        mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
        assert numbers.of(mark + text.encode(encoding), "m.json") == {"loss": 0.5}
    monkeypatch.setattr(numbers, "_MAX_YAML_BYTES", 8)
    with pytest.raises(InputError, match=r"m\.yaml is too large") as caught:
        numbers.of(b"loss: 0.5", "m.yaml")
    assert "a file of their own" in caught.value.hint
    many = json.dumps({"all": [[0.5] * 1000] * 200}).encode()
    with pytest.raises(InputError, match=r"cannot use m\.json"):
        numbers.of(many, "m.json")
