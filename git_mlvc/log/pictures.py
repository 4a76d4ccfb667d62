"""Pictures as files: arrays, PIL images, matplotlib figures, and files that are there already."""

from __future__ import annotations

import io
import os
from importlib import import_module
from pathlib import Path
from typing import Any

from git_mlvc.log import png

SUFFIXES = (".png", ".jpg", ".jpeg", ".svg", ".gif", ".webp")


def encoded(name: str, image: Any) -> tuple[str, bytes]:
    """Return suffix and contents of the file for an image.

    Arrays (numpy, torch, nested lists) are height × width, or height × width × 1, 3 or 4, also with these in front as torch
    has them: whole numbers from 0 to 255, floats from 0 to 1, or truth values. Raises TypeError, ValueError, OSError.
    """
    if isinstance(image, str | os.PathLike):
        return _of_file(name, Path(image))
    if callable(getattr(image, "savefig", None)):  # matplotlib's Figure
        return _saved(image.savefig, format="png", metadata={"Software": None})
    figure = getattr(image, "figure", None)
    if callable(getattr(figure, "savefig", None)):  # its Axes, and what seaborn gives
        return encoded(name, figure)
    if callable(getattr(image, "save", None)) and hasattr(image, "mode"):  # PIL's Image
        return _saved(_of_a_mode_that_png_has(name, image).save, format="PNG")
    return ".png", _of_array(name, image)


def _of_file(name: str, path: Path) -> tuple[str, bytes]:
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"image {name!r}: {path} is none of {', '.join(SUFFIXES)}")
    return suffix, path.read_bytes()


def _saved(save: Any, **options: Any) -> tuple[str, bytes]:
    buffer = io.BytesIO()
    save(buffer, **options)
    return ".png", buffer.getvalue()


def _of_a_mode_that_png_has(name: str, image: Any) -> Any:
    if image.mode in ("CMYK", "YCbCr", "HSV", "RGBX"):
        return image.convert("RGB")
    if image.mode in ("F", "LAB", "La"):  # what they look like is not known without more
        raise ValueError(
            f"image {name!r} has the mode {image.mode!r}: convert it to L or RGB first"
        )
    return image


def _of_array(name: str, image: Any) -> bytes:
    np: Any = import_module("numpy")  # who gives an array has it

    for turned in ("detach", "cpu"):  # a tensor of torch, which may be on another device
        if callable(getattr(image, turned, None)):
            image = getattr(image, turned)()
    if str(getattr(image, "dtype", "")) in ("torch.bfloat16", "bfloat16"):  # numpy has none
        image = (
            image.float() if callable(getattr(image, "float", None)) else image.astype("float32")
        )
    try:
        array = np.asarray(image)
    except (TypeError, ValueError) as exc:
        raise TypeError(f"image {name!r} is a {type(image).__name__}, not a picture") from exc
    if array.dtype.kind not in "biuf":
        raise TypeError(f"image {name!r} is a {type(image).__name__}, not a picture")
    if array.ndim == 3 and array.shape[2] not in (1, 3, 4) and array.shape[0] in (1, 3, 4):
        array = np.moveaxis(array, 0, 2)
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or not array.size:
        raise ValueError(
            f"image {name!r} is an array of the shape {tuple(array.shape)}, not height × width (× 1, 3 or 4)"
        )
    height, width, channels = array.shape
    return png.encode(_as_bytes(name, array).tobytes(), width, height, channels)


def _as_bytes(name: str, array: Any) -> Any:
    if array.dtype.kind == "b":
        return array.astype("uint8") * 255
    highest, words = (1, "floats from 0 to 1") if array.dtype.kind == "f" else (255, "0 to 255")
    slack = 1e-3 if highest == 1 else 0
    if not (array.min() >= -slack and array.max() <= highest + slack):  # NaN is in no range
        raise ValueError(
            f"image {name!r} has values from {array.min()} to {array.max()}, not {words}: scale it first"
        )
    return (array.clip(0, 1) * 255 + 0.5).astype("uint8") if highest == 1 else array.astype("uint8")
