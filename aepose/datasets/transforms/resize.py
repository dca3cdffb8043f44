"""Resize a test image to each test scale."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from aepose.codecs import AssociativeEmbeddingCodec
from aepose.codecs.geometry import EvalFrame
from aepose.stage_clock import stage
from aepose.structures import EvalItem


def find_eval_frame(
    size: tuple[int, int], codec: AssociativeEmbeddingCodec, scales: Sequence[float]
) -> EvalFrame:
    """Return where a picture of ``size`` (w, h) goes, its sizes by descending scale."""
    ordered = tuple(sorted(scales, reverse=True))
    return codec.geometry.eval_frame(size, codec.input_size, ordered)


def make_eval_item(
    image: np.ndarray,
    codec: AssociativeEmbeddingCodec,
    scales: Sequence[float],
    image_id: int = -1,
    image_path: str = "",
) -> EvalItem:
    """Warp a picture to the network input of each test scale.

    image: (h, w, 3) uint8 RGB. Sizes follow from the picture, ``codec.input_size`` and the
    smallest scale (see ``geometry.eval_frame``).
    """
    size = image.shape[1], image.shape[0]
    frame = find_eval_frame(size, codec, scales)
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
