"""Owners: told apart across processes, reused ids, boots, hosts and containers."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_mlvc.errors import FormatError
from git_mlvc.fs.owner import Owner, is_alive

texts = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=40)
owners = st.builds(Owner, texts, texts, st.integers(1, 10**17), texts)


@given(owners)
def test_decode_inverts_encode(owner):
    assert Owner.decode(owner.encode()) == owner


@given(st.binary(max_size=200) | st.lists(texts, max_size=6).map(lambda t: "\0".join(t).encode()))
def test_decode_never_raises_anything_but_format_error(data):
    try:
        owner = Owner.decode(data)
    except FormatError:
        return
    assert owner.encode() == data


def test_a_huge_record_is_refused():
    with pytest.raises(FormatError):
        Owner.decode(b"a\0b\x001\0" + bytes(5000).replace(b"\0", b"x"))


def test_we_are_alive():
    assert is_alive(Owner.current()) is True
    assert Owner.current().pid == os.getpid()


def child_owner():
    code = (
        "import sys; from git_mlvc.fs.owner import Owner; "
        "sys.stdout.buffer.write(Owner.current().encode().hex().encode() + b'\\n'); "
        "sys.stdout.flush(); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdin is not None
    return Owner.decode(bytes.fromhex(process.stdout.readline().decode())), process


def test_another_process_is_alive_until_it_ends():
    owner, process = child_owner()
    assert is_alive(owner) is True
    process.stdin.close()
    process.stdout.close()
    process.wait()
    assert is_alive(owner) is False


def test_a_reused_process_id_is_not_the_owner():
    here = Owner.current()
    if not here.start_time:
        pytest.skip("this system does not tell when a process began")
    assert is_alive(replace(here, start_time="1")) is False


def test_before_the_last_boot_everybody_has_ended():
    here = Owner.current()
    if here.boot_id.startswith("/"):
        pytest.skip("this system has no boot id")
    assert is_alive(replace(here, boot_id="another/" + here.boot_id.split("/")[1])) is False


def test_what_is_out_of_sight_is_unknown():
    here = Owner.current()
    assert is_alive(replace(here, host="elsewhere/1")) is None
    assert is_alive(replace(here, boot_id=here.boot_id + "other container")) is None
    assert is_alive(replace(here, boot_id="")) in (None, True)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_is_its_own_owner():
    parent = Owner.current()
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(write, Owner.current().encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        child = Owner.decode(pipe.read())
    os.waitpid(pid, 0)
    assert child.pid == pid != parent.pid


def test_an_owner_reads_well_in_messages():
    assert str(Owner("lab7/0123", "b", 42, "s")) == "process 42 on lab7"
