"""Reading pictures."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import mmcv
import numpy as np
from PIL import Image

from aepose.errors import DataError

# How a complete file of each format ends. The decoder fills what a cut file lacks with grey and
# says nothing, so a file without its end is looked at more closely.
_ENDS = {b"\xff\xd8": b"\xff\xd9", b"\x89PNG": b"IEND"}


def _is_cut(data: bytes) -> bool:
    end = next((e for start, e in _ENDS.items() if data.startswith(start)), b"")
    if end in data[-64:]:
        return False
    try:
        Image.open(io.BytesIO(data)).load()
    except (OSError, SyntaxError):
        return True
    return False


def read_image(path: str | Path) -> np.ndarray:
    """Return the picture as (H, W, 3) uint8 RGB, turned upright by its EXIF orientation.

    Raises DataError that names the file if it is missing, not a picture, or cut short.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"cannot read picture {path}: {error.strerror}") from None
    if not data:
        raise DataError(f"picture {path} is an empty file")
    image = mmcv.imfrombytes(data, flag="color", backend="cv2")
    if image is None:
        raise DataError(f"picture {path} cannot be decoded; is it a JPEG or PNG?")
    if _is_cut(data):
        raise DataError(f"picture {path} is cut short (truncated file); fetch it again")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
