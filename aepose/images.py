"""Read images, and find them in folders."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from aepose.errors import DataError, ImageError, warn_once

# OpenCV warps no longer sides.
LONGEST_SIDE = 32766
_MOST_PIXELS = 178_956_970  # from there on, Pillow takes a header for an attack
_SUFFIXES = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".webp", ".tif", ".tiff",
             ".avif", ".gif", ".jp2"}
_AS_STORED = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
_SHOWN = 5  # names in a message

if int(cv2.__version__.split(".")[0]) >= 5:
    warn_once(f"OpenCV {cv2.__version__} warps pictures a few grey levels otherwise than OpenCV 4, "
              "so metrics will differ a little from published ones; install "
              "'opencv-python>=4.11,<5'")


def read_image(path: str | Path, exif: bool = True) -> np.ndarray:
    """Return the picture as (H, W, 3) uint8 RGB, of a film its first frame.

    exif: turn it upright by its EXIF orientation; False: take it as it is stored

    Raises ImageError that names the file if it is missing, not a picture, cut short, or larger than
    32766 pixels a side or 178 million in all, which is seen from its header where that can be read.
    """
    if os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path)):
        raise ImageError(f"cannot read picture {path}: it is a pipe or a device, which may never "
                         "end")
    try:
        data = Path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"cannot read picture {path}: {reason}") from None
    return decode_image(data, path, exif)


def decode_image(data: bytes, path: str | Path, exif: bool = True) -> np.ndarray:
    """Return the picture in the bytes of a file as (H, W, 3) uint8 RGB; see :func:`read_image`.

    path: its name, for messages. Grey pictures get three equal channels, CMYK becomes RGB, an alpha
    channel is left out, and of 16 bits the upper 8 are taken.
    """
    if not data:
        raise ImageError(f"picture {path} is an empty file")
    _check_header(data, path)
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8),
                             cv2.IMREAD_COLOR if exif else _AS_STORED)
    except cv2.error as error:
        raise ImageError(f"picture {path} cannot be decoded: OpenCV refuses it "
                         f"({error.err or error})") from None
    if image is None:
        raise ImageError(f"picture {path} cannot be decoded: it is no picture, or the file is cut "
                         "short (then fetch it again)")
    _check_size((image.shape[1], image.shape[0]), path)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def list_images(inputs: Sequence[str | Path], recursive: bool = False) -> list[Path]:
    """Return the pictures that ``inputs`` name: files as given, folders by their pictures, sorted.

    recursive: enter the folders below a folder, too

    A picture is what is called so or begins as a picture does; hidden files are none. A warning
    counts what is left out of a folder. Raises DataError for a path that does not exist and for a
    folder without pictures.
    """
    pictures = []
    for path in map(Path, inputs):
        # Of a name too long for a file these say no, and Path's own raise an error.
        if not os.path.isdir(path):
            if not os.path.exists(path):
                raise DataError(f"picture {path} does not exist")
            pictures.append(path)
            continue
        entries = sorted(path.rglob("*") if recursive else path.iterdir())
        folders = [] if recursive else [entry for entry in entries if entry.is_dir()]
        files = [entry for entry in entries if entry.is_file()]
        found = [file for file in files if _is_picture(file)]
        others = [str(file.relative_to(path)) for file in files if not _is_picture(file)]
        left_out = []
        if others:
            more = ", …" if len(others) > _SHOWN else ""
            left_out.append(f"{len(others)} files that are no pictures "
                            f"({', '.join(others[:_SHOWN])}{more})")
        if folders:
            left_out.append(f"{len(folders)} folders (recursive enters them)")
        if not found:
            raise DataError(f"folder {path} has no pictures"
                            + (f", but {' and '.join(left_out)}" if left_out else ""))
        if left_out:
            warn_once(f"{path}: left out {' and '.join(left_out)}")
        pictures += found
    return pictures


def _is_picture(file: Path) -> bool:
    return not file.name.startswith(".") and (
        file.suffix.lower() in _SUFFIXES or cv2.haveImageReader(str(file)))


def _check_header(data: bytes, path: str | Path) -> None:
    """Refuse a file that says it is huge, if Pillow is there and knows its kind."""
    try:
        from PIL import Image
    except ModuleNotFoundError:  # OpenCV has a limit of its own, if a higher one
        return
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data)) as header:
            size = header.size
    except Image.DecompressionBombError as error:
        raise ImageError(f"picture {path} is too large ({error}); make it smaller, or cut it into "
                         "pieces") from None
    except Exception:  # whatever is wrong with the file, the decoder says it
        return
    _check_size(size, path)


def _check_size(size: tuple[int, int], path: str | Path) -> None:
    if max(size) > LONGEST_SIDE or size[0] * size[1] > _MOST_PIXELS:
        raise ImageError(f"picture {path} is {size[0]}x{size[1]}; at most {LONGEST_SIDE} pixels a "
                         f"side and {_MOST_PIXELS // 10**6} million in all are read: make it "
                         "smaller, or cut it into pieces")
