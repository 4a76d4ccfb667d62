"""What is told of a file by its first and last bytes, of files that the usual tools have written."""

from __future__ import annotations

import base64
import gzip
import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.content import noise

from git_mlvc.formats.compressed import HEAD_BYTES, TAIL_BYTES, Compressed, compressed

# One column, one row; written by pyarrow 26.
PARQUET = base64.b64decode(
    "UEFSMRUEFRAVFEwVAhUAEgAACBwBAAAAAAAAABUAFRIVFiwVAhUQFQYVBhwYCAEAAAAAAAAAGAgBAAAAAAAAABYAKAgBAAAAAAAAABgI"
    "AQAAAAAAAAAREQAAAAkgAgAAAAIBAQIAFQQZLDUAGAZzY2hlbWEVAgAVBCUCGAFhABYCGRwZHCYAHBUEGTUABhAZGAFhFQIWAha8ARbE"
    "ASY4JggcGAgBAAAAAAAAABgIAQAAAAAAAAAWACgIAQAAAAAAAAAYCAEAAAAAAAAAEREAGSwVBBUAFQIAFQAVEBUCADwpBhkmAAIAAAAW"
    "vAEWAiYIFsQBACggcGFycXVldC1jcHAtYXJyb3cgdmVyc2lvbiAyNi4wLjEZHBwAAAC2AAAAUEFSMQ=="
)


def told(data: bytes) -> Compressed | None:
    return compressed(data[:HEAD_BYTES], data[-TAIL_BYTES:])


class Pipe(io.BytesIO):
    """A target in which nobody can go back to fill in a size."""

    def tell(self) -> int:
        raise io.UnsupportedOperation("tell")


def zipped(members: dict[str, int], *, streamed: bool = False) -> bytes:
    """Return a zip of members and how each is stored, as Python (and so NumPy) writes it."""
    out = Pipe() if streamed else io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, method in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            with archive.open(info, "w", force_zip64=True) as member:
                member.write(noise(3000))
    return out.getvalue()


STORED, DEFLATED = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED


def test_gzip_is_told() -> None:
    assert told(gzip.compress(noise(100_000))) is Compressed.GZIP


@pytest.mark.parametrize("streamed", [False, True])
def test_arrays_of_numpy_are_told_where_they_are_deflated(streamed: bool) -> None:
    assert told(zipped({"a.npy": DEFLATED}, streamed=streamed)) is Compressed.ARRAYS
    assert told(zipped({"a.npy": STORED, "b.npy": STORED}, streamed=streamed)) is None


def test_a_zip_is_told_by_its_first_deflated_member() -> None:
    assert told(zipped({"table.csv": DEFLATED})) is Compressed.MEMBERS
    assert told(zipped({"table.csv": STORED, "b.csv": STORED})) is None
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("first.txt", b"stored" * 100, STORED)
        archive.writestr("second.txt", b"deflated" * 100, DEFLATED)
    assert told(out.getvalue()) is Compressed.MEMBERS


@pytest.mark.parametrize(
    "first", ["[Content_Types].xml", "mimetype", "META-INF/MANIFEST.MF", "AndroidManifest.xml"]
)
def test_what_can_only_be_written_so_is_not_told(first: str) -> None:
    assert told(zipped({first: DEFLATED, "content.xml": DEFLATED})) is None


def test_parquet_is_told_unless_its_writer_noted_chunked_pages() -> None:
    assert told(PARQUET) is Compressed.PAGES
    noted = PARQUET[:-8] + b"\x18content_defined_chunking\x04true" + PARQUET[-8:]
    assert told(noted) is None
    assert told(PARQUET[:-1]) is None


@pytest.mark.parametrize(
    "data", [b"", b"PK", b"PK\x05\x06" + bytes(18), b"\x1f\x8b\x07", noise(5000)]
)
def test_everything_else_is_none_of_these(data: bytes) -> None:
    assert told(data) is None


@given(st.sampled_from([b"PK\x03\x04", b"PAR1", b"\x1f\x8b\x08", b""]), st.binary(max_size=300))
def test_whatever_follows_nothing_is_raised(start: bytes, rest: bytes) -> None:
    compressed(start + rest, rest)


@given(st.integers(0, 200))
def test_a_zip_that_is_cut_off_is_looked_at_as_far_as_it_goes(length: int) -> None:
    compressed(zipped({"a": STORED, "b": DEFLATED})[:length])
