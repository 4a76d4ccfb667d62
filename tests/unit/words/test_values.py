"""Oids, paths and errors: small values that cannot be confused."""

import hashlib
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_mlvc import errors
from git_mlvc.oid import Oid
from git_mlvc.repo_path import RepoPath


def test_an_oid_is_the_blake3_of_the_bytes():
    empty = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
    assert str(Oid.of(b"")) == f"blake3:{empty}"


@given(st.binary(min_size=32, max_size=32))
def test_parse_inverts_str(digest):
    assert Oid.parse(str(Oid(digest))) == Oid(digest)


@given(st.text(max_size=80))
def test_what_is_not_an_oid_is_refused(text):
    with pytest.raises(ValueError, match="not an object id"):
        Oid.parse(text)


def test_an_oid_of_another_length_is_a_mistake_of_the_programmer():
    with pytest.raises(ValueError, match="32 bytes"):
        Oid(hashlib.md5(b"").digest())


@pytest.mark.parametrize(
    "raw",
    [b"", b"/etc/passwd", b"../x", b"a/../b", b"a//b", b"a/", b"./a", b".git/config", b"a/.GIT/x",
     b"nul\0"],
)  # fmt: skip
def test_law_12_a_path_that_climbs_out_is_no_repo_path(raw):
    with pytest.raises(ValueError, match="not a path"):
        RepoPath(raw)


@pytest.mark.parametrize("raw", [b"a", b"a b/c", b"-x", b"a=b", b"\xff\xfe", "ü".encode(), b"..a"])
def test_any_other_bytes_are_a_path_and_survive_text(raw):
    assert RepoPath.parse(RepoPath(raw).text) == RepoPath(raw)


@pytest.mark.parametrize("raw", [b"plain", b'quo"te', b"new\nline", b"tab\t", b"back\\slash"])
def test_paths_are_shown_as_git_shows_them(raw, tmp_path):
    run = {"cwd": tmp_path, "check": True, "capture_output": True}
    subprocess.run(["git", "init", "-q"], **run)
    (tmp_path / RepoPath(raw).text).touch()
    shown = subprocess.run(["git", "-c", "core.quotePath=false", "ls-files", "-o"], **run).stdout
    assert str(RepoPath(raw)).encode() == shown.rstrip(b"\n")


def test_exit_codes_are_those_of_the_documentation():
    codes = {
        errors.UsageError: 2, errors.ConfigError: 2, errors.FormatError: 4, errors.StoreError: 5,
        errors.MissingChunk: 5, errors.CorruptChunk: 5, errors.StoreLocked: 6, errors.RemoteError: 7,
        errors.RemoteUnavailable: 7, errors.RemoteRefused: 7, errors.StageFailed: 9,
        errors.InputError: 10,
    }  # fmt: skip
    for kind, code in codes.items():
        assert kind("what").exit_code == code
    assert errors.GitError(["git", "push"], 1, "no").exit_code == 8


def test_an_error_reads_as_what_and_why():
    assert str(errors.StoreError("cannot write", why="disk full", hint="x")) == (
        "cannot write: disk full"
    )
