"""The `format` file: refused when it is from the future."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_mlvc import chunking
from git_mlvc.errors import FormatError
from git_mlvc.formats import store_config as codec
from git_mlvc.formats.store_config import StoreConfig

GOOD = codec.encode(StoreConfig())


def test_the_default_is_how_this_version_cuts():
    assert codec.DEFAULT_CHUNKER == chunking.PROFILE


def test_decode_inverts_encode():
    for config in (StoreConfig(), StoreConfig("whole"), StoreConfig("fixed 1048576")):
        assert codec.decode(codec.encode(config)) == config
    assert GOOD == b"git-mlvc store 1\nchunks fastcdc2020 16384 65536 262144 1 0\n"


@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda tail: GOOD[:17] + tail))
def test_decode_never_raises_anything_but_format_error(data):
    try:
        config = codec.decode(data)
    except FormatError:
        return
    assert codec.encode(config) == data


@pytest.mark.parametrize("rest", [b"", b"whatever comes then\n", b"\xff"])
def test_a_future_format_is_refused_clearly(rest):
    with pytest.raises(FormatError) as caught:
        codec.decode(b"git-mlvc store 2\n" + rest)
    assert "newer git-mlvc" in caught.value.why
    assert "upgrade" in caught.value.hint


@pytest.mark.parametrize(
    "data",
    [
        b"",
        GOOD[:-1],
        GOOD + b"\n",
        b"git-mlvc store 0\n",
        b"git-mlvc store 1",
        b"git-mlvc store 1\n",
        GOOD.replace(b"\n", b"\r\n"),
        GOOD + b"x" * 10_000,
    ],
)
def test_anything_else_is_no_store(data):
    with pytest.raises(FormatError):
        codec.decode(data)


def test_encode_refuses_what_is_no_profile():
    for profile in ("", "Upper", "two  spaces", "line\nbreak"):
        with pytest.raises((ValueError, FormatError)):
            codec.encode(StoreConfig(profile))
