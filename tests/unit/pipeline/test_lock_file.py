"""Lock files: every result survives them, damage is named, and they are the bytes that were promised."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.pipeline_values import file, folders, path, path_texts, result, results, texts, tree

from git_mlvc.errors import FormatError
from git_mlvc.oid import Oid
from git_mlvc.pipeline.lock_files import lock_file
from git_mlvc.pipeline.lock_files.lock_text import TOKEN, from_top, quoted, relative, unquoted
from git_mlvc.pipeline.model import (
    Dep,
    DepKind,
    FileState,
    Inputs,
    Param,
    Result,
    UrlState,
)

GOLDEN = Path(__file__).parents[2] / "golden" / "lock" / "v1"
FILE = "mlvc.lock"


def everything() -> dict[str, Result]:
    """One of each thing that a lock file can say, from the lock file of `sub`."""
    return {
        "prepare": Result(
            Inputs(
                commands=('python prepare.py "a b"', "echo it's \\ done"),
                wdir=path("src"),
                env=(("LANG", "C"), ("MLVC_ITEM_LR", "0.1")),
                deps=(
                    (Dep("data/raw.csv"), file("raw", 1234)),
                    (Dep("https://example.org/x", DepKind.URL), UrlState('etag:"1"', 17)),
                    (Dep("https://example.org/y", DepKind.URL), UrlState("date:2026-01-01")),
                    (Dep("sub/images"), tree("images", 99, 3)),
                    (Dep("sub/parts/*.csv", DepKind.GLOB), tree("parts", 5, 1)),
                    (Dep("sub/prepare.py"), file("script", 5, is_executable=True)),
                ),
                params=(
                    (Param(path("sub/params.toml"), "prepare.note"), '"a\\nb"'),
                    (Param(path("sub/params.toml"), "prepare.seed"), "0"),
                    (Param(path("sub/params.toml"), "prepare.split"), "null"),
                    (Param(path("sub/whole.json"), ""), '{"a":[1,2.0]}'),
                ),
                out_paths=(path("sub/lost"), path("sub/out"), path("sub/\udcff\n.bin")),
            ),
            ((path("sub/out"), tree("out", 7, 1)), (path("sub/\udcff\n.bin"), file("odd", 0))),
        ),
        "train@cnn-0.1": result("train"),
        "train@ü": Result(Inputs((), wdir=path("sub"))),
    }


def test_the_bytes_are_those_that_were_promised():
    data = (GOLDEN / "sub.mlvc.lock").read_bytes()
    assert lock_file.encode(everything(), path("sub")) == data
    assert lock_file.decode(data, FILE, path("sub")) == everything()


def test_an_empty_file_says_nothing_of_any_stage():
    data = (GOLDEN / "empty.mlvc.lock").read_bytes()
    assert lock_file.encode({}, None) == data
    assert lock_file.decode(data, FILE, None) == {}


def kinds(result: Result) -> list[DepKind]:
    return [dep.kind for dep, _ in result.inputs.deps]


@given(st.dictionaries(texts, results(), max_size=3), folders)
def test_decode_inverts_encode_for_all_results_and_folders(made, folder):
    data = lock_file.encode(made, folder)
    back = lock_file.decode(data, FILE, folder)
    assert back == made
    assert {name: kinds(one) for name, one in back.items()} == {
        name: kinds(one) for name, one in made.items()
    }
    assert list(back) == sorted(made)
    assert lock_file.encode(back, folder) == data
    assert lock_file.decode(data.replace(b"\n", b"\r\n"), FILE, folder) == made  # git puts CR in


@given(st.dictionaries(texts, results(), max_size=2))
def test_it_is_toml_for_every_other_reader(made):
    import tomli

    document = tomli.loads(lock_file.encode(made, None).decode("utf-8"))
    assert len(document.get("stage", {})) == len(made)


@given(st.dictionaries(texts, results(), max_size=2), folders)
def test_any_layout_of_the_same_toml_is_read(made, folder):
    import tomlkit

    data = lock_file.encode(made, folder)
    other = tomlkit.dumps(tomlkit.parse(data.decode()).unwrap()).encode()
    assert lock_file.decode(other, FILE, folder) == made
    assert lock_file.join(lock_file.split(other, FILE)) == data


@given(st.binary(max_size=200))
def test_decode_never_raises_anything_but_format_error(data):
    for whole in (data, lock_file.HEADER + data, lock_file.HEADER + b"\n[stage.a]\n" + data):
        try:
            lock_file.decode(whole, FILE, None)
        except FormatError as exc:
            assert FILE in exc.what


@given(st.data(), folders)
def test_no_change_of_a_byte_is_taken_for_another_result(data, folder):
    made = {"a": data.draw(results()), "b": data.draw(results())}
    written = bytearray(lock_file.encode(made, folder))
    at = data.draw(st.integers(0, len(written) - 1))
    written[at] ^= data.draw(st.integers(1, 255))
    try:
        back = lock_file.decode(bytes(written), FILE, folder)
    except FormatError:
        return
    assert back.items() <= made.items() or at < len(lock_file.HEADER)
    assert all(made[name] == one for name, one in back.items())


_words = st.sampled_from(
    ["cmd = [", "outs = [", "deps = [", "env = [", "params = [", "]", 'wdir = "a"', "wdir = '.'",
     '    "x",', '    {path = "a"},', '    {path = "../a"},', '    {name = "a", value = "b"},',
     '    {file = "p", key = "", value = "1"},', '    {url = "u", version = "v", size = 1},',
     f'    {{path = "a", oid = "{file().oid}", size = 1}},',
     f'    {{glob = "b", tree = "{file().oid}", size = 1, files = 1, tree_size = 1}},', ""]
)  # fmt: skip


def sealed(body: str, header: str = "[stage.a]") -> bytes:
    """Return a lock file with one block whose seal is right, whatever it says."""
    whole, rest = f"{header}\n".encode(), body.encode()
    seal = f'seal = "{Oid.of(whole + rest)}"\n'.encode()
    return lock_file.HEADER + b"\n" + whole + seal + rest


@given(st.one_of(st.lists(_words, max_size=8).map("\n".join), st.text(max_size=60)), folders)
def test_a_right_seal_does_not_make_any_text_a_block(body, folder):
    data = sealed(body + "\n" if body else "")
    try:
        back = lock_file.decode(data, FILE, folder)
    except FormatError as exc:
        assert FILE in exc.what
    else:
        assert lock_file.encode(back, folder) == data


@given(texts)
def test_every_text_is_written_in_one_way(text):
    import re

    token = quoted(text)
    assert re.fullmatch(TOKEN, token)
    assert unquoted(token) == text
    token.encode("utf-8")


@given(path_texts, folders)
def test_paths_are_relative_to_the_file(text, folder):
    base = folder.text if folder is not None else ""
    assert from_top(relative(text, base), base) == text


@pytest.mark.parametrize(
    ("text", "folder", "written"),
    [
        ("a", "", "a"),
        ("sub/a", "sub", "a"),
        ("a", "sub", "../a"),
        ("sub", "sub", "."),
        ("sub", "sub/b", ".."),
        ("", "sub/b", "../.."),
        ("", "", "."),
        ("sub2/a", "sub", "../sub2/a"),
    ],
)
def test_a_path_is_written_as_a_person_would(text, folder, written):
    assert relative(text, folder) == written
    assert from_top(written, folder) == text


@pytest.mark.parametrize("written", ["..", "../../a", "../sub", "../sub/a", "a/../b", "./a"])
def test_a_path_that_leads_out_or_a_detour_takes_is_refused(written):
    with pytest.raises(ValueError, match="path"):
        path(from_top(written, "sub"))


# -- what is wrong, and what to do


def refused(data: bytes) -> FormatError:
    with pytest.raises(FormatError) as caught:
        lock_file.decode(data, "sub/mlvc.lock", path("sub"))
    return caught.value


def test_a_newer_version_asks_for_an_upgrade_whatever_follows():
    error = refused(b"version = 2\nstage = <<what?>>\n")
    assert "sub/mlvc.lock was written by a newer git-mlvc" in error.what
    assert "upgrade" in error.hint


def test_conflict_markers_are_told_with_file_and_line_and_two_ways_out():
    ours, theirs = lock_file.encode({"a": result("1")}, None), b"seal = 2\n"
    lines = ours.split(b"\n")
    lines[4:4] = [b"<<<<<<< HEAD", lines[4], b"=======", theirs.strip(), b">>>>>>> topic"]
    error = refused(b"\n".join(lines))
    assert error.what == "sub/mlvc.lock, line 5: a merge left a conflict here"
    assert "git mlvc install && git checkout --merge sub/mlvc.lock" in error.hint
    assert "git checkout --ours sub/mlvc.lock && git mlvc repro" in error.hint


def test_what_is_not_toml_is_told_with_line_and_column():
    error = refused(b"version = 1\n[stage.a\n")
    assert "sub/mlvc.lock, line 2, column 9" in error.what


@pytest.mark.parametrize("data", [b"", b"a = 1\n", b'version = "1"\n', b"version = true\n"])
def test_what_does_not_say_its_version_is_no_lock_file(data):
    assert refused(data).what == "sub/mlvc.lock is not a lock file"


def test_an_edited_block_names_its_stage_and_line():
    data = lock_file.encode({"a": result("1"), "train": result("2")}, None)
    error = refused(data.replace(b'"2"', b'"3"'))
    assert error.what == "sub/mlvc.lock, line 10: the block of stage 'train' is damaged"
    assert "edited" in error.why


def test_two_results_of_one_stage_never_make_a_third():
    """What a text merge could build: the inputs of one side with the outs of the other."""
    one = lock_file.encode({"a": result("1", outs={"x": file(1)})}, None)
    two = lock_file.encode({"a": result("2", outs={"x": file(2)})}, None)
    lines = zip(one.splitlines(True), two.splitlines(True), strict=True)
    mixed = b"".join(b if b'"2"' in b else a for a, b in lines)
    assert "damaged" in refused(mixed).what


def test_a_block_under_another_name_is_not_believed():
    data = lock_file.encode({"a": result("1")}, None)
    assert "damaged" in refused(data.replace(b"stage.a", b"stage.b")).what


def test_a_result_of_what_is_no_out_is_a_mistake():
    with pytest.raises(ValueError, match="none of its stage's outs"):
        lock_file.encode({"a": Result(Inputs(()), ((path("x"), file()),))}, None)


@pytest.mark.parametrize("value", ["1" * 6000, "[" * 5000])
def test_absurd_values_are_told_as_any_other(value):
    assert "sub/mlvc.lock" in refused(f"version = 1\nx = {value}\n".encode()).what


def test_one_line_each_so_that_diffs_can_be_read():
    before = result(
        "t", params={"lr": 0.1, "n": 1}, outs={"m": file(1), "n": FileState(file(2).oid, 1)}
    )
    after = result(
        "t", params={"lr": 0.01, "n": 1}, outs={"m": file(3), "n": FileState(file(2).oid, 1)}
    )
    old, new = (lock_file.encode({"t": one}, None).splitlines() for one in (before, after))
    differing = [a.split(b" = ")[0].strip() for a, b in zip(old, new, strict=True) if a != b]
    assert differing == [b"seal", b"{file", b"{path"]
    assert json.dumps(0.01).encode() in b"".join(new)
