"""Read images."""

from __future__ import annotations

from pathlib import Path

import cv2
import mmcv
import numpy as np

from aepose.errors import DataError


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
        raise DataError(f"picture {path} cannot be decoded: it is no picture, or the file is cut "
                        "short (then fetch it again)")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
