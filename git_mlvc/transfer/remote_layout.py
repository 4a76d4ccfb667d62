"""Where things stand on a remote, and its list of segments. Promise: docs/formats/remote.md.

Names that a remote hands us are ids or nothing: what is not exactly the hex of a hash is never used.
"""

from __future__ import annotations

import re
import struct
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import gt

from git_mlvc.errors import FormatError
from git_mlvc.formats.segment import SegmentLayout, SegmentView

FORMAT_KEY = "format"
INDEX_KEY = "index"
PACKS = "packs/"
SEGMENTS = "segments/"
MAX_INDEX_BYTES = 16 << 20
MARKER_TEXT = b"git-mlvc merged 1\n"
SLICE_ROWS = 4096  # of a segment, about, between two marks of its summary
MAX_ROWS = (1 << 32) - 1
_FIRST_LINE_OF_1 = b"git-mlvc segments 1\n"
_FIRST_LINES = b"git-mlvc segments 2\nstore 1\n"
_ANY_INDEX = re.compile(rb"git-mlvc segments [0-9]+\n")
_PACK_KEY = re.compile(r"packs/([0-9a-f]{2})/(\1[0-9a-f]{62})\Z")
_SEGMENT_KEY = re.compile(r"segments/([0-9a-f]{64})\Z")
_MARKER_KEY = re.compile(r"segments/([0-9a-f]{64})\.in-([0-9a-f]{64})\.([0-9]{1,6})\Z")
_NAME = re.compile(rb"[0-9a-f]{64}\Z")
_SUMMARY_LINE = re.compile(
    rb"([0-9a-f]{64}) ([0-9]{1,10}) ([0-9]{1,10}) ([0-9]{1,10}) ([A-Za-z0-9+/=]+)\Z"
)
_NUMBER = struct.Struct("<I")


def pack_key(pack_id: bytes) -> str:
    name = pack_id.hex()
    return f"{PACKS}{name[:2]}/{name}"


def segment_key(segment_id: bytes) -> str:
    return SEGMENTS + segment_id.hex()


def pack_of(key: str) -> bytes | None:
    """Return the id of the pack that lives under `key`, None if no pack can."""
    found = _PACK_KEY.match(key)
    return bytes.fromhex(found[2]) if found else None


def segment_of(key: str) -> bytes | None:
    found = _SEGMENT_KEY.match(key)
    return bytes.fromhex(found[1]) if found else None


def marker_key(old: bytes, merged: bytes, day: int) -> str:
    """Return the key that says: segment `old` was merged into `merged` on this day since 1970."""
    return f"{SEGMENTS}{old.hex()}.in-{merged.hex()}.{day}"


def marker_of(key: str) -> tuple[bytes, bytes, int] | None:
    """Return what a marker says: old, merged, day. None if it is none."""
    found = _MARKER_KEY.match(key)
    return (bytes.fromhex(found[1]), bytes.fromhex(found[2]), int(found[3])) if found else None


@dataclass(frozen=True, slots=True)
class Summary:
    """What a reader of ranges wants to know of a segment: its shape, and a coarse fan-out.

    `marks`: 2^n + 1 numbers; the ids that begin with the n bits k stand in rows marks[k] to marks[k+1].
    """

    id: bytes
    layout: SegmentLayout
    marks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Index:
    """What the `index` object says. `summaries` of its segments are None in version 1.

    `names_format`: the remote's `format` was there, and of the version that we know.
    """

    summaries: Mapping[bytes, Summary | None]
    names_format: bool


def summary_of(segment_id: bytes, view: SegmentView) -> Summary:
    """Return the summary of a segment in hand."""
    layout = view.layout
    return summarise(segment_id, layout, view.buffer[layout.fan_at : layout.packs_at])


def summarise(segment_id: bytes, layout: SegmentLayout, fan_out: bytes) -> Summary:
    """Return the summary of a segment with this fan-out. Raises FormatError if it cannot be one."""
    bits = min(layout.fan_bits, (max(0, layout.row_count - 1) // SLICE_ROWS).bit_length())
    step = 1 << (layout.fan_bits - bits)
    if len(fan_out) != layout.packs_at - layout.fan_at:
        raise FormatError("damaged segment", why="it is cut short")
    marks = tuple(
        _NUMBER.unpack_from(fan_out, 4 * at)[0] for at in range(0, (1 << layout.fan_bits) + 1, step)
    )
    if marks[0] or marks[-1] != layout.row_count or any(map(gt, marks, marks[1:])):
        raise FormatError("damaged segment", why="its fan-out does not match")
    return Summary(segment_id, layout, marks)


def encode_index(summaries: Iterable[Summary]) -> bytes:
    """Return the `index` object, version 2: a line for each segment, sorted by id."""
    lines = {}
    for one in summaries:
        shape = one.layout
        marks = struct.pack(f"<{len(one.marks)}I", *one.marks)
        lines[one.id.hex()] = (
            f"{one.id.hex()} {shape.pack_count} {shape.row_count} {shape.run_count}"
            f" {b64encode(marks).decode('ascii')}\n"
        )
    return _FIRST_LINES + "".join(lines[name] for name in sorted(lines)).encode("ascii")


def decode_index(data: bytes) -> Index:
    """Raises FormatError."""
    if data.startswith(_FIRST_LINES):
        return Index(_summaries(data), True)
    if not data.startswith(_FIRST_LINE_OF_1):
        if _ANY_INDEX.match(data) and not data.startswith(_FIRST_LINES.split(b"\n")[0] + b"\n"):
            raise FormatError(
                "cannot read the remote's index",
                why="it was written by a newer git-mlvc",
                hint="upgrade git-mlvc",
            )
        raise _damaged("it does not begin like one")
    lines = data[len(_FIRST_LINE_OF_1) :].split(b"\n")
    if lines.pop() != b"" or not all(map(_NAME.match, lines)):
        raise _damaged("a line is not the id of a segment")
    if sorted(set(lines)) != lines:
        raise _damaged("its lines are not sorted")
    return Index(dict.fromkeys(bytes.fromhex(line.decode("ascii")) for line in lines), False)


def _summaries(data: bytes) -> dict[bytes, Summary | None]:
    lines = data[len(_FIRST_LINES) :].split(b"\n")
    lines.pop()
    found: dict[bytes, Summary | None] = {}
    for line in lines:
        match = _SUMMARY_LINE.match(line)
        if match is None:
            raise _damaged("a line is not one of a segment")
        try:
            packed = b64decode(match[5], validate=True)
        except ValueError as exc:
            raise _damaged(str(exc)) from exc
        layout = SegmentLayout(int(match[2]), int(match[3]), int(match[4]))
        marks = tuple(mark for (mark,) in _NUMBER.iter_unpack(packed[: len(packed) // 4 * 4]))
        slices = len(marks) - 1
        if (
            slices < 1
            or slices & (slices - 1)
            or slices > 1 << layout.fan_bits
            or layout.row_count > MAX_ROWS
            or marks[0] != 0
            or marks[-1] != layout.row_count
            or any(map(gt, marks, marks[1:]))
        ):
            raise _damaged("the summary of a segment cannot be true")
        segment_id = bytes.fromhex(match[1].decode("ascii"))
        found[segment_id] = Summary(segment_id, layout, marks)
    if encode_index(one for one in found.values() if one is not None) != data:
        raise _damaged("its lines are not sorted, or not as they are written")
    return found


def _damaged(why: str) -> FormatError:
    return FormatError("damaged remote index", why=why)
