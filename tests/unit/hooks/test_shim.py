"""The text of the shims: what is ours is recognised, what is not ours comes back byte for byte."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_mlvc.hooks import shim

LAUNCHER = "/usr/local/bin/git-mlvc"
RENDERED = Path(__file__).resolve().parents[3] / "hooks"

first_lines = st.sampled_from(
    [
        b"#!/bin/sh",
        b"#!/bin/sh -e",
        b"#!/usr/bin/env bash",
        b"#! /bin/bash",
        b"#!/usr/bin/env -S bash -f",
    ]
)
others = (
    st.binary()
    .map(lambda data: data.replace(b"\0", b""))
    .filter(lambda data: b"git-mlvc" not in data)
)
scripts = st.builds(lambda first, rest: first + b"\n" + rest, first_lines, others)
names = st.sampled_from(shim.HOOKS)


@pytest.mark.parametrize("name", shim.HOOKS)
def test_the_rendered_copies_are_what_the_code_writes(name: str) -> None:
    assert (RENDERED / name).read_text() == shim.shim(name, LAUNCHER)
    assert (RENDERED / name).stat().st_mode & 0o111


def test_there_are_no_other_rendered_copies() -> None:
    assert {path.name for path in RENDERED.iterdir()} == {*shim.HOOKS, "README.md"}


@pytest.mark.parametrize("name", shim.HOOKS)
def test_every_shim_is_sound_sh(name: str) -> None:
    for text in (shim.shim(name, LAUNCHER), "#!/bin/sh\n" + shim.block(name, LAUNCHER)):
        subprocess.run(["sh", "-n"], input=text.encode(), check=True)


@given(scripts, names)
def test_taking_a_block_out_gives_the_old_bytes_back(script: bytes, name: str) -> None:
    changed = shim.with_block(script, name, LAUNCHER)
    assert shim.has_block(changed)
    assert shim.is_current(changed, name, LAUNCHER)
    assert shim.without_block(changed) == script


@given(scripts, names)
def test_a_block_put_in_twice_is_one_block(script: bytes, name: str) -> None:
    once = shim.with_block(script, name, LAUNCHER)
    assert shim.with_block(once, name, LAUNCHER) == once
    moved = shim.with_block(once, name, "/elsewhere/git-mlvc")
    assert moved.count(b">>> git-mlvc hook") == 1
    assert shim.without_block(moved) == script


@given(st.binary())
def test_recognising_never_fails(data: bytes) -> None:
    shim.is_standalone(data)
    shim.has_block(data)
    shim.takes_block(data)
    shim.without_block(data)
    shim.program_in(data)


@pytest.mark.parametrize(
    "script",
    [
        b"#!/usr/bin/env python3\nprint()\n",
        b"#!/usr/bin/env fish\ntrue\n",
        b"#!/usr/bin/env ruby\n",
        b"#!/bin/zsh\ntrue\n",
        b"\x7fELF\0\n",
        b"#!/bin/sh",
        b"echo no first line\n",
        b"",
    ],
)
def test_what_is_not_a_shell_script_takes_no_block(script: bytes) -> None:
    assert not shim.takes_block(script)


def test_a_block_with_edited_markers_is_not_taken_out() -> None:
    changed = shim.with_block(b"#!/bin/sh\ntrue\n", "pre-push", LAUNCHER)
    assert shim.without_block(changed.replace(b"<<< git-mlvc", b"<<< edited")) is None


@given(st.text(st.characters(exclude_characters="\0\n", exclude_categories=["Cs"]), min_size=1))
def test_quote_gives_sh_the_same_word(word: str) -> None:
    import shlex

    assert shlex.split(shim.quote(word)) == [word]
    assert shim.program_of(f"{shim.quote(word)} -m x") == word or word.startswith("~")


def test_the_program_is_read_back_from_a_shim() -> None:
    for path in ("/usr/bin/git-mlvc", "/with space/it's/git-mlvc"):
        text = shim.shim("post-merge", f"{shim.quote(path)} -I")
        assert shim.program_in(text.encode()) == path


def test_a_shim_of_an_older_version_is_ours_but_not_current() -> None:
    old = shim.shim("post-merge", LAUNCHER, version=0).encode()
    assert shim.is_standalone(old)
    assert not shim.is_current(old, "post-merge", LAUNCHER)
