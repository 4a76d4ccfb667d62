"""Requests and answers of the filter protocol, as bytes and values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_mlvc.git import filter_protocol as protocol
from git_mlvc.git.filter_protocol import Request
from git_mlvc.git.pktline import ProtocolError


def test_a_request_as_git_sends_it() -> None:
    texts = [
        b"command=smudge",
        b"pathname=path/test file.dat",
        b"ref=refs/heads/main",
        b"treeish=" + b"a" * 40,
        b"blob=" + b"b" * 40,
        b"can-delay=1",
    ]
    assert protocol.request(texts) == Request(
        b"smudge", b"path/test file.dat", True, b"refs/heads/main", b"a" * 40, b"b" * 40
    )


def test_unknown_keys_are_ignored() -> None:
    texts = [b"command=clean", b"colour=blue", b"pathname=x", b"novalue"]
    assert protocol.request(texts) == Request(b"clean", b"x")


def test_a_path_may_hold_an_equals_sign_and_look_like_a_key() -> None:
    assert protocol.request([b"command=clean", b"pathname=a=b=c"]).pathname == b"a=b=c"
    assert protocol.request([b"command=clean", b"pathname=pathname=x"]).pathname == b"pathname=x"


@pytest.mark.parametrize(
    "texts", [[], [b"pathname=x"], [b"command=clean"], [b"command=smudge", b"pathname="]]
)
def test_a_request_without_command_or_path_is_refused(texts: list[bytes]) -> None:
    with pytest.raises(ProtocolError):
        protocol.request(texts)


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_reading_requests_is_total(texts: list[bytes]) -> None:
    try:
        protocol.request(texts)
    except ProtocolError:
        pass


@pytest.mark.parametrize(
    "texts",
    [
        [],
        [b"hello"],
        [b"git-filter-client"],
        [b"git-filter-client", b"version=1"],
        [b"git-filter-server", b"version=2"],
    ],
)
def test_a_wrong_welcome_is_refused(texts: list[bytes]) -> None:
    with pytest.raises(ProtocolError):
        protocol.check_welcome(texts)


def test_a_newer_git_that_also_speaks_version_2_is_welcome() -> None:
    protocol.check_welcome([b"git-filter-client", b"version=3", b"version=2"])


def test_only_offered_capabilities_are_taken() -> None:
    answer = protocol.capabilities_answer([b"capability=smudge", b"capability=future"])
    assert answer == b"0016capability=smudge\n0000"


def test_answers_as_git_reads_them() -> None:
    assert protocol.answer(b"") == b"0013status=success\n000000000000"
    assert protocol.answer(b"abc") == b"0013status=success\n00000007abc00000000"
    assert protocol.DELAYED == b"0013status=delayed\n0000"
    assert protocol.ERROR == b"0011status=error\n0000"
    assert protocol.available([b"a b"]) == b"0011pathname=a b\n00000013status=success\n0000"
    assert protocol.available([]) == b"00000013status=success\n0000"
