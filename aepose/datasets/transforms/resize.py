"""Resize a test image to each test scale."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from aepose.codecs.decoder import Decoder
from aepose.codecs.geometry import EvalFrame
from aepose.errors import ImageError
from aepose.images import LONGEST_SIDE
from aepose.stage_clock import stage
from aepose.structures import EvalItem

_MOST_ELONGATED = 16


def find_eval_frame(
    size: tuple[int, int], codec: Decoder, scales: Sequence[float],
    name: str = "picture",
) -> EvalFrame:
    """Return where a picture of ``size`` (w, h) goes, its sizes by descending scale.

    name: of the picture. Raises ImageError for one more than 16 times as long as wide, or as wide
    as long: all of it is shown and covers ``codec.train_size``, so the network would get a strip
    without end.
    """
    ordered = tuple(sorted(scales, reverse=True))
    frame = codec.geometry.eval_frame(size, codec.train_size, ordered)
    if max(size) > _MOST_ELONGATED * min(size) or max(map(max, frame.sizes)) > LONGEST_SIDE:
        raise ImageError(f"{name} is {size[0]}x{size[1]}, so the network would get "
                         f"{frame.sizes[0][0]}x{frame.sizes[0][1]}; sides may differ by "
                         f"{_MOST_ELONGATED} times, and the network's input may have "
                         f"{LONGEST_SIDE} pixels a side: cut the picture into pieces")
    return frame


def make_eval_item(
    image: np.ndarray,
    codec: Decoder,
    scales: Sequence[float],
    image_id: int = -1,
    image_path: str = "",
) -> EvalItem:
    """Warp a picture to the network input of each test scale.

    image: (h, w, 3) uint8 RGB. Sizes follow from the picture, ``codec.train_size`` and the
    smallest scale (see ``geometry.eval_frame``). Raises ImageError as ``find_eval_frame`` does.
    """
    size = image.shape[1], image.shape[0]
    frame = find_eval_frame(size, codec, scales, f"picture {image_path or 'array'}")
    with stage("warp"):
        images = [cv2.warpAffine(image, codec.geometry.test_matrix(frame, out), out,
                                 flags=cv2.INTER_LINEAR) for out in frame.sizes]
    return EvalItem(
        images=images,
        scales=tuple(sorted(scales, reverse=True)),
        base_size=frame.base_size,
        center=frame.center,
        scale=frame.scale,
        image_size=size,
        image_id=image_id,
        image_path=image_path,
    )
