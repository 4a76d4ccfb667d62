"""Images: what their bytes are, how large they may be. Pure."""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass

from git_mlvc.errors import InputError
from git_mlvc.plots.reading import ending
from git_mlvc.units import size_text

MAX_BYTES = 10_000_000
ENDINGS = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "svg": "image/svg+xml",
    "webp": "image/webp",
}
_NEAR_THE_START = 4096


@dataclass(frozen=True, slots=True)
class Picture:
    """`width`, `height` in pixels; 0 where they are not known."""

    media_type: str
    data: bytes
    width: int = 0
    height: int = 0

    @property
    def uri(self) -> str:
        """The image itself as an address, for a page that holds all that it shows."""
        return f"data:{self.media_type};base64,{base64.b64encode(self.data).decode('ascii')}"

    @property
    def ending(self) -> str:
        """What the names of such files end in."""
        return self.media_type.removeprefix("image/").removesuffix("+xml").replace("jpeg", "jpg")


def is_picture(name: str) -> bool:
    return ending(name) in ENDINGS


def picture(data: bytes, name: str) -> Picture:
    """Return an image by what its bytes are. Raises InputError naming `name`."""
    media_type = _media_type(data)
    if media_type is None:
        raise InputError(
            f"{name} is no image",
            why="it begins like none of PNG, JPEG, GIF, SVG and WebP",
            hint="look at what wrote it",
        )
    if len(data) > MAX_BYTES:
        raise InputError(
            f"{name} is too large for a page",
            why=f"it has {size_text(len(data))}; images are shown up to {size_text(MAX_BYTES)}",
            hint="write it smaller, or open it by itself",
        )
    return Picture(media_type, data, *_extent(media_type, data))


def _media_type(data: bytes) -> str | None:
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return "image/svg+xml" if b"<svg" in data[:_NEAR_THE_START] else None


def _extent(media_type: str, data: bytes) -> tuple[int, int]:
    if media_type == "image/png" and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
        return int(width), int(height)
    if media_type == "image/gif" and len(data) >= 10:
        width, height = struct.unpack("<HH", data[6:10])
        return int(width), int(height)
    return 0, 0
